"""Nothing that comes in by any entrance stops the product, is answered with a 5xx, or takes a good input down with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.bodies import Bodies
from tests.fuzz.cursors import Cursors
from tests.fuzz.frames import Frames
from tests.fuzz.imports import Imports
from tests.fuzz.packets import Packets
from tests.fuzz.records import Records
from tests.fuzz.requests import Requests
from tests.fuzz.run import Fuzzed, Fuzzer, Make, Tally
from tests.fuzz.tokens import Tokens

ENTRANCES: dict[str, Make] = {
    one.name: one for one in (Frames, Packets, Imports, Cursors, Tokens, Bodies, Requests, Records)
}  # records last: what others write to the log may make handlers fail, by design


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_whatever_comes_in_the_product_stays_well(
    fuzzed: Fuzzed, entrance: str, tally: Tally, seconds: float, tmp_path: Path
) -> None:
    Fuzzer(ENTRANCES[entrance], fuzzed, tally=tally, folder=tmp_path).run(seconds / len(ENTRANCES))
