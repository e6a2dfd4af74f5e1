"""New pushes for the sender: each is made with its schedule, and the sender is woken once it is committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from services.alerts.domain.catalogue import Audience
from services.alerts.domain.decision import STOPPED_BY_ACKNOWLEDGING
from services.alerts.domain.retry import STANDARD, Schedule
from services.alerts.store.pushes import NewPush, PushStore
from shared.access import Caller
from shared.commit_signal import CommitSignal
from shared.domain.clock import Clock


@dataclass(frozen=True, slots=True)
class PushService:
    """The way in to the push queue; works inside the caller's transaction."""

    store: PushStore
    clock: Clock
    signal: CommitSignal
    schedule: Schedule = STANDARD

    def add(self, session: Session, pushes: Sequence[NewPush]) -> None:
        """Queue them; one that is queued already stays as it is."""
        if pushes:
            self.store.add(session, pushes, schedule=self.schedule, wall_now=self.clock.wall_now())
            self.signal.notify_after_commit(session)

    def replay(self, session: Session, push_id: str, caller: Caller) -> None:
        """The same push once more, now; raises NotFound, Conflict."""
        self.store.replay(session, push_id, caller, wall_now=self.clock.wall_now())
        self.signal.notify_after_commit(session)

    def acknowledged(self, session: Session, alert_id: str) -> None:
        """The enterprise knows the alert: cancel what waits to announce it there."""
        self.store.cancel(
            session,
            "acknowledged",
            alert_id=alert_id,
            audience=Audience.ENTERPRISE,
            reasons=STOPPED_BY_ACKNOWLEDGING,
        )

    def endpoint_deleted(self, session: Session, endpoint_id: str) -> None:
        """Cancel all that waits for it."""
        self.store.cancel_endpoint(session, endpoint_id, "endpoint_deleted")

    def wake_sender(self, session: Session) -> None:
        """What is due may have changed."""
        self.signal.notify_after_commit(session)
