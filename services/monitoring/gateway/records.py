"""The gateway's record of `quarantine`: what cannot be used, its password masked in the bytes and sealed for a put-back."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime

from services.monitoring.packet_record import Document
from shared.domain.clock import rfc3339
from shared.eventlog.codec import encode
from shared.hj212.reply import to_masked
from shared.ports import NewRecord
from shared.runtime.secrets import Sealer

from .judging import Refused

SOURCE = "gateway"
SEALED_FOR = "quarantine-password"


def quarantine_record(
    refused: Refused,
    raw: bytes,
    *,
    address: str,
    received_at: datetime,
    sealer: Sealer,
    guessing: Document | None = None,
) -> NewRecord:
    """What could not be used, as it came. `guessing`: what operators are to be warned of, in the words of the detector."""
    sealed = sealer.seal(refused.password, SEALED_FOR) if refused.password else None
    document: Document = {
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
    if guessing is not None:
        document["guessing"] = guessing
    return NewRecord(refused.mn or address, encode(document))
