"""What can be wrong, by kind. `runtime/web.py` alone knows the HTTP numbers.

DomainError
├── Invalid        the input does not fit: names the field, the value and the rule
├── Ahead          a position behind the end of what is there: after a restore, for one
├── NotFound       no such object, or it is outside the caller's scope
├── Conflict       the object is in a state that forbids this
├── Forbidden      the role lacks the verb
├── Unauthorized   no valid token
├── RateLimited    more calls than the caller's budget holds: try again later
└── Unreachable    something we stand on (log, database, receiver) is away: try again later
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

MOST_SHOWN = 100  # characters of a name that there is not


class DomainError(Exception):
    """The parent of all expected errors; `code` is fixed and machine-readable."""

    code = "error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class Invalid(DomainError):
    """The input does not fit. `field` is its path, `value` what came, `rule` what was expected; `also`: what else does not."""

    code = "invalid"

    def __init__(
        self,
        detail: str,
        *,
        field: str = "",
        value: object = None,
        rule: str = "",
        code: str | None = None,
        also: Sequence[Invalid] = (),
    ):
        super().__init__(detail, code=code)
        self.field = field
        self.value = value
        self.rule = rule
        self.also = tuple(also)


def unknown_value(what: str, value: str, known: Collection[str], *, field: str, rule: str = "") -> Invalid:
    """The error for a value that is none of the known ones: names it and the nearest of them. `rule`: what is expected."""
    (nearest,) = get_close_matches(value, sorted(known), n=1, cutoff=0.0)
    expected = f"{rule or f'a known {what}'}; the nearest is {nearest}"
    return Invalid(
        f"{field} {value!r} is not a {what}: the nearest is {nearest!r}", field=field, value=value, rule=expected
    )


class Ahead(Invalid):
    """A cursor that stands behind the newest entry there is: whoever waits there would receive nothing."""

    code = "cursor-ahead"


class NotFound(DomainError):
    code = "not-found"


def no_such(what: str, name: str) -> NotFound:
    """The error for an object that there is not, or that the caller may not see: `no such alert 'alr_7'`."""
    return NotFound(f"no such {what} {name if len(name) <= MOST_SHOWN else name[: MOST_SHOWN - 1] + '…'!r}")


class Conflict(DomainError):
    code = "conflict"


class Forbidden(DomainError):
    code = "forbidden"


class Unauthorized(DomainError):
    code = "unauthorized"


class RateLimited(DomainError):
    """The caller's budget is used up; `retry_after_s` is for the caller."""

    code = "rate-limited"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unreachable(DomainError):
    """What we stand on is away; `retry_after_s` is for the caller."""

    code = "unreachable"

    def __init__(self, detail: str, *, retry_after_s: int = 5, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s
