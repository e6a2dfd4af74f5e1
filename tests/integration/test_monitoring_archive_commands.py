"""archive status, archive verify, replay of days: what an operator asks of the archive at the machine."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from services.monitoring.handlers.frame_archiving import FrameArchiving
from services.monitoring.service import archiving_of
from services.monitoring.store.tables import DECISION, DUE, PACKET
from shared.domain.clock import rfc3339
from tests.integration.test_monitoring_api import NOW, ApiHarness, opened, post, two_enterprises
from tests.support.commands import printed, quiet_commands, run
from tests.unit.monitoring.harness import MN, NOX, at

DAY = "2026-10-01"


@pytest.fixture
def api(tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHarness]:
    """Two days of an hour of minutes each, decided; the first is in the archive."""
    env = {"YUJING_SECRET_KEY": b64encode(b"k" * 32).decode()}  # of the context
    env |= {"YUJING_DATABASE_URL": database_url} if database_url else {}
    with opened(tmp_path, database_url) as made, quiet_commands(monkeypatch, tmp_path, tmp_path, **env):
        made.publish(two_enterprises(tmp_path))
        minutes = [at(f"{DAY} 08:00") + timedelta(minutes=n) for n in range(60)]
        packets = [
            {"mn": MN, "command": "2051", "data_time": rfc3339(one), "factors": {NOX: {"Avg": 150.0, "Flag": "N"}}}
            for one in (*minutes, *(one + timedelta(days=20) for one in minutes))
        ]
        post(made.device(), packets)
        made.pump()
        (decide,) = (job for job in made.service.jobs if job.name == "decide-due")
        decide.run(NOW + timedelta(hours=12))
        archiving_of(made.context, made.service.database).run(NOW)
        yield made


def _file(folder: Path) -> Path:
    (found,) = (folder / "archive").iterdir()
    return found


def test_the_status_shows_what_is_archived_and_how_much(api: ApiHarness, tmp_path: Path) -> None:
    found = printed("archive", "status")
    size = _file(tmp_path).stat().st_size
    assert [found[name] for name in ("days", "oldest", "newest", "files", "packets", "readings", "bytes")] == [
        1, DAY, DAY, 1, 60, 60, size
    ]  # fmt: skip
    assert (found["days_in_database"], found["unlisted"], found["replaced"]) == (1, [], 0)
    assert [one["file"] for one in found["current"]] == [_file(tmp_path).name]
    plain = run("archive", "status")
    assert f"最早 / oldest: {DAY}" in plain.stdout
    assert "数据包数 / packets: 60" in plain.stdout


def test_verify_reads_every_file_and_names_what_is_wrong(api: ApiHarness, tmp_path: Path) -> None:
    assert printed("archive", "verify") == {"files": 1, "packets": 60, "readings": 60, "frames": 0, "wrong": []}
    assert printed("archive", "verify", "--day", DAY)["files"] == 1
    path = _file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    cut = run("archive", "verify", "--json")
    assert cut.exit_code == 1
    (wrong,) = json.loads(cut.stdout)["wrong"]
    assert (wrong["file"], wrong["day"]) == (path.name, DAY)
    path.unlink()
    missing = run("archive", "verify")
    assert missing.exit_code == 1
    assert f"{path.name}: 文件缺失 / the file is missing" in missing.stdout
    path.write_bytes(whole)
    assert run("archive", "verify").exit_code == 0


def test_files_of_frames_are_counted_and_verified_too(api: ApiHarness, tmp_path: Path) -> None:
    packets = {_file(tmp_path)}
    (worker,) = (one for one in api.service.workers if isinstance(one, FrameArchiving))
    assert worker.take()
    (path,) = {*(tmp_path / "archive").iterdir()} - packets
    found = printed("archive", "status")
    names = ("files", "packets", "frames", "frame_files", "frame_bytes", "frames_oldest", "frames_newest", "unlisted")
    assert [found[name] for name in names] == [
        1, 60, 120, 1, path.stat().st_size, "2026-11-20", "2026-11-20", []
    ]  # fmt: skip
    assert found["frames_complete_to"] == rfc3339(NOW)
    assert [(one["file"], one.get("frames")) for one in found["current"]] == [
        (packets.pop().name, None),
        (path.name, 120),
    ]
    assert printed("archive", "verify") == {"files": 2, "packets": 60, "readings": 60, "frames": 120, "wrong": []}
    assert printed("archive", "verify", "--day", "2026-11-20")["frames"] == 120
    path.write_bytes(path.read_bytes()[:-7])
    cut = run("archive", "verify", "--json")
    assert (cut.exit_code, [one["file"] for one in json.loads(cut.stdout)["wrong"]]) == (1, [path.name])
    path.rename(path.with_name("frames-2026-11-19-0123456789abcdef.parquet"))
    assert printed("archive", "status")["unlisted"] == ["frames-2026-11-19-0123456789abcdef.parquet"]
    assert f"{path.name}: 文件缺失 / the file is missing" in run("archive", "verify").stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("archive", "verify", "--day", "2026-13-01"), "2026-13-01"),
        (("archive", "verify", "--day", "20261001"), "YYYY-MM-DD"),
        (("archive", "verify", "--day", "2026-10-02"), "no archived day 2026-10-02"),
        (("replay", "--from", "2026-10-02", "--to", DAY), "before"),
        (("replay", "--from", DAY), "--to"),
        (("replay", "alerts", "--from", DAY, "--to", DAY), "monitoring"),
        (("replay", "monitorin", "--from", DAY, "--to", DAY), "monitorin"),
        (("replay", "--yes"), "no service is named"),
    ],
)
def test_bad_input_is_named(api: ApiHarness, arguments: tuple[str, ...], named: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert named in result.stderr
    assert any("\u4e00" <= char <= "\u9fff" for char in result.stderr)


def _tables(api: ApiHarness) -> list[object]:
    with api.service.database.read() as session:
        return [
            sorted(map(str, session.connection().execute(select(table)).all())) for table in (DECISION, DUE, PACKET)
        ]


def test_days_are_gone_through_again_from_rows_and_files_and_nothing_changes(api: ApiHarness) -> None:
    before = _tables(api)
    found = printed("replay", "--from", DAY, "--to", "2026-10-21")
    assert [found[name] for name in ("packets", "archived_packets", "readings", "windows")] == [120, 60, 120, 4]
    assert (found["changed_rows"], found["changed_verdicts"], found["changes"]) == (0, 0, [])
    assert _tables(api) == before


def test_what_would_be_decided_otherwise_is_shown_and_left_as_it_is(api: ApiHarness) -> None:
    d = DECISION.c
    with api.service.database.transaction() as session:
        changed = update(DECISION).where(d.factor == NOX, d.averaging == "hour").values(status="none", reason="no_data")
        session.connection().execute(changed)
    before = _tables(api)
    result = run("replay", "--from", DAY, "--to", "2026-10-21", "--json")
    assert result.exit_code == 1, result.output
    shown = [
        (one["mn"], one["at"], one["factor"], one["stored"], one["now"]) for one in json.loads(result.stdout)["changes"]
    ]
    assert shown == [(MN, f"{day}T08:00:00+08:00", NOX, "none", "over") for day in (DAY, "2026-10-21")]
    assert _tables(api) == before
    assert f"{MN} {DAY}T08:00:00+08:00 hour {NOX}: none → over" in run("replay", "--from", DAY, "--to", DAY).stdout
