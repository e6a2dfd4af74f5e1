"""What an import reports: of one row that it was refused, mended or taken in part, and of a whole that it failed.

Whatever a file holds, the texts are short, every database keeps them, and no secret is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from types import TracebackType

from shared.domain.errors import DomainError, Invalid

CHARACTERS = 200  # of a field or value
REASON_CHARACTERS = 500
FINDINGS_A_DOCUMENT = 100
SECRETS = ("password", "secret", "key", "token")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
OWN_MODULES = ("services.", "shared.")
PLACES = 10  # of a traceback


class Outcome(StrEnum):
    REFUSED = "refused"  # the row is not in
    MENDED = "mended"  # the row is in, with a value that was certain
    LEFT_OUT = "left_out"  # the row is in, without this value; or what is no row of data is not in
    CHECK_CHARACTER = "check_character"  # the row is in, with a credit code whose check character is wrong
    DUPLICATE = "duplicate"  # another row of the file has the same number; one of them is in


@dataclass(frozen=True, slots=True)
class Finding:
    line: int
    field: str
    value: str
    reason: str
    outcome: Outcome

    def printable(self) -> Finding:
        """As it is stored: short, and without signs that a database or terminal refuses."""
        return replace(
            self,
            field=printable(self.field, CHARACTERS),
            value=printable(self.value, CHARACTERS),
            reason=printable(self.reason, REASON_CHARACTERS),
        )


class FailureKind(StrEnum):
    """Why an import failed; also a label of its metric."""

    REFUSED = "refused"  # the file is none that is taken in
    ERROR = "error"  # an error that nobody expected
    CRASHED = "crashed"  # the process ended abruptly while the import ran


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an import failed. `places`: the code that an unexpected error passed through, the innermost last."""

    kind: FailureKind
    reason: str
    places: tuple[str, ...] = ()


def failure_of(error: Exception) -> Failure:
    """The failure of an import that raised `error`. An unexpected error's own text may repeat what stands in the file,
    so it is left out."""
    if isinstance(error, Invalid):
        expected = f"; expected: {error.rule}" if error.rule else ""
        return Failure(FailureKind.REFUSED, printable(error.detail + expected, REASON_CHARACTERS))
    if isinstance(error, DomainError):
        return Failure(FailureKind.REFUSED, printable(error.detail, REASON_CHARACTERS))
    places = tuple(_places(error.__traceback__))[-PLACES:]
    if isinstance(error, MemoryError):
        return Failure(FailureKind.ERROR, "the file needs more memory than there is; expected: a smaller file", places)
    where = f" at {places[-1]}" if places else ""
    reason = f"an unexpected error ({type(error).__name__}{where}); expected: a file that is read without one"
    return Failure(FailureKind.ERROR, reason, places)


def crashed(attempts: int) -> Failure:
    """The failure of an import during which the process ended abruptly each time it was tried."""
    reason = f"the process ended abruptly {attempts} times while this import ran; expected: a file that fits in memory"
    return Failure(FailureKind.CRASHED, reason)


def refusals(line: int, error: DomainError) -> list[Finding]:
    """What is wrong with one document; of hundreds of errors the first ones, and how many more there are."""
    wrongs = (error, *error.also) if isinstance(error, Invalid) else (error,)
    found = [_refusal(line, wrong) for wrong in wrongs[:FINDINGS_A_DOCUMENT]]
    if len(wrongs) > FINDINGS_A_DOCUMENT:
        more = f"{len(wrongs) - FINDINGS_A_DOCUMENT:,} more errors in this document"
        found.append(Finding(line, "", "", more, Outcome.REFUSED))
    return found


def _refusal(line: int, wrong: DomainError) -> Finding:
    if not isinstance(wrong, Invalid):
        return Finding(line, "", "", wrong.detail, Outcome.REFUSED)
    reason = f"expected: {wrong.rule}" if wrong.rule else wrong.detail
    hidden = any(word in wrong.field.lower() for word in SECRETS)
    return Finding(line, wrong.field, "…" if hidden else shown(wrong.value), reason, Outcome.REFUSED)


def shown(value: object) -> str:
    """A value as a finding shows it; whole objects may hold a password, so of them only the type."""
    return str(value)[:CHARACTERS] if isinstance(value, str | int | float | None) else type(value).__name__


def printable(text: str, characters: int) -> str:
    """The beginning of a text, without what a database or terminal refuses."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text[:characters])


def _places(traceback: TracebackType | None) -> Iterator[str]:
    """Module and line of each frame that is ours."""
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if module.startswith(OWN_MODULES):
            yield f"{module}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
