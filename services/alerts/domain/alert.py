"""An alert: what became of one risk for the people concerned. open → acknowledged → answered → verified → closed.

Frozen; every step gives a new alert with the next revision and a history entry that says who, when and why. Being
acknowledged and being cleared are orthogonal. Stage, level and words are the catalogue's; pushes are `decision`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.alerts.domain.catalogue import Audience, Level, Row, Stage
from shared.domain.errors import Conflict
from shared.domain.identity import derived_id
from shared.domain.risk import Risk, RiskState

SYSTEM = "system"


class Status(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"  # 签收
    ANSWERED = "answered"  # 反馈
    VERIFIED = "verified"  # 核实
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class Move(StrEnum):
    """What people do with an alert."""

    ACKNOWLEDGE = "acknowledge"
    ANSWER = "answer"
    OBJECTION = "objection"
    VERIFY = "verify"
    CLOSE = "close"
    WITHDRAW = "withdraw"


ENTERPRISE_MOVES = frozenset({Move.ACKNOWLEDGE, Move.ANSWER, Move.OBJECTION})
UNVERIFIED = (Status.OPEN, Status.ACKNOWLEDGED, Status.ANSWERED)
ENDED = (Status.CLOSED, Status.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class MoveRule:
    """From which statuses a move is possible, and to which it leads; `to` None: the status stays."""

    start: tuple[Status, ...]
    to: Status | None


MOVES: Mapping[Move, MoveRule] = {
    Move.ACKNOWLEDGE: MoveRule((Status.OPEN,), Status.ACKNOWLEDGED),
    Move.ANSWER: MoveRule((Status.ACKNOWLEDGED,), Status.ANSWERED),
    Move.OBJECTION: MoveRule(UNVERIFIED, None),
    Move.VERIFY: MoveRule((Status.ANSWERED,), Status.VERIFIED),
    Move.CLOSE: MoveRule((Status.VERIFIED,), Status.CLOSED),
    Move.WITHDRAW: MoveRule(UNVERIFIED, Status.WITHDRAWN),
}


class Change(StrEnum):
    """What the newest revision of an alert is about."""

    OPENED = "opened"
    RAISED = "raised"
    LOWERED = "lowered"
    CHANGED = "changed"
    CLEARED = "cleared"
    REOPENED = "reopened"
    MERGED = "merged"
    CONTRADICTED = "contradicted"  # verified or closed, and a re-decision finds that it was not a violation
    DELIVERED = "delivered"  # first proven delivery: clocks run
    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    OBJECTED = "objected"
    VERIFIED = "verified"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


_BY_MOVE = {
    Move.ACKNOWLEDGE: Change.ACKNOWLEDGED,
    Move.ANSWER: Change.ANSWERED,
    Move.OBJECTION: Change.OBJECTED,
    Move.VERIFY: Change.VERIFIED,
    Move.CLOSE: Change.CLOSED,
    Move.WITHDRAW: Change.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One history entry; entries are only ever added."""

    what: Change
    at: datetime
    who: str
    text: str
    status: Status
    revision: int


@dataclass(frozen=True, slots=True)
class Transition:
    """The alert after a step, and the step for its history."""

    alert: Alert
    step: Step


