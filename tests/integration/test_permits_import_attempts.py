"""An import is worked on by one process at a time: after a crash it is tried once more, and what only waits or stops is no
crash."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.permits.domain.import_attempt import LEASE, Turn
from services.permits.handlers import imports
from services.permits.handlers.import_attempts import Attempts
from services.permits.handlers.imports import Importer
from services.permits.service import importer_of, registrar_of
from shared.database import open_database
from shared.domain.errors import Unreachable
from shared.runtime.migrating import migrate
from shared.runtime.service import ThreadWorker
from tests.support.import_crash import crash
from tests.support.importing import a_list, at_end, enterprises, entry_of, list_row, shown, upload, worker
from tests.support.migrating import downgrade
from tests.support.product import eventually
from tests.support.register_harness import RegisterHarness, register_harness

LATER = LEASE + timedelta(seconds=1)


@pytest.fixture
def register(tmp_path: Path, database_url: str | None) -> Iterator[RegisterHarness]:
    with register_harness(tmp_path, database_url) as opened:
        yield opened


def importer(opened: RegisterHarness, failed: list[str] | None = None) -> Importer:
    count = failed.append if failed is not None else lambda kind: None
    return importer_of(registrar_of(opened.context), opened.service.database, count)


def test_an_import_during_which_the_process_crashed_is_tried_once_more(
    tmp_path: Path, database_url: str | None
) -> None:
    with register_harness(tmp_path, database_url) as opened:
        name = upload(opened, enterprises(1, 2))
    crash(tmp_path, name, after_s=0, database_url=database_url)
    with register_harness(tmp_path, database_url) as opened:
        assert (entry_of(opened, name).state, entry_of(opened, name).attempt.begun) == ("running", 1)
        opened.clock.at += LATER
        importer(opened).take(name)
        assert (shown(opened, name)["state"], shown(opened, name)["counts"]) == ("done", {"created": 2})


def test_an_import_during_which_the_process_crashed_twice_has_failed_and_the_next_one_runs(
    tmp_path: Path, database_url: str | None
) -> None:
    with register_harness(tmp_path, database_url) as opened:
        name, good = upload(opened, enterprises(1)), upload(opened, a_list(list_row(2)))
    crash(tmp_path, name, after_s=0, database_url=database_url)
    crash(tmp_path, name, after_s=LATER.total_seconds(), database_url=database_url)
    with register_harness(tmp_path, database_url) as opened:
        opened.clock.at += 2 * LATER
        with worker(opened):
            failed, done = at_end(opened, name), at_end(opened, good)
        assert failed["state"] == "failed" and "ended abruptly 2 times" in failed["failure"]
        assert done["state"] == "done"
        labels = {"reason": "crashed"}
        assert opened.context.metrics.registry.get_sample_value("yujing_import_failures_total", labels) == 1


class Unforeseen(Exception):
    """An error that no handler names."""


def test_an_error_that_nobody_names_counts_as_a_crash_and_the_next_import_runs(register: RegisterHarness) -> None:
    def fail(*_: Any) -> Any:
        raise Unforeseen

    bad = upload(register, enterprises(1))
    register.clock.at += timedelta(seconds=1)  # the oldest is taken first
    good = upload(register, a_list(list_row(2)))
    failed: list[str] = []
    running = ThreadWorker("imports", replace(importer(register, failed), take_document=fail).run)
    running.start()
    try:
        assert at_end(register, good)["state"] == "done"
        assert (entry_of(register, bad).state, entry_of(register, bad).attempt.begun) == ("running", 1)
        register.clock.at += LATER
        eventually(lambda: entry_of(register, bad).attempt.begun == 2, what="a second attempt")
        register.clock.at += LATER
        assert "ended abruptly 2 times" in at_end(register, bad)["failure"]
        assert failed == ["crashed"]
    finally:
        running.stop()


def test_a_clean_stop_is_no_crash_however_often_it_comes(
    register: RegisterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "LIST_BATCH", 1)
    name = upload(register, a_list(*(list_row(number) for number in range(1, 6))))
    for position in range(1, 5):
        stop = threading.Event()
        importer(register).take(name, stop, progress=lambda entry, stop=stop: stop.set())
        entry = entry_of(register, name)
        assert (entry.state, entry.position, entry.attempt.begun, entry.attempt.holder) == (
            "running",
            position,
            0,
            None,
        )
    importer(register).take(name)
    assert shown(register, name)["counts"] == {"created": 5, "refused": 0}


def test_a_stop_within_a_dry_run_of_documents_rolls_it_back_and_is_no_crash(register: RegisterHarness) -> None:
    name = upload(register, enterprises(1, 2, 3), dry_run=True)
    stop, begun = threading.Event(), importer(register)

    def take_and_stop(*arguments: Any) -> Any:
        stop.set()
        return begun.take_document(*arguments)

    replace(begun, take_document=take_and_stop).take(name, stop)
    assert (entry_of(register, name).position, entry_of(register, name).attempt.begun) == (0, 0)
    importer(register).take(name)
    assert shown(register, name)["counts"] == {"created": 3}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_from_the_keyboard_is_no_crash(
    register: RegisterHarness, interruption: type[BaseException]
) -> None:
    def interrupt(*_: Any) -> Any:
        raise interruption

    name = upload(register, enterprises(1))
    with pytest.raises(interruption):
        replace(importer(register), take_document=interrupt).take(name)
    assert entry_of(register, name).attempt.begun == 0


def test_a_stop_while_a_large_file_is_still_being_read_is_recorded_at_once(register: RegisterHarness) -> None:
    name, stop = upload(register, enterprises(1)), threading.Event()
    attempts = Attempts(register.service.database, register.context.clock)
    assert attempts.begin(name, "ours") is Turn.BEGIN
    with attempts.held(name, "ours", stop):
        assert entry_of(register, name).attempt.begun == 1
        stop.set()
        eventually(lambda: entry_of(register, name).attempt.begun == 0, what="the end of the attempt")
    assert entry_of(register, name).attempt.begun == 0  # and is not counted back twice


def test_an_attempt_is_renewed_while_its_process_lives(register: RegisterHarness) -> None:
    name = upload(register, enterprises(1))
    attempts = Attempts(register.service.database, register.context.clock)
    attempts.begin(name, "ours")
    with attempts.held(name, "ours", threading.Event()):
        register.clock.at += LATER
        until = register.clock.at + LEASE
        eventually(lambda: entry_of(register, name).attempt.held_until == until, what="a renewed attempt")
        assert attempts.begin(name, "another") is Turn.WAIT


def test_an_import_that_another_process_has_is_left_to_it_and_the_next_one_runs(register: RegisterHarness) -> None:
    name, good = upload(register, enterprises(1)), upload(register, a_list(list_row(2)))
    attempts = Attempts(register.service.database, register.context.clock)
    attempts.begin(name, "another")
    with worker(register):
        assert at_end(register, good)["state"] == "done"
        assert (entry_of(register, name).attempt.holder, shown(register, name)["position"]) == ("another", 0)
        register.clock.at += LATER
        assert at_end(register, name)["counts"] == {"created": 1}


def test_an_attempt_that_was_taken_for_crashed_goes_no_further_and_counts_no_longer(
    register: RegisterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "LIST_BATCH", 1)
    name = upload(register, a_list(*(list_row(number) for number in range(1, 4))))
    attempts = Attempts(register.service.database, register.context.clock)

    def overtake(_: object) -> None:
        register.clock.at += LATER
        assert attempts.begin(name, "another") is Turn.BEGIN
        stop.set()

    stop = threading.Event()
    importer(register).take(name, stop, progress=overtake)
    entry = entry_of(register, name)
    assert (entry.position, entry.attempt.holder, entry.attempt.begun) == (1, "another", 1)


def test_an_attempt_that_was_taken_for_crashed_fails_nothing_that_another_process_has(
    register: RegisterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "LIST_BATCH", 1)
    name, failed = upload(register, a_list(list_row(1), list_row(2))), list[str]()
    attempts = Attempts(register.service.database, register.context.clock)

    def overtake_and_fail(_: object) -> None:
        register.clock.at += LATER
        assert attempts.begin(name, "another") is Turn.BEGIN
        raise RuntimeError

    importer(register, failed).take(name, progress=overtake_and_fail)
    assert (entry_of(register, name).state, entry_of(register, name).attempt.holder, failed) == (
        "running",
        "another",
        [],
    )


def test_a_database_that_is_away_is_waited_for_within_the_same_attempt(register: RegisterHarness) -> None:
    name, times = upload(register, enterprises(1, 2)), [0]
    working = importer(register)

    def away_at_first(*arguments: Any) -> Any:
        times[0] += 1
        if times[0] <= 2:
            raise Unreachable("the database is away")
        return working.take_document(*arguments)

    stop = threading.Event()
    thread = threading.Thread(target=replace(working, take_document=away_at_first).run, args=(stop,))
    thread.start()
    try:
        done = at_end(register, name)
    finally:
        stop.set()
        thread.join()
    assert (done["state"], done["counts"]) == ("done", {"created": 2})
    assert entry_of(register, name).attempt.begun == 1


def test_connections_that_break_in_the_middle_are_no_failure_of_the_import(tmp_path: Path, postgres: Any) -> None:
    with register_harness(tmp_path, postgres.new_database_at_head()) as opened:
        name, broken = upload(opened, enterprises(1, 2)), []
        working, database = importer(opened), opened.service.database

        def break_once(session: Any, caller: Any, document: Any) -> Any:
            if not broken:
                broken.append(session.connection().execute(text("SELECT pg_backend_pid()")).scalar_one())
                with database.engine.connect() as other:
                    other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": broken[0]})
            return working.take_document(session, caller, document)

        stop = threading.Event()
        thread = threading.Thread(target=replace(working, take_document=break_once).run, args=(stop,))
        thread.start()
        try:
            done = at_end(opened, name)
        finally:
            stop.set()
            thread.join()
        assert (done["state"], done["counts"], len(broken)) == ("done", {"created": 2}, 1)


def test_imports_of_before_the_upgrade_are_kept_and_taken_in(tmp_path: Path, database_url: str | None) -> None:
    database = open_database(database_url, tmp_path, "permits")
    migrate(database, "services.permits.migrations", "permits")
    downgrade(database, "permits", "0003")
    row = (
        "INSERT INTO import (id, filename, dry_run, state, caller, content, total, position, counts, created_at) "
        "VALUES (:id, 'a.csv', false, :state, :caller, :content, 0, 0, '{}', '2026-11-20 00:00:00')"
    )
    caller = '{"role": "admin", "subject": "admin", "region": null, "scopes": []}'
    with database.transaction() as session:
        for name, state in (("imp_waiting", "waiting"), ("imp_running", "running"), ("imp_done", "done")):
            values = {"id": name, "state": state, "caller": caller, "content": enterprises(1)}
            session.connection().execute(text(row), values)
    database.close()
    with register_harness(tmp_path, database_url) as opened:
        assert {entry_of(opened, f"imp_{state}").attempt.begun for state in ("waiting", "running", "done")} == {0}
        with worker(opened):
            assert at_end(opened, "imp_waiting")["state"] == at_end(opened, "imp_running")["state"] == "done"
        assert entry_of(opened, "imp_done").counts == {}
