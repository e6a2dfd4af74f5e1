"""A device's packet as the document of DESIGN §8, before the door adds when and where it came in."""

from __future__ import annotations

from typing import Any

from services.monitoring.packet_record import TIMELESS
from shared.domain.clock import rfc3339
from shared.hj212.packet import Packet

Document = dict[str, Any]
HEARTBEAT = "9015"


def of_data(packet: Packet) -> Document:
    """An upload; its factors under 2017 codes."""
    document: Document = {
        "mn": packet.mn,
        "command": packet.cn,
        "data_time": rfc3339(packet.data_time) if packet.data_time else None,
        "qn": packet.qn,
        "rf": packet.rf,
        "factors": packet.factors,
        "st": packet.st,
    }
    if packet.pnum is not None:
        document["pnum"], document["pno"] = packet.pnum, packet.pno
    params = {name: value for name, value in packet.params.items() if name != "DataTime"}
    if params:
        document["params"] = params
    if packet.notes:
        document["notes"] = list(packet.notes)
    return document


def of_notice(packet: Packet) -> Document:
    """A sign of life; its items may hold a new key, so none is kept. What no device is meant to say counts as a heartbeat."""
    known = packet.cn in TIMELESS
    document: Document = {
        "mn": packet.mn,
        "command": packet.cn if known else HEARTBEAT,
        "data_time": None,
        "qn": packet.qn,
        "rf": False,
        "factors": {},
    }
    if not known:
        document["notes"] = [f"CN {packet.cn}, kept as a sign of life"]
    return document
