"""The archive of frames: the manifest of its files, how far it is, and what is found in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Row, delete, func, select, text, update
from sqlmodel import Session

from services.monitoring.domain.archive import FileState
from services.monitoring.domain.frame import (
    Frame,
    FrameFile,
    PointRange,
    frame_file_name,
)
from services.monitoring.store import frame_files
from services.monitoring.store.archive import folder_of, growing
from services.monitoring.store.duckdb_files import put_in_place, sha256_of
from services.monitoring.store.frame_files import FrameSpool, WantedFrames, WrittenFrames
from services.monitoring.store.tables import FRAME_FILE, FRAME_RUN
from shared.domain.errors import Unreachable
from shared.sql import embedded, upsert

LOCK = "monitoring.frames"
RUN = "frames"  # the only row of its table


@dataclass(frozen=True, slots=True)
class FrameRun:
    """`ended_s`: when frames were last taken from the log, by the wall clock; `complete_to_s`: all that the log had taken
    before this stands in files, by the field clock; None: not known yet."""

    ended_s: int
    complete_to_s: int | None


@dataclass(frozen=True, slots=True)
class FrameCheck:
    """What is wrong with a file; None: nothing."""

    file: FrameFile
    wrong: str | None


# how far
def last_run(session: Session) -> FrameRun | None:
    """None: there was none."""
    row = session.connection().execute(select(FRAME_RUN.c.ended_s, FRAME_RUN.c.complete_to_s)).first()
    return None if row is None else FrameRun(row.ended_s, row.complete_to_s)


def note_run(session: Session, run: FrameRun) -> None:
    upsert(session, FRAME_RUN, [{"name": RUN, **asdict(run)}])


# the manifest
def enter_files(session: Session, files: Collection[FrameFile]) -> None:
    upsert(session, FRAME_FILE, [_columns(file) for file in files])


def current_frame_files(session: Session, day: int | None = None) -> list[FrameFile]:
    """The current files, of one day or of all."""
    c = FRAME_FILE.c
    wanted = select(FRAME_FILE).where(c.state == FileState.CURRENT)
    if day is not None:
        wanted = wanted.where(c.day == day)
    return [_read(row) for row in session.connection().execute(wanted.order_by(c.day, c.low_ms, c.name))]


def days_of_many_files(session: Session, before_s: int) -> list[int]:
    """Days that begin before this and have more than one current file."""
    c = FRAME_FILE.c
    wanted = select(c.day).where(c.state == FileState.CURRENT, c.day < before_s)
    return list(session.connection().execute(wanted.group_by(c.day).having(func.count() > 1).order_by(c.day)).scalars())


def replace_files(session: Session, before: Collection[FrameFile], after: Collection[FrameFile], now_s: int) -> bool:
    """Make `after` current in place of `before`; False, and nothing is changed, when one of those is not current any more."""
    if not embedded(session):
        session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": LOCK})
    c = FRAME_FILE.c
    names = [file.name for file in before]
    standing = select(func.count()).where(c.name.in_(names), c.state == FileState.CURRENT)
    if session.connection().execute(standing).scalar_one() != len(names):
        return False
    replaced = update(FRAME_FILE).where(c.name.in_(names))
    session.connection().execute(replaced.values(state=FileState.REPLACED, replaced_at_s=now_s))
    enter_files(session, after)
    return True


def frame_names(session: Session) -> set[str]:
    return set(session.connection().execute(select(FRAME_FILE.c.name)).scalars())


def replaced_frame_files(session: Session, before_s: int) -> list[str]:
    """The files that were replaced by then."""
    c = FRAME_FILE.c
    wanted = select(c.name).where(c.state == FileState.REPLACED, c.replaced_at_s <= before_s)
    return list(session.connection().execute(wanted).scalars())


def forget_frame_files(session: Session, names: Collection[str]) -> None:
    """Take replaced files off the manifest."""
    c = FRAME_FILE.c
    session.connection().execute(delete(FRAME_FILE).where(c.name.in_(list(names)), c.state == FileState.REPLACED))


def note_frames_verified(session: Session, name: str, now_s: int) -> None:
    c = FRAME_FILE.c
    session.connection().execute(update(FRAME_FILE).where(c.name == name).values(verified_at_s=now_s))


# the files
def put_part(folder: Path, day: int, spool: FrameSpool, now_s: int) -> FrameFile:
    """A file of what the spool holds, under its name and read back. Raises Unreachable."""
    written = spool.write()
    file = _put(folder, day, written, now_s)
    if frame_files.content_of(folder / file.name) != written.content:
        raise Unreachable(f"archive file {file.name} does not hold what was written to it", code="archive-away")
    return file


def put_merged(folder: Path, day: int, before: Sequence[FrameFile], points: PointRange, now_s: int) -> FrameFile:
    """A file of what these files have of these points. Raises Unreachable."""
    overlapping = [file for file in before if file.first_mn <= points.last_mn and points.first_mn <= file.last_mn]
    return _put(folder, day, frame_files.merge_files([folder / file.name for file in overlapping], points), now_s)


def _put(folder: Path, day: int, written: WrittenFrames, now_s: int) -> FrameFile:
    """Give it its name and read its bytes back."""
    name, content = frame_file_name(day, written.sha256), written.content
    put_in_place(written.path, folder / name)
    if sha256_of(folder / name) != written.sha256:
        raise Unreachable(f"archive file {name} does not hold what was written to it", code="archive-away")
    return FrameFile(
        name,
        day,
        content.first_mn,
        content.last_mn,
        content.low_ms,
        content.high_ms,
        content.rows,
        content.size,
        written.bytes,
        written.sha256,
        now_s,
        now_s,
    )


def check_frame_file(folder: Path, file: FrameFile) -> FrameCheck:
    """Read all of the file: its bytes, its frames, and where they begin and end."""
    path = folder / file.name
    try:
        if not path.is_file():
            return FrameCheck(file, "文件缺失 / the file is missing")
        if sha256_of(path) != file.sha256:
            return FrameCheck(file, "内容已改变 / its bytes are not those that were written (sha256 differs)")
        found = frame_files.content_by_sql([path])
    except Unreachable as wrong:
        return FrameCheck(file, f"无法读取 / {wrong.detail}")
    if found is None or (found.rows, found.size) != (file.rows, file.size):
        shown = "0" if found is None else f"{found.rows}, {found.size}"
        return FrameCheck(file, f"数量不符 / frames and their bytes: {shown}, expected {file.rows}, {file.size}")
    ends = (file.first_mn, file.last_mn, file.low_ms, file.high_ms)
    if (found.first_mn, found.last_mn, found.low_ms, found.high_ms) != ends:
        return FrameCheck(file, "键范围不符 / it begins or ends with another point or time than the manifest says")
    return FrameCheck(file, None)


# what is asked of the files
def frames_of(session: Session, wanted: WantedFrames) -> list[Frame]:
    """The first frames that are wanted, in order of receipt. Raises Unreachable."""
    found: list[Frame] = []
    for files in growing(_files_of(session, wanted)):
        if len(found) == wanted.limit and files[0].low_ms > found[-1].received_at_ms:
            break  # what these and all behind them hold came later
        paths = [folder_of(session) / file.name for file in files]
        found = sorted([*found, *frame_files.frames_in(paths, wanted)], key=place_of_frame)[: wanted.limit]
    return found


def place_of_frame(frame: Frame) -> tuple[int, str, int, int]:
    """What frames of a point are sorted by."""
    return frame.received_at_ms, frame.topic, frame.partition, frame.offset


def _files_of(session: Session, wanted: WantedFrames) -> list[FrameFile]:
    """The files that may have frames of the point in the span, by the earliest time of receipt."""
    c = FRAME_FILE.c
    low = max(wanted.low_ms, wanted.behind.received_at_ms) if wanted.behind else wanted.low_ms
    query = select(FRAME_FILE).where(
        c.state == FileState.CURRENT,
        c.first_mn <= wanted.mn,
        c.last_mn >= wanted.mn,
        c.high_ms >= low,
        c.low_ms < wanted.high_ms,
    )
    return [_read(row) for row in session.connection().execute(query.order_by(c.low_ms, c.name))]


def _columns(file: FrameFile) -> dict[str, object]:
    return {**asdict(file), "replaced_at_s": None}


def _read(row: Row[tuple[object, ...]]) -> FrameFile:
    values = dict(row._mapping)
    values.pop("replaced_at_s")
    return FrameFile(**values | {"state": FileState(row.state)})
