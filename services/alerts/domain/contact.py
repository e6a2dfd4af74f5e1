"""Where a push goes: a kind of channel, an address in the channel's own form, and a secret where the channel signs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """`kind`: a channel's; `secret`: shared with the receiver, None where the channel needs none."""

    kind: str
    address: str
    secret: str | None = field(default=None, repr=False)
