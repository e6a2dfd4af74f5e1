"""What the embedded log alone promises: compaction, retention, one host a folder, a full disk."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from shared.domain.errors import Conflict, Unreachable
from shared.eventlog.embedded import EmbeddedLog
from shared.ports import NewRecord, Partition, Record, TopicShape
from tests.support.lab import now
from tests.support.log_reading import SHAPES, append, numbered, read_all, read_until
from tests.support.product import eventually


def test_compaction_keeps_the_last_value_of_a_key(embedded: EmbeddedLog) -> None:
    embedded.create(SHAPES)
    for revision in range(5):
        append(embedded, "registry", *(NewRecord(f"permit{n}", f"{n}:{revision}".encode()) for n in range(3)))
    append(embedded, "registry", NewRecord("permit1", None))
    assert embedded.retain() == 13  # 16 records, 3 keys
    found = {r.key: r.value for r in read_all(embedded, "registry")}
    assert found == {"permit0": b"0:4", "permit1": None, "permit2": b"2:4"}


def opened_at(path: Path, days: float, **how: int) -> EmbeddedLog:
    return EmbeddedLog(path, wall_now=lambda: now() + timedelta(days=days), **how)


def test_old_records_go_but_never_those_a_group_has_not_read(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with closing(opened_at(path, 0)) as log:
        log.create({"risks": TopicShape(1, retention_days=30)})
        append(log, "risks", *numbered(10))
        with closing(log.share("alerts", ["risks"])) as member:
            member.report({Partition("risks", 0): 4})
    with closing(opened_at(path, 29)) as log:
        assert log.retain() == 0
        log.share("alerts", ["risks"]).close()  # the group lives
    with closing(opened_at(path, 31)) as log:
        assert log.retain() == 4
        assert [r.offset for r in read_all(log, "risks")] == [4, 5, 6, 7, 8, 9]
    with closing(opened_at(path, 90)) as log:  # the group is gone for good
        assert log.retain() == 5
        assert append(log, "risks", NewRecord("e", b"new")) == [(0, 10)]


def test_a_log_too_large_gives_up_what_every_group_has_read(tmp_path: Path) -> None:
    with closing(opened_at(tmp_path / "log.sqlite", 0, max_bytes=500_000)) as log:
        log.create({"risks": TopicShape(1)})
        for _ in range(10):
            append(log, "risks", *(NewRecord("e", bytes(1_000)) for _ in range(500)))
        with closing(log.share("alerts", ["risks"])) as member:
            assert log.retain() == 0
            member.report({Partition("risks", 0): 4_999})
            eventually(lambda: log.positions()["alerts"][Partition("risks", 0)] == 4_999)
        assert log.retain() >= 4_000


def test_a_second_host_on_the_same_folder_is_refused_and_a_command_is_not(
    tmp_path: Path, embedded: EmbeddedLog
) -> None:
    embedded.create(SHAPES)
    path = tmp_path / "log.sqlite"
    with pytest.raises(Conflict, match="another host already runs"):
        EmbeddedLog(path, wall_now=now)
    with (
        closing(EmbeddedLog(path, wall_now=now, exclusive=False)) as command,
        closing(embedded.follow("risks")) as host,
    ):
        append(embedded, "risks", NewRecord("e", b"from the host"))
        assert append(command, "risks", NewRecord("e", b"from the command")) == [(0, 1)]
        assert [r.value for r in read_all(command, "risks")] == [b"from the host", b"from the command"]
        found: list[Record] = []
        eventually(lambda: found.extend(host.poll(0.5)) or len(found) == 2)
        assert append(embedded, "risks", NewRecord("e", b"again")) == [(0, 2)]
        with pytest.raises(Conflict):
            command.share("alerts", ["risks"])


def test_a_disk_nearly_full_refuses_appends_and_says_why(tmp_path: Path) -> None:
    free = [0.5]
    with closing(EmbeddedLog(tmp_path / "log.sqlite", wall_now=now, free=lambda _path: free[0])) as log:
        log.create(SHAPES)
        append(log, "risks", NewRecord("e", b"1"))
        free[0] = 0.04
        assert "4.0% free" in (log.healthy() or "")
        with pytest.raises(Unreachable, match="nearly full"):
            append(log, "risks", NewRecord("e", b"2"))
        free[0] = 0.06
        assert append(log, "risks", NewRecord("e", b"3")) == [(0, 1)]


def test_a_disk_that_is_full_fails_the_append_and_the_writer_lives_on(tmp_path: Path) -> None:
    log = EmbeddedLog(tmp_path / "log.sqlite", wall_now=now)
    with closing(log):
        log.create(SHAPES)
        limit_pages(log, 60)
        with pytest.raises(Unreachable, match="full"):
            append(log, "risks", NewRecord("e", bytes(1_000_000)))
        limit_pages(log, 100_000)
        assert append(log, "risks", NewRecord("e", b"after")) == [(0, 0)]
        assert log.healthy() is None


def limit_pages(log: EmbeddedLog, pages: int) -> None:
    """SQLite answers SQLITE_FULL beyond this, as it does on a full disk."""
    log._writer.do(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()).result(10)


def test_a_member_reads_on_after_a_position_beyond_the_end(embedded: EmbeddedLog) -> None:
    embedded.create(SHAPES)
    append(embedded, "risks", *numbered(3))
    with closing(embedded.share("alerts", ["risks"])) as sharing:
        assert len(read_until(sharing, lambda records: len(records) == 3, start=900)) == 3


def test_a_closed_log_refuses(tmp_path: Path) -> None:
    log = EmbeddedLog(tmp_path / "log.sqlite", wall_now=now)
    log.create(SHAPES)
    log.close()
    assert log.healthy() == "the log's writer has stopped"
    with pytest.raises(Unreachable):
        append(log, "risks", NewRecord("e", b"1"))
