"""A frame that waited in quarantine for its point becomes the very record that the gateway makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.monitoring.gateway.judging import Data, Notice, Refused, judge
from services.monitoring.gateway.records import quarantine_record
from services.monitoring.packet_record import packet_record
from shared.eventlog.codec import decode
from shared.hj212.reply import build, encode
from tests.unit.monitoring.harness import MonitoringHarness
from tests.unit.monitoring.test_gateway_judging import a_register, the_cut

MN = "B220000_0002"
ITEMS = [[("DataTime", "20261120080000"), ("Kind", "1")], [("011-Avg", "42.1"), ("011-Flag", "N"), ("w01018-Avg", "x")]]


@pytest.mark.parametrize("command", ["2061", "9015", "3020"])
@pytest.mark.parametrize("system", ["31", "32"])
def test_the_gateways_record_and_the_put_back_record_of_a_frame_are_equal(
    tmp_path: Path, command: str, system: str
) -> None:
    harness = MonitoringHarness(tmp_path).a_site()
    segment = build(
        mn=MN, cn=command, st=system, pw="123456", flag=7, qn="20261120083000001", cp=ITEMS, pnum=2, pno=1
    )  # fmt: skip
    cut = the_cut(encode(segment))
    known, unknown = (judge(cut, register, harness.now) for register in (a_register(**{MN: {}}), a_register()))
    assert isinstance(known, Data | Notice) and isinstance(unknown, Refused)
    raw = cut.raw if isinstance(known, Data) else None
    direct = packet_record(known.document, received_at=harness.now, source="gateway", register_offset=0, raw=raw)
    quarantined = quarantine_record(
        unknown, cut.raw, address="192.0.2.1", received_at=harness.now, sealer=harness.sealer
    )
    harness.take_quarantine(decode(quarantined.value or b""))
    harness.a_point(MN, password="123456", system=system)
    assert harness.published_raw("packets") == [direct.value]
    if command == "2061":
        assert {"item_notes", "pnum", "params"} <= decode(direct.value or b"").keys()
