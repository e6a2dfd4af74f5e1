"""archive status, archive verify, capacity; `replay` of a span of days: thin verbs over what the service's parts do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer

from services.monitoring.domain.archive import ArchiveFile, leaves_before_s
from services.monitoring.domain.capacity import Figure, Load, Need, needs
from services.monitoring.domain.changes import VerdictChange
from services.monitoring.domain.frame import FrameFile
from services.monitoring.domain.windows import DAY_S, date_start_s, instant, seconds, shanghai_date
from services.monitoring.handlers.replaying import Replayed, replay_days
from services.monitoring.handlers.verdicts import Decider
from services.monitoring.service import use_archive_of
from services.monitoring.store import archive
from services.monitoring.store.archive import Check, current_files, files_of_days, folder_of
from services.monitoring.store.frames import (
    FrameCheck,
    FrameRun,
    check_frame_file,
    current_frame_files,
    frame_names,
    last_run,
    note_frames_verified,
)
from services.monitoring.store.packet_days import packet_days
from services.monitoring.store.register import Register
from shared.database import Database
from shared.domain.clock import rfc3339
from shared.domain.errors import Invalid, NotFound
from shared.domain.tables import rows
from shared.runtime.service import Context, OpenService
from shared.runtime.settings import load_settings
from shared.runtime.terminal import AsJson, plain_errors, print_result

Day = Annotated[str | None, typer.Option(help="YYYY-MM-DD，北京时间 / a Shanghai day; none = all")]
SHOWN = 20  # lines in the plain output; all of them with --json
STALE_S = 90 * DAY_S
Points = Annotated[int, typer.Option(min=1, max=10_000_000, help="监测点数 / points")]
Interval = Annotated[int, typer.Option(min=1, max=86_400, help="实时数据间隔，秒 / seconds between packets of a point")]
Factors = Annotated[int, typer.Option(min=1, max=1_000, help="每包因子数 / factors in a packet")]
Distributed = Annotated[bool, typer.Option("--distributed", help="Kafka 与 PostgreSQL / as with Kafka and PostgreSQL")]
CAPACITY = {
    "packets_per_s": "每秒数据包",
    "readings_per_s": "每秒数据",
    "readings_per_day": "每天数据",
    "series": "序列数",
    "processes": "监测进程数",
    "partitions": "主题 packets 的分区数",
    "cores": "处理器核数",
    "memory": "监测进程内存",
    "database_per_day": "数据库每天",
    "database": "数据库合计",
    "archive_per_day": "归档每天",
    "archive_per_year": "归档每年",
    "archive_hours_per_day": "每天归档用时",
    "frames_per_day": "原始报文每天",
    "frames_per_year": "原始报文每年",
    "frame_hours_per_day": "原始报文每天归档用时",
}
CHINESE = {
    "folder": "文件夹",
    "days": "已归档天数",
    "oldest": "最早",
    "newest": "最新",
    "files": "文件数",
    "packets": "数据包数",
    "readings": "数据数",
    "bytes": "字节数",
    "least_recently_verified": "最久未校验者的校验时间",
    "not_verified_for_90_days": "90 天未校验的文件",
    "replaced": "已被替代、待删除的文件",
    "unlisted": "清单外的文件",
    "frames": "原始报文数",
    "frame_files": "原始报文文件数",
    "frame_bytes": "原始报文字节数",
    "frames_oldest": "原始报文最早",
    "frames_newest": "原始报文最新",
    "frames_complete_to": "原始报文已归档至",
    "days_in_database": "数据库中的天数",
    "days_due": "待归档天数",
    "wrong": "有误的文件",
    "from": "起",
    "to": "止",
    "archived_packets": "其中来自归档",
    "windows": "重新判定的时段",
    "changed_rows": "会改变的数据包",
    "changed_verdicts": "会改变的判定",
}


def add_commands(app: typer.Typer, open_service: OpenService) -> None:
    """Add the verbs of this service. `open_service`: its context and its database, up to date."""
    group = typer.Typer(no_args_is_help=True, help="归档 / The archive of real-time and minute packets, and of frames.")
    app.add_typer(group, name="archive")

    @group.command("status")
    def show_status(as_json: AsJson = False) -> None:
        """归档状况 / Days, packets, frames and bytes in files, the oldest and newest, what is due or not verified for long."""
        with plain_errors(), open_service() as (context, database):
            use_archive_of(context, database)
            found = _status(context, database)
        _print(found, as_json=as_json)

    @group.command("verify")
    def verify(day: Day = None, as_json: AsJson = False) -> None:
        """校验归档文件 / Read every file: bytes, packets, readings, frames, range; exit 1 and what is wrong when one is."""
        with plain_errors(), open_service() as (context, database):
            use_archive_of(context, database)
            checks = list(_verified(context, database, read_day(day, "--day")))
        wrong = [one for one in checks if one.wrong is not None]
        _print_checks(checks, wrong, as_json=as_json)
        if wrong:
            sys.exit(1)


def add_capacity(app: typer.Typer) -> None:
    """Add the verb `capacity`: it needs no data."""

    @app.command("capacity")
    def show_capacity(
        points: Points,
        interval: Interval = 30,
        factors: Factors = 8,
        distributed: Distributed = False,
        as_json: AsJson = False,
    ) -> None:
        """容量估算 / What so many points need: partitions, cores, memory, disk, each with the measured figure it rests on."""
        with plain_errors():
            settings = load_settings()
        load = Load(points, interval, factors, settings.readings_days)
        distributed = distributed or settings.distributed
        found = needs(load, figures(), distributed=distributed, frames=settings.archive_frames)
        _print_needs(found, load, as_json=as_json)


def figures() -> dict[str, Figure]:
    """What was measured, by name."""
    return {
        row["name"]: Figure(
            row["name"], float(row["value"]), row["unit"], row["measured_on"], row["command"], row["note"]
        )
        for row in rows("capacity_figures")
    }


def _print_needs(found: Sequence[Need], load: Load, *, as_json: bool) -> None:
    known = figures()
    used = {name: known[name] for need in found for name in need.rests_on}
    if as_json:
        listed = {need.name: {"value": need.value, "unit": need.unit, "rests_on": need.rests_on} for need in found}
        print_result(
            {"load": asdict(load), "needs": listed, "figures": [asdict(one) for one in used.values()]}, as_json=True
        )
        return
    for need in found:
        basis = f"  [{', '.join(need.rests_on)}]" if need.rests_on else ""
        typer.echo(f"{CAPACITY[need.name]} / {need.name}: {_amount(need.value, need.unit)}{basis}")
    typer.echo("依据 / measured:")
    for name, one in used.items():
        typer.echo(f"  {name} {one.value:,g} {one.unit}  {one.measured_on}  {one.command}  {one.note}")


def _amount(value: float, unit: str) -> str:
    if unit != "B":
        return f"{value:,.4g} {unit}".rstrip() if value < 1_000 else f"{value:,.0f} {unit}".rstrip()
    for name, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if value >= size:
            return f"{value / size:,.3g} {name}"
    return f"{value:,.0f} B"


def read_day(text: str | None, field: str) -> int | None:
    """The second at which the day begins; raises Invalid for what is no day."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < 9999:
        raise Invalid(f"{text!r} is no day", field=field, value=text, rule="YYYY-MM-DD, from the year 2000 on")
    return date_start_s(day)


