"""Reports of guessed passwords become one risk for operators, which ends after an hour of quiet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.monitoring.detectors.guessing import KIND, GuessingWatch
from services.monitoring.store.register import Register
from services.monitoring.store.risks import RiskRepository
from shared.domain.risk import Cleared, Risk, RiskState
from shared.eventlog.codec import encode
from shared.ports import Record
from tests.unit.monitoring.harness import MN, MonitoringHarness

ADDRESS = "203.0.113.7"
MINUTE = timedelta(minutes=1)


@dataclass
class Watched:
    """A watch over a harness's database; both clocks are the harness's."""

    harness: MonitoringHarness
    watch: GuessingWatch

    def report(self, *, at_minute: int = 0, scope: Any = "address", subject: Any = ADDRESS, **other: Any) -> Record:
        """As a gateway writes it; `at_minute`: before now, when the log took it."""
        document = {"reason": "password", "mn": MN, "address": ADDRESS, "raw": "", **other}
        document["guessing"] = {"scope": scope, "subject": subject}
        self.harness._offset += 1
        at = self.harness.now - at_minute * MINUTE
        return Record("quarantine", 0, self.harness._offset, MN, encode(document), {}, at)

    def take(self, *records: Record) -> None:
        with self.harness.database.transaction() as session:
            self.watch.take(session, records)

    def later(self, minutes: int) -> None:
        self.harness.now += minutes * MINUTE
        self.watch.sweep(self.harness.now)

    def risks(self) -> list[Risk]:
        return self.harness.risks(KIND)

    def states(self) -> list[RiskState]:
        return [risk.state for risk in self.risks()]


@pytest.fixture
def watched(tmp_path: Path, database_url: str | None) -> Iterator[Watched]:
    harness = MonitoringHarness(tmp_path, url=database_url)
    harness.a_site()
    risks = RiskRepository(harness.outbox, harness.metrics)
    watch = GuessingWatch(harness.database, clock=harness.clock, register=Register(), risks=risks)
    yield Watched(harness, watch)
    harness.database.close()


def test_a_report_opens_a_risk_that_names_point_and_address_and_belongs_to_no_enterprise(watched: Watched) -> None:
    watched.take(watched.report())
    (risk,) = watched.risks()
    assert (risk.state, risk.condition, risk.mn, risk.facts) == (RiskState.OPEN, "address", MN, {"address": ADDRESS})
    assert (risk.credit_code, risk.enterprise_name, risk.region) == (None, None, "150102")
    assert all(MN in words and ADDRESS in words for words in risk.why.values())


def test_reports_of_one_address_at_many_points_and_at_one_point_from_many_addresses_are_one_risk_each(
    watched: Watched,
) -> None:
    watched.harness.a_point("OTHER")
    watched.take(watched.report(), watched.report(mn="OTHER"), watched.report(scope="point", subject=MN))
    watched.take(watched.report(scope="point", subject=MN, address="198.51.100.1"))
    assert sorted(risk.condition for risk in watched.risks()) == ["address", "point"]
    assert len(watched.harness.published()) == 2


def test_the_risk_ends_after_an_hour_without_a_report_and_not_before(watched: Watched) -> None:
    watched.take(watched.report())
    watched.later(50)
    watched.take(watched.report())
    watched.later(59)
    assert watched.states() == [RiskState.OPEN]
    watched.later(1)
    (risk,) = watched.risks()
    assert (risk.state, risk.cleared, risk.why["zh"]) == (RiskState.CLEARED, Cleared.QUIET, "一小时内再无错误口令")
    assert [event.revision for event in watched.harness.published()] == [1, 2]


def test_guesses_that_begin_again_open_a_new_risk(watched: Watched) -> None:
    watched.take(watched.report())
    watched.later(60)
    watched.later(5)
    watched.take(watched.report())
    assert sorted(watched.states()) == [RiskState.CLEARED, RiskState.OPEN]
    assert len({risk.id for risk in watched.risks()}) == 2


def test_a_report_that_is_read_again_changes_nothing(watched: Watched) -> None:
    report = watched.report()
    watched.take(report)
    watched.take(report)
    watched.later(60)
    watched.take(report)
    assert watched.states() == [RiskState.CLEARED]
    assert len(watched.harness.published()) == 2


def test_a_late_report_is_published_and_ended_with_the_next_tick(watched: Watched) -> None:
    watched.take(watched.report(at_minute=90))
    assert watched.states() == [RiskState.OPEN]
    watched.later(0)
    assert watched.states() == [RiskState.CLEARED]


def test_the_point_may_be_gone_when_the_report_is_read(watched: Watched) -> None:
    watched.take(watched.report(mn="GONE"))
    (risk,) = watched.risks()
    assert (risk.mn, risk.region) == ("GONE", "000000")
    watched.later(60)
    assert watched.states() == [RiskState.CLEARED]


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": "world"},
        {"scope": ["address"]},
        {"subject": None},
        {"subject": "x" * 65},
        {"mn": 7},
        {"address": "a\x00b"},
    ],
    ids=str,
)
def test_what_is_no_report_is_passed_over(watched: Watched, wrong: dict[str, Any]) -> None:
    watched.take(watched.report(**wrong), watched.report())
    assert len(watched.risks()) == 1


@pytest.mark.parametrize("value", [None, b'"guessing"', b'["guessing"]', b'{"guessing": 1}', b'{"guessing": {}}'])
def test_a_record_of_another_shape_is_passed_over(watched: Watched, value: bytes | None) -> None:
    watched.take(Record("quarantine", 0, 1, MN, value, {}, watched.harness.now))
    assert watched.risks() == []