@dataclass(frozen=True, slots=True)
class Alert:
    """`number`: the n-th alert of its risk. `announced_*`: the highest that was pushed, None while nothing was.
    `objected_at`: of the last objection."""

    id: str
    number: int
    revision: int
    status: Status
    stage: Stage
    level: Level
    rule: str
    audience: tuple[Audience, ...]
    hidden_from_enterprise: bool
    risk: Risk
    change: Change
    changed_at: datetime
    previous: str | None = None
    announced_stage: Stage | None = None
    announced_level: Level | None = None
    due_enterprise: datetime | None = None
    due_authority: datetime | None = None
    objected_at: datetime | None = None

    @property
    def announced(self) -> bool:
        return self.announced_level is not None

    @property
    def answer_required(self) -> bool:
        """Whether an answer is required: not for a mere warning beforehand."""
        return self.stage is not Stage.BEFORE

    def allowed(self) -> tuple[Move, ...]:
        """What may be done in this state."""
        return tuple(move for move in Move if self._may(move))

    def _may(self, move: Move) -> bool:
        if move is Move.CLOSE and not self.answer_required:
            return self.status not in ENDED  # without an answer nothing needs to be verified
        return self.status in MOVES[move].start

    def moved(self, move: Move, *, at: datetime, who: str, text: str) -> Transition:
        """After a person's move; raises Conflict when the state forbids it."""
        if not self._may(move):
            allowed = ", ".join(self.allowed()) or "nothing"
            raise Conflict(
                f"the alert is {self.status}: {move} is not possible, allowed is {allowed}", code="alert-state"
            )
        status = MOVES[move].to or self.status
        now = replace(self, objected_at=at) if move is Move.OBJECTION else self
        return now._next(_BY_MOVE[move], at=at, who=who, text=text, status=status)

    def taken(self, risk: Risk, row: Row) -> Transition:
        """After a newer revision of its risk."""
        change = self._change(risk, row)
        withdrawn = change in (Change.WITHDRAWN, Change.MERGED) and self.status in UNVERIFIED
        now = replace(
            self,
            risk=risk,
            stage=row.stage,
            level=row.level,
            rule=row.rule,
            audience=row.audience,
            hidden_from_enterprise=row.hidden_from_enterprise,
        )
        status = Status.WITHDRAWN if withdrawn else self.status
        return now._next(change, at=risk.changed_at, who=SYSTEM, text=risk.why.get("zh", ""), status=status)

    def _change(self, risk: Risk, row: Row) -> Change:
        if risk.state is RiskState.WITHDRAWN:
            return Change.CONTRADICTED if self.status in (Status.VERIFIED, Status.CLOSED) else Change.WITHDRAWN
        if risk.state is RiskState.MERGED:
            return Change.MERGED
        if risk.state is RiskState.CLEARED and self.risk.state is not RiskState.CLEARED:
            return Change.CLEARED
        if risk.state is RiskState.OPEN and self.risk.state is not RiskState.OPEN:
            return Change.REOPENED
        ours, theirs = (self.stage.rank, self.level.rank), (row.stage.rank, row.level.rank)
        if theirs == ours:
            return Change.CHANGED
        return Change.RAISED if theirs > ours else Change.LOWERED

    def delivered(self, audience: Audience, *, at: datetime, due: datetime) -> Transition:
        """The first proven delivery to the enterprise or the authority: its clock runs from now.

        No revision of its own: that a push arrived is no news for those it went to; the next event carries `due`.
        """
        theirs = audience is Audience.ENTERPRISE
        now = replace(self, due_enterprise=due) if theirs else replace(self, due_authority=due)
        return Transition(now, Step(Change.DELIVERED, at, SYSTEM, audience.value, self.status, self.revision))

    def announced_now(self) -> Alert:
        """The same alert, its stage and level announced."""
        stage = max(self.stage, self.announced_stage or self.stage, key=lambda s: s.rank)
        level = max(self.level, self.announced_level or self.level, key=lambda one: one.rank)
        return replace(self, announced_stage=stage, announced_level=level)

    def _next(self, change: Change, *, at: datetime, who: str, text: str, status: Status) -> Transition:
        after = replace(self, revision=self.revision + 1, status=status, change=change, changed_at=at)
        return Transition(after, Step(change, at, who, text, status, after.revision))


def opened_by(risk: Risk, row: Row, *, number: int = 1, previous: str | None = None) -> Transition:
    """The `number`-th alert of a risk; its id is the same whenever the log is read again."""
    taken_back = risk.state in (RiskState.WITHDRAWN, RiskState.MERGED)
    status = Status.WITHDRAWN if taken_back else Status.OPEN
    alert = Alert(
        id=derived_id("alr", risk.id, str(number)),
        number=number,
        revision=1,
        status=status,
        stage=row.stage,
        level=row.level,
        rule=row.rule,
        audience=row.audience,
        hidden_from_enterprise=row.hidden_from_enterprise,
        risk=risk,
        change=Change.OPENED,
        changed_at=risk.changed_at,
        previous=previous,
    )
    return Transition(alert, Step(Change.OPENED, risk.changed_at, SYSTEM, risk.why.get("zh", ""), status, 1))