def _status(context: Context, database: Database) -> dict[str, object]:
    folder, now_s = context.settings.archive_folder, seconds(context.clock.field_now())
    with database.read() as session:
        files, names, days = current_files(session), archive.names_in_manifest(session), packet_days(session)
        of_frames, run, names_of_frames = current_frame_files(session), last_run(session), frame_names(session)
    archived = sorted({file.day for file in files})
    everything: list[ArchiveFile | FrameFile] = [*files, *of_frames]
    known = names | names_of_frames
    return {
        "folder": None if folder is None else str(folder),
        "days": len(archived),
        "oldest": _shown_day(archived[0]) if archived else None,
        "newest": _shown_day(archived[-1]) if archived else None,
        "files": len(files),
        "packets": sum(file.rows for file in files),
        "readings": sum(file.readings for file in files),
        "bytes": sum(file.bytes for file in files),
        **_frame_fields(of_frames, run),
        "least_recently_verified": _shown_time(min((file.verified_at_s for file in everything), default=None)),
        "not_verified_for_90_days": sum(file.verified_at_s + STALE_S <= now_s for file in everything),
        "replaced": len(known) - len(everything),
        "unlisted": archive.unlisted(folder, known) if folder is not None and folder.is_dir() else [],
        "days_in_database": len(days),
        "days_due": sum(day < leaves_before_s(now_s, context.settings.readings_days) for day in days),
        "current": [_file_fields(file) for file in everything],
    }


def _frame_fields(files: Sequence[FrameFile], run: FrameRun | None) -> dict[str, object]:
    """`frames_complete_to`: whatever the log took before this stands in files."""
    return {
        "frames": sum(file.rows for file in files),
        "frame_files": len(files),
        "frame_bytes": sum(file.bytes for file in files),
        "frames_oldest": _shown_day(files[0].day) if files else None,
        "frames_newest": _shown_day(files[-1].day) if files else None,
        "frames_complete_to": _shown_time(run.complete_to_s) if run else None,
    }


