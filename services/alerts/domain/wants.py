"""Which events an endpoint wants: by type of event, and of alerts also by kind. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Wants:
    """Empty: all. `events` are types of CloudEvents; `kinds` of alerts may hold `*`."""

    events: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def takes(self, event: str, kind: str | None = None) -> bool:
        """Whether an event of this type goes there; `kind`: of the alert that it is about, None for what is about several."""
        if self.events and event not in self.events:
            return False
        return not self.kinds or kind is None or any(fnmatchcase(kind, one) for one in self.kinds)


ALL = Wants()
