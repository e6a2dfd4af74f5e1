"""The records that the gateway writes: packets and notices to `packets`, what cannot be used to `quarantine`.

Passwords leave the frame here: masked in raw bytes, sealed where a put-back must compare them.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Any

from shared.domain.clock import rfc3339
from shared.eventlog.codec import encode
from shared.hj212.packet import Packet
from shared.hj212.reply import to_masked
from shared.ports import NewRecord
from shared.runtime.directory import Directory
from shared.runtime.secrets import Sealer

from .judging import Refused

SOURCE = "gateway"
SEALED_FOR = "quarantine-password"


def packet(found: Packet, raw: bytes, *, received_at: datetime, directory: Directory) -> NewRecord:
    """A data packet; its factors under 2017 codes."""
    document: dict[str, Any] = {
        "mn": found.mn,
        "command": found.cn,
        "data_time": rfc3339(found.data_time) if found.data_time else None,
        "qn": found.qn,
        "rf": found.rf,
        "factors": found.factors,
        "st": found.st,
    }
    if found.pnum is not None:
        document["pnum"], document["pno"] = found.pnum, found.pno
    params = {name: value for name, value in found.params.items() if name != "DataTime"}
    if params:
        document["params"] = params
    if found.notes:
        document["notes"] = list(found.notes)
    return _record(document, raw, received_at, directory)


def notice(found: Packet, raw: bytes, *, received_at: datetime, directory: Directory) -> NewRecord:
    """A sign of life. A command or answer may carry a new password or key, so neither items nor bytes are kept."""
    document: dict[str, Any] = {
        "mn": found.mn,
        "command": found.cn,
        "data_time": None,
        "qn": found.qn,
        "rf": False,
        "factors": {},
    }
    return _record(document, None, received_at, directory)


def quarantine(refused: Refused, raw: bytes, *, address: str, received_at: datetime, sealer: Sealer) -> NewRecord:
    """What could not be used, as it came."""
    sealed = sealer.seal(refused.password, SEALED_FOR) if refused.password else None
    document = {
        "reason": refused.reason.value,
        "mn": refused.mn,
        "received_at": rfc3339(received_at),
        "source": SOURCE,
        "address": address,
        "raw": b64encode(to_masked(raw)).decode(),
        "sealed_password": sealed,
        "detail": refused.detail,
        "put_back_of": None,
    }
    return NewRecord(refused.mn or address, encode(document))


def _record(document: dict[str, Any], raw: bytes | None, received_at: datetime, directory: Directory) -> NewRecord:
    document["received_at"] = rfc3339(received_at)
    document["source"] = SOURCE
    headers = {"registry": b"%d" % directory.offset}
    if raw is not None:
        headers["raw"] = to_masked(raw)
    return NewRecord(document["mn"], encode(document), headers)