def _verified(context: Context, database: Database, day: int | None) -> Iterator[Check | FrameCheck]:
    """Each file as it is checked; what is right is noted in the manifest."""
    with database.read() as session:
        files = current_files(session) if day is None else files_of_days(session, [day])
        of_frames = current_frame_files(session, day)
        if not files and not of_frames:
            if day is not None:
                raise NotFound(f"no archived day {_shown_day(day)}")
            return
        folder = folder_of(session)
    for file in files:
        check = archive.check_file(folder, file)
        if check.wrong is None:
            with database.transaction() as session:
                archive.note_verified(session, file.name, seconds(context.clock.field_now()))
        yield check
    for one in of_frames:
        found = check_frame_file(folder, one)
        if found.wrong is None:
            with database.transaction() as session:
                note_frames_verified(session, one.name, seconds(context.clock.field_now()))
        yield found


def _print_checks(checks: Sequence[Check | FrameCheck], wrong: Sequence[Check | FrameCheck], *, as_json: bool) -> None:
    of_packets = [one for one in checks if isinstance(one, Check)]
    found: dict[str, object] = {
        "files": len(checks),
        "packets": sum(one.file.rows for one in of_packets),
        "readings": sum(one.file.readings for one in of_packets),
        "frames": sum(one.file.rows for one in checks if isinstance(one, FrameCheck)),
        "wrong": len(wrong),
    }
    if as_json:
        listed = [{"file": one.file.name, "day": _shown_day(one.file.day), "wrong": one.wrong} for one in wrong]
        print_result({**found, "wrong": listed}, as_json=True)
        return
    for one in wrong:
        typer.echo(f"{one.file.name}: {one.wrong}")
    _print(found, as_json=False)


def replay_span(open_service: OpenService, since: str, to: str, *, as_json: bool) -> None:
    """Go through the packets of these days, both included, and print what would come out otherwise; exit 1 when something
    would."""
    with plain_errors(), open_service() as (context, database):
        days = _days_of(read_day(since, "--from"), read_day(to, "--to"))
        use_archive_of(context, database)
        found = replay_days(database, Decider(Register()), days, seconds(context.clock.field_now()))
    _print_replayed(found, days, as_json=as_json)
    if not found.same:
        sys.exit(1)


def _days_of(first: int | None, last: int | None) -> list[int]:
    assert first is not None and last is not None
    if last < first:
        raise Invalid(
            f"--to {_shown_day(last)} is before --from {_shown_day(first)}",
            field="--to",
            value=_shown_day(last),
            rule="a day on or after --from",
        )
    return list(range(first, last + 1, DAY_S))


def _print_replayed(found: Replayed, days: Sequence[int], *, as_json: bool) -> None:
    result: dict[str, object] = {
        "from": _shown_day(days[0]),
        "to": _shown_day(days[-1]),
        "packets": found.packets,
        "archived_packets": found.archived_packets,
        "readings": found.readings,
        "windows": found.windows,
        "changed_rows": found.changed_rows,
        "changed_verdicts": len(found.changes),
    }
    if as_json:
        print_result({**result, "changes": [_change_fields(one) for one in found.changes]}, as_json=True)
        return
    for one in found.changes[:SHOWN]:
        shown = _change_fields(one)
        typer.echo(
            f"{shown['mn']} {shown['at']} {shown['averaging']} {shown['factor']}: {shown['stored']} → {shown['now']}"
        )
    if len(found.changes) > SHOWN:
        typer.echo(f"… 另有 {len(found.changes) - SHOWN} 条，见 --json / more with --json")
    _print(result, as_json=False)


def _change_fields(one: VerdictChange) -> dict[str, object]:
    return {
        "mn": one.after.mn,
        "averaging": one.after.averaging,
        "at": _shown_time(one.after.start_s),
        "factor": one.after.factor,
        "stored": None if one.before is None else one.before.status.value,
        "now": one.after.status.value,
    }


def _file_fields(file: ArchiveFile | FrameFile) -> dict[str, object]:
    counts = (
        {"packets": file.rows, "readings": file.readings} if isinstance(file, ArchiveFile) else {"frames": file.rows}
    )
    return {
        "file": file.name,
        "day": _shown_day(file.day),
        **counts,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "written_at": _shown_time(file.written_at_s),
        "verified_at": _shown_time(file.verified_at_s),
    }


def _print(found: Mapping[str, object], *, as_json: bool) -> None:
    """JSON, or a line each: Chinese, English."""
    if as_json:
        print_result(found, as_json=True)
        return
    for name, value in found.items():
        if name in CHINESE:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            typer.echo(f"{CHINESE[name]} / {name}: {'-' if shown in (None, '') else shown}")


def _shown_day(day: int) -> str:
    return shanghai_date(day).isoformat()


def _shown_time(at_s: int | None) -> str | None:
    return None if at_s is None else rfc3339(instant(at_s))
