"""Packets through the handler: first decisions, late and corrected hours, split parts, own means, quarantine."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from services.monitoring.domain.quarantine import QuarantineReason, QuarantineState
from services.monitoring.domain.windows import seconds
from services.monitoring.store.tables import ITEM_NOTE, KEPT, PACKET
from shared.domain.events import DISCHARGE_SEEN
from shared.domain.risk import Cleared, RiskState
from shared.eventlog.codec import decode
from shared.hj212.crc import crc16
from shared.hj212.reply import to_masked
from shared.ports import Record
from shared.runtime.consuming import NotYet
from tests.unit.monitoring.harness import CREDIT_CODE, MN, NOX, O2, PERMIT_NUMBER, SO2, MonitoringHarness, a_limit, at


@pytest.fixture
def harness(tmp_path: Path, database_url: str | None) -> Iterator[MonitoringHarness]:
    """A limit of 35 at 6 % oxygen; it is 2026-11-20 09:00 in Shanghai."""
    harness = MonitoringHarness(tmp_path, url=database_url).a_site()
    yield harness
    harness.database.close()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[MonitoringHarness]:
    """An hour limit of 100 and a day limit of 80, without oxygen, on SQLite."""
    harness = MonitoringHarness(tmp_path).a_site(a_limit(NOX, "100", o2=None), a_limit(NOX, "80", "day", o2=None))
    yield harness
    harness.database.close()


def test_an_hour_over_the_limit_opens_a_risk_in_the_same_transaction(harness: MonitoringHarness) -> None:
    harness.take(harness.packet("2026-11-20 08:00", {SO2: 42.1, O2: 7.9}))
    (risk,) = harness.risks()
    assert (risk.condition, risk.state, risk.decided, risk.measured) == ("first", RiskState.OPEN, "48.21", "42.1")
    assert (risk.limit, risk.unit, risk.multiple, risk.factor) == ("35", "mg/m3", "0.377", SO2)
    assert risk.basis["value_kind"] == "converted" and risk.permit == PERMIT_NUMBER and not risk.historical
    opened = [event for event in harness.published() if event.subject == risk.id]
    assert [(event.type, event.revision) for event in opened] == [("yujing.risk.opened.v1", 1)]


def test_the_same_packet_again_publishes_nothing_new(harness: MonitoringHarness) -> None:
    hour = harness.packet("2026-11-20 08:00", {SO2: 42.1, O2: 7.9})
    harness.take(hour)
    before = len(harness.published())
    harness.take(hour, hour)
    assert len(harness.published()) == before


def test_a_database_that_fails_while_the_register_is_read_makes_no_point_unknown(harness: MonitoringHarness) -> None:
    """As when it goes away between two queries: nothing may be remembered of what was not read to its end."""
    hour = harness.packet("2026-11-20 08:00", {SO2: 42.1, O2: 7.9})
    rename(harness, "permit", "away")
    with pytest.raises(DBAPIError):
        harness.take(hour)
    rename(harness, "away", "permit")
    harness.take(hour)
    assert [risk.decided for risk in harness.risks()] == ["48.21"]


def test_a_name_that_no_database_keeps_is_unknown_and_spoils_no_batch(harness: MonitoringHarness) -> None:
    good = harness.packet("2026-11-20 08:00", {SO2: 42.1, O2: 7.9})
    harness.take(harness.packet("2026-11-20 08:00", {SO2: 1.0}, mn="NUL\x00"), good)
    assert [risk.decided for risk in harness.risks()] == ["48.21"]


def rename(harness: MonitoringHarness, table: str, name: str) -> None:
    with harness.database.transaction() as session:
        session.connection().execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


def test_split_parts_are_decided_when_the_oxygen_is_there(harness: MonitoringHarness) -> None:
    harness.take(harness.packet("2026-11-20 08:00", {SO2: 42.1}))
    assert harness.risks() == [] and harness.decisions() == []
    harness.take(harness.packet("2026-11-20 08:00", {O2: 7.9}))
    assert [risk.decided for risk in harness.risks()] == ["48.21"]


def test_oxygen_that_never_comes_is_a_fault_an_hour_later(harness: MonitoringHarness) -> None:
    harness.take(harness.packet("2026-11-20 08:00", {SO2: 42.1}))
    harness.tick("2026-11-20 09:59")
    assert harness.decisions() == []
    harness.tick("2026-11-20 10:00")
    assert [row.reason for row in harness.decisions()] == ["oxygen_missing"]
    (fault,) = harness.risks("data.fault")
    assert (fault.facts, fault.mn, fault.factor) == ({"fault": "oxygen_missing", "factors": [SO2]}, MN, O2)
    harness.take(harness.packet("2026-11-20 08:00", {O2: 7.9}))
    assert [row.status for row in harness.decisions()] == ["over"]
    assert [risk.state for risk in harness.risks("data.fault")] == [RiskState.CLEARED]


def test_a_late_compliant_hour_splits_and_a_late_excess_joins(plain: MonitoringHarness) -> None:
    def hour(clock: str, value: float) -> None:
        plain.take(plain.packet(f"2026-11-20 {clock}", {NOX: value}))

    hour("05:00", 110)
    hour("07:00", 120)
    (one,) = plain.risks()  # an hour without data neither extends nor closes
    assert one.window is not None and one.window.count == 2
    hour("06:00", 90)
    first, second = plain.risks()
    assert (first.id, first.state, first.cleared) == (one.id, RiskState.CLEARED, Cleared.COMPLIANT)
    assert (second.state, second.previous) == (RiskState.OPEN, first.id)
    plain.now += timedelta(minutes=5)
    hour("06:00", 115)  # corrected: the later report counts
    joined, merged = plain.risks()
    assert (joined.id, joined.state, joined.condition) == (one.id, RiskState.OPEN, "lasting")
    assert joined.window is not None and joined.window.count == 3
    assert (merged.id, merged.state, merged.merged_into) == (second.id, RiskState.MERGED, one.id)


def test_a_correction_takes_an_excess_back(plain: MonitoringHarness) -> None:
    plain.take(plain.packet("2026-11-20 08:00", {NOX: 120}, qn="20261120090000000"))
    plain.take(plain.packet("2026-11-20 08:00", {NOX: 95}, qn="20261120090500000"))
    (risk,) = plain.risks()
    assert (risk.state, risk.cleared) == (RiskState.WITHDRAWN, Cleared.TAKEN_BACK)
    plain.take(plain.packet("2026-11-20 08:00", {NOX: 130}, qn="20261120090200000"))  # older: counts no more
    assert [row.status for row in plain.decisions()] == ["compliant"]
    plain.take(plain.packet("2026-11-20 08:00", {NOX: 130}, qn="20261120090200000", rf=True))
    assert [row.status for row in plain.decisions()] == ["over"]


def test_a_correction_reaches_35_days_back_and_a_first_decision_any_time(plain: MonitoringHarness) -> None:
    plain.take(plain.packet("2026-10-10 08:00", {NOX: 120}))
    plain.now += timedelta(minutes=5)
    plain.take(plain.packet("2026-10-10 08:00", {NOX: 90}), plain.packet("2024-10-10 08:00", {NOX: 120}))
    assert [row.status for row in plain.decisions()] == ["over", "over"]
    assert all(risk.historical for risk in plain.risks())


@pytest.mark.parametrize(("minutes", "status"), [(44, "none"), (45, "over")])
def test_without_a_report_45_minutes_decide_an_hour_later(plain: MonitoringHarness, minutes: int, status: str) -> None:
    begin = at("2026-11-20 08:00")
    plain.take(
        *(plain.packet(begin + timedelta(minutes=n), {NOX: 120}, command="2051") for n in range(minutes)),
        plain.packet(begin + timedelta(minutes=50), {NOX: {"Avg": 900, "Flag": "D"}}, command="2051"),
    )
    plain.tick("2026-11-20 09:59")
    assert plain.decisions() == []
    plain.tick("2026-11-20 10:00")
    assert [row.status for row in plain.decisions()] == [status]
    plain.take(plain.packet(begin, {NOX: 80}))  # the report that comes later replaces it
    assert [(row.status, row.value_kind) for row in plain.decisions()] == [("compliant", "reported")]


@pytest.mark.parametrize(("hours", "status"), [(19, "none"), (20, "over")])
def test_a_day_without_a_report_is_decided_by_its_hours(plain: MonitoringHarness, hours: int, status: str) -> None:
    begin = at("2026-11-19 00:00")
    plain.now = at("2026-11-20 00:30")
    plain.take(*(plain.packet(begin + timedelta(hours=n), {NOX: 90}) for n in range(hours)))
    plain.tick("2026-11-20 01:05")
    days = [row for row in plain.decisions() if row.averaging == "day"]
    assert [row.status for row in days] == [status]
    if status == "over":
        (risk,) = plain.risks()
        assert (risk.condition, risk.basis["value_kind"], risk.decided) == ("grave", "own", "90")


def test_24_hours_without_a_verdict_close_as_unknown(plain: MonitoringHarness) -> None:
    plain.take(plain.packet("2026-11-20 08:00", {NOX: 120}))
    plain.tick("2026-11-21 09:30")
    assert plain.risks()[0].state is RiskState.OPEN
    plain.tick("2026-11-21 10:00")
    (risk,) = plain.risks()
    assert (risk.state, risk.cleared) == (RiskState.CLEARED, Cleared.UNKNOWN)
    plain.take(plain.packet("2026-11-20 03:00", {NOX: 90}))  # touches nothing of it
    assert plain.risks()[0].cleared is Cleared.UNKNOWN


def test_a_stricter_permit_decides_the_days_hours_anew(plain: MonitoringHarness) -> None:
    plain.take(plain.packet("2026-11-19 08:00", {NOX: 90}), plain.packet("2026-11-20 07:00", {NOX: 90}))
    assert plain.risks() == []
    old, new = a_limit(NOX, "100", o2=None), a_limit(NOX, "80", o2=None)
    plain.a_permit(versions=[plain.version("2024-01-01", old), plain.version("2026-11-20", new)])
    plain.tick()
    (risk,) = plain.risks()
    assert risk.window is not None and risk.window.start == at("2026-11-20 07:00") and risk.limit == "80"
    plain.a_permit(versions=[plain.version("2024-01-01", old)])
    plain.tick()
    assert [risk.state for risk in plain.risks()] == [RiskState.WITHDRAWN]


def knowing(record: Record, registry: bytes) -> Record:
    """The record of a writer that says how much of the register it knew."""
    headers = {"registry": registry}
    return Record(record.topic, 0, record.offset, record.key, record.value, headers, record.appended_at)


def test_a_packet_whose_writer_knew_more_of_the_register_waits_half_a_minute(plain: MonitoringHarness) -> None:
    ahead = knowing(plain.packet("2026-11-20 08:00", {NOX: 120}), b"7")
    plain.now += timedelta(seconds=29)
    with pytest.raises(NotYet):
        plain.take(ahead)
    plain.now += timedelta(seconds=1)
    plain.take(ahead)  # what the writer claims to know may not exist at all
    assert [row.status for row in plain.decisions()] == ["over"]


@pytest.mark.parametrize("header", [b"", b"-1", b"1e9", b"seven", b"\xd9\xa7", b"9" * 5000], ids=repr)
def test_nonsense_about_the_register_is_no_reason_to_wait(plain: MonitoringHarness, header: bytes) -> None:
    plain.take(knowing(plain.packet("2026-11-20 08:00", {NOX: 120}), header))
    assert [row.status for row in plain.decisions()] == ["over"]


def test_one_foreign_packet_holds_up_nobody_for_ever(plain: MonitoringHarness) -> None:
    foreign = knowing(plain.packet("2026-11-20 07:00", {NOX: 120}), b"999999999999999999")
    plain.now += timedelta(seconds=31)
    plain.take(foreign, plain.packet("2026-11-20 08:00", {NOX: 120}))
    assert len(plain.decisions()) == 2


def test_discharge_is_published_once_a_permit_and_day(plain: MonitoringHarness) -> None:
    hours = [plain.packet(f"2026-11-20 0{n}:00", {NOX: 50}) for n in range(3)]
    plain.take(*hours, plain.packet("2026-11-19 23:00", {NOX: {"Avg": 50, "Flag": "D"}}), batch=2)
    seen = [event for event in plain.published() if event.type == DISCHARGE_SEEN]
    assert [event.data for event in seen] == [
        {"permit": PERMIT_NUMBER, "credit_code": CREDIT_CODE, "day": "2026-11-20"}
    ]


def test_a_mean_near_the_limit_is_reported_until_it_falls_or_exceeds(plain: MonitoringHarness) -> None:
    begin = at("2026-11-20 08:00")
    plain.now = begin + timedelta(minutes=12)
    plain.take(*(plain.packet(begin + timedelta(minutes=n), {NOX: 85}, command="2051") for n in range(12)))
    plain.tick("2026-11-20 08:16")
    (near,) = plain.risks("emission.nearing")
    assert (near.condition, near.state, near.decided, near.facts["closed"]) == ("near_80", RiskState.OPEN, "85", False)
    plain.now = at("2026-11-20 09:01")
    plain.take(plain.packet(begin, {NOX: 92}))
    assert [risk.condition for risk in plain.risks("emission.nearing")] == ["near_90"]
    plain.now = at("2026-11-20 10:01")
    plain.take(plain.packet("2026-11-20 09:00", {NOX: 101}))
    assert [risk.cleared for risk in plain.risks("emission.nearing")] == [Cleared.EXCEEDED]


def test_nothing_historical_comes_near(plain: MonitoringHarness) -> None:
    plain.take(plain.packet("2026-11-10 08:00", {NOX: 95}))
    assert plain.risks("emission.nearing") == []


def kept(harness: MonitoringHarness) -> list[tuple[str, str]]:
    with harness.database.read() as session:
        return [(row.reason, row.state) for row in session.connection().execute(select(KEPT).order_by(KEPT.c.id))]


def test_what_does_not_fit_goes_to_quarantine_and_the_rest_goes_on(plain: MonitoringHarness) -> None:
    good = plain.packet("2026-11-20 08:00", {NOX: 120})
    bad = [
        plain.packet("2026-11-20 08:00", {NOX: 120}, mn="NOBODY"),
        plain.packet("2026-11-20 08:00", {NOX: {"Avg": "120"}}),
        plain.packet("2026-11-20 08:00", {NOX: 120}, data_time="20261120080000"),
        plain.packet("2026-11-20 08:00", {}),
        plain.packet("2026-11-20 08:00", {NOX: 120}, command="7777"),
        Record("packets", 0, 999, MN, b"{", {}, plain.now),
    ]
    plain.take(*bad, good)
    plain.take(*bad)
    reasons = [reason for reason, _ in kept(plain)]
    assert reasons == ["unknown-point", "bad-number", "bad-time", "no-factors", "bad-command", "bad-json"]
    assert len(plain.risks()) == 1


def test_a_packet_from_the_future_comes_back_when_its_time_has_come(plain: MonitoringHarness) -> None:
    ahead, near = (plain.packet(f"2026-11-20 09:{minute}", {NOX: 1}, command="2051") for minute in (11, 10))
    plain.take(ahead, near)
    assert kept(plain) == [(QuarantineReason.FUTURE.value, QuarantineState.KEPT.value)]
    plain.jobs.put_back(at("2026-11-20 09:10"))
    assert plain.published_raw("packets") == []
    plain.jobs.put_back(at("2026-11-20 09:11"))
    plain.jobs.put_back(at("2026-11-20 09:12"))
    (back,) = plain.published_raw("packets")
    assert decode(back)["data_time"] == "2026-11-20T09:11:00+08:00"


def test_packets_of_an_unknown_point_come_back_when_the_point_is_registered(plain: MonitoringHarness) -> None:
    other = "B220000_0002"
    plain.take(plain.packet("2026-11-20 08:00", {NOX: 120}, mn=other))
    plain.a_point(other, password="secret")
    plain.a_point(other, password="secret")
    (back,) = plain.published_raw("packets")
    assert decode(back)["mn"] == other
    assert kept(plain) == [("unknown-point", "put-back")]


def test_two_points_of_one_outlet_make_one_episode(plain: MonitoringHarness) -> None:
    other = "A110000_0002"
    plain.a_point(other)
    plain.a_permit(a_limit(NOX, "100", o2=None), mns=[MN, other])
    plain.take(plain.packet("2026-11-20 07:00", {NOX: 120}), plain.packet("2026-11-20 07:00", {NOX: 150}, mn=other))
    plain.take(plain.packet("2026-11-20 08:00", {NOX: 90}, mn=other), plain.packet("2026-11-20 08:00", {NOX: 110}))
    (risk,) = plain.risks()
    assert risk.window is not None and (risk.window.count, risk.decided, risk.mn) == (2, "150", other)


@pytest.mark.parametrize(("password", "state"), [("123456", "put-back"), ("654321", "kept")])
def test_a_frame_of_an_unknown_point_comes_back_only_with_the_points_password(
    plain: MonitoringHarness, password: str, state: str
) -> None:
    mn = "B220000_0002"
    body = f"ST=31;CN=2061;PW=123456;MN={mn};Flag=5;CP=&&DataTime=20261120080000;02-Avg=120.0,02-Flag=N&&".encode()
    segment = b"QN=20261120090000001;" + body
    frame = to_masked(b"##%04d%s%04X\r\n" % (len(segment), segment, crc16(segment)))
    plain.take_quarantine(
        {
            "reason": "unknown-point",
            "mn": mn,
            "received_at": "2026-11-20T09:00:00+08:00",
            "source": "gateway",
            "address": "10.0.0.9",
            "raw": b64encode(frame).decode(),
            "sealed_password": plain.sealer.seal("123456", "quarantine-password"),
            "detail": "no active point has this MN",
        }
    )
    plain.a_point(mn, password=password)
    assert kept(plain) == [("unknown-point", state)]
    backs = [decode(value) for value in plain.published_raw("packets")]
    assert [back["factors"] for back in backs] == ([{SO2: {"Avg": 120.0, "Flag": "N"}}] if state == "put-back" else [])


def test_notes_on_real_time_packets_are_kept_for_35_days(plain: MonitoringHarness) -> None:
    old, young = plain.now - timedelta(days=35, minutes=1), plain.now - timedelta(days=34)
    fields = {NOX: {"Rtd": "1,5"}, SO2: {"Rtd": 50.0}}
    plain.take(*(plain.packet(moment, fields, command="2011") for moment in (old, young)))
    plain.take(plain.packet(old.replace(minute=0), {NOX: {"Avg": "1,5"}, SO2: 50.0}))
    plain.notes.prune(plain.now)
    with plain.database.read() as session:
        notes = session.connection().execute(select(ITEM_NOTE.c.command, ITEM_NOTE.c.at_s)).all()
        packets = session.connection().execute(select(PACKET.c.start_s)).scalars().all()
    assert {(command, at_s) for command, at_s in notes} == {
        ("2011", seconds(young)),
        ("2061", seconds(old.replace(minute=0))),
    }
    assert sorted(packets) == [seconds(old), seconds(young)]


def test_everything_again_in_other_batches_changes_nothing(plain: MonitoringHarness) -> None:
    values = [90, 120, 130, 95, 101, 250, 99, 110]
    hours = [plain.packet(f"2026-11-19 {n:02d}:00", {NOX: value}) for n, value in enumerate(values)]
    plain.take(*hours, batch=3)
    published, decided = len(plain.published()), plain.decisions()
    plain.now += timedelta(days=2)
    plain.take(*reversed(hours), batch=500)
    plain.take(*hours, batch=1)
    assert len(plain.published()) == published
    assert plain.decisions() == decided
