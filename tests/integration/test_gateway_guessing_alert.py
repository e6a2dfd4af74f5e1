"""From wrong passwords on the line to the operators' alert, through the whole product."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import Logger, Source, eventually, last_hour
from tests.support.whole import Whole, whole


@pytest.fixture
def product(tmp_path: Path, database_url: str | None) -> Iterator[Whole]:
    with whole(tmp_path, database_url) as found:
        yield found


def alerts(product: Whole, token: str | None = None) -> list[dict[str, Any]]:
    answer = product.client(token).get("/alerts/v1/alerts", params={"kind": "gateway.guessing"})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def test_operators_are_alerted_with_point_and_address_and_the_enterprise_is_not(product: Whole) -> None:
    source = Source()
    source.register(product.client())
    product.knows_point(source.mn)
    wrong = replace(source, password="000000").hour(last_hour(), 20.0)
    with Logger(product.gateway_port) as guesser:
        guesser.send(*[wrong] * 10)
        assert guesser.answer() == b""
    (alert,) = eventually(lambda: alerts(product, product.token("ops")), what="the operators' alert")
    assert (alert["condition"], alert["point"], alert["level"]) == ("address", source.mn, "yellow")
    assert alert["enterprise"] is None
    assert all(source.mn in words and "127.0.0.1" in words for words in alert["headline"].values())
    assert alerts(product, product.token("enterprise", credit_codes=[source.code])) == []
    with Logger(product.gateway_port) as late:
        late.send(source.hour(last_hour(), 20.0))
        late.socket.shutdown(socket.SHUT_WR)
        assert late.answer() == b"", "the pair waits: the right password is not answered either"
