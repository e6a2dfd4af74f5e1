"""A process keeps what it decoded of the register, forgets what a change concerns and nothing else, and stays small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import func, select

from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.windows import seconds
from services.monitoring.store import register as register_store
from services.monitoring.store import register_changes
from services.monitoring.store.tables import REGISTER_CHANGE, STATE
from tests.unit.monitoring.harness import CREDIT_CODE, MN, NOX, MonitoringHarness, a_limit, at

OTHER_CODE, OTHER = "911501027AAAAAAA1X", "A110000_0002"
NOW = "2026-11-20 09:00"


@pytest.fixture
def harness(database_url: str | None, tmp_path: Path) -> Iterator[MonitoringHarness]:
    made = MonitoringHarness(tmp_path, NOW, url=database_url).a_site(a_limit(NOX, "100"))
    made.an_enterprise(OTHER_CODE)
    made.a_point(OTHER, code=OTHER_CODE)
    made.a_permit(a_limit(NOX, "100"), mns=(OTHER,), code=OTHER_CODE)
    yield made
    made.database.close()


def sites(harness: MonitoringHarness, *mns: str) -> Mapping[str, Site]:
    with harness.database.read() as session:
        return harness.register.sites(session, mns or (MN, OTHER))


def limit_of(site: Site) -> str:
    limits = site.limits_at(seconds(at(NOW)))
    assert limits is not None
    return str(limits.of("hour")[NOX].limit)


def test_a_changed_permit_is_decoded_anew_and_no_other_point(harness: MonitoringHarness) -> None:
    before = sites(harness)
    harness.a_permit(a_limit(NOX, "50"))
    after = sites(harness)
    assert [limit_of(after[mn]) for mn in (MN, OTHER)] == ["50", "100"]
    assert after[MN] is not before[MN]
    assert after[OTHER] is before[OTHER]


def test_a_moved_enterprise_and_a_point_out_of_service_are_seen(harness: MonitoringHarness) -> None:
    sites(harness)
    harness.an_enterprise(region="150103")
    assert sites(harness)[MN].region == "150103"
    harness.a_point(active=False)
    assert list(sites(harness)) == [OTHER]


def test_a_point_that_was_unknown_is_found_once_it_is_registered(harness: MonitoringHarness) -> None:
    new = "A110000_0003"
    assert sites(harness, new) == {}
    harness.a_point(new)
    assert list(sites(harness, new)) == [new]


def test_a_point_that_moves_to_another_enterprise_has_its_limits(harness: MonitoringHarness) -> None:
    sites(harness)
    harness.a_permit(a_limit(NOX, "30"), mns=(MN, OTHER), code=OTHER_CODE)
    harness.a_point(code=OTHER_CODE)
    assert limit_of(sites(harness)[MN]) == "30"


def test_a_point_that_names_a_permit_of_another_enterprise_follows_it(harness: MonitoringHarness) -> None:
    """No register of ours has such a point; a foreign one may."""
    harness.a_point(permit=f"{OTHER_CODE}001P")
    harness.a_permit(a_limit(NOX, "100"), mns=(MN, OTHER), code=OTHER_CODE)
    assert limit_of(sites(harness)[MN]) == "100"
    harness.a_permit(a_limit(NOX, "20"), mns=(MN, OTHER), code=OTHER_CODE)
    assert limit_of(sites(harness)[MN]) == "20"


def test_a_revision_that_does_not_say_what_it_changed_has_everything_decoded_anew(harness: MonitoringHarness) -> None:
    """As of a process of the version before, while both run."""
    before = sites(harness)
    harness.a_permit(a_limit(NOX, "50"))
    with harness.database.transaction() as session:
        session.connection().execute(STATE.update().values(revision=STATE.c.revision + 1))
    after = sites(harness)
    assert after[OTHER] is not before[OTHER]
    assert limit_of(after[MN]) == "50"


def test_only_the_last_revisions_are_remembered_and_who_is_further_behind_reads_anew(
    harness: MonitoringHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register_changes, "CHANGES_KEPT", 3)
    before = sites(harness)
    for limit in ("50", "40", "30", "20"):
        harness.a_permit(a_limit(NOX, limit))
    with harness.database.read() as session:
        rows = session.connection().execute(select(func.count()).select_from(REGISTER_CHANGE)).scalar_one()
    after = sites(harness)
    assert rows == 3
    assert limit_of(after[MN]) == "20"
    assert after[OTHER] is not before[OTHER]


def test_few_sites_are_kept_and_the_summary_of_every_point(
    harness: MonitoringHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register_store, "SITES_KEPT", 1)
    assert set(sites(harness)) == {MN, OTHER}  # whoever asks for more than are kept has them all
    used_last = sites(harness, MN)[MN]
    assert sites(harness, MN)[MN] is used_last
    sites(harness, OTHER)
    assert sites(harness, MN)[MN] is not used_last
    with harness.database.read() as session:
        known = harness.register.summaries(session, ())
        assert {mn: point.is_limited(seconds(at(NOW))) for mn, point in known.items()} == {MN: True, OTHER: True}


def test_a_text_that_is_no_mn_is_unknown(harness: MonitoringHarness) -> None:
    with harness.database.read() as session:
        assert harness.register.sites(session, ["A110000/0001", "", MN]).keys() == {MN}
        assert harness.register.summaries(session, ["\x00", MN]).keys() == {MN}


def test_a_point_of_this_enterprise_is_asked_for_by_its_credit_code(harness: MonitoringHarness) -> None:
    """What a change of the register concerns is written with it."""
    with harness.database.read() as session:
        rows = session.connection().execute(select(REGISTER_CHANGE.c.credit_code).distinct()).scalars()
        assert set(rows) == {CREDIT_CODE, OTHER_CODE}
