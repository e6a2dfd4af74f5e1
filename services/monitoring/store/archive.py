"""The archive: files of packet rows in a folder, and the manifest that says which of them are current.

The files of a day and its rows in the database together are what was received: a day that has left may have late rows. Who
reads both reads the rows first, then the manifest: a day leaves in the transaction, or after it, that lists its files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Row, delete, func, select, text, update
from sqlmodel import Session

from services.monitoring.domain.archive import (
    COLUMNS,
    PREFIX,
    SUFFIX,
    ArchiveFile,
    FileState,
    Readings,
    file_name,
    rows_of,
)
from services.monitoring.domain.frame import FRAME_PREFIX
from services.monitoring.domain.packet_row import PacketKey, PacketRow
from services.monitoring.domain.reading import PeriodValue
from services.monitoring.domain.windows import DAY_S
from services.monitoring.store import parquet
from services.monitoring.store.duckdb_files import sha256_of
from services.monitoring.store.packets import LAST_S
from services.monitoring.store.parquet import Wanted, WrittenFile
from services.monitoring.store.tables import ARCHIVE_FILE, ARCHIVED_NEWEST
from shared.database import Database
from shared.domain.errors import Unreachable
from shared.sql import chunks, embedded, insert_into, upsert

T = TypeVar("T")
FOLDER = "archive"  # key in Session.info: where the files are
PART = 1_000_000  # readings in one file; a day of more has several, each of a range of keys
LOCK = "monitoring.archive"
MOST_FILES_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Check:
    """What is wrong with a file; None: nothing."""

    file: ArchiveFile
    wrong: str | None


def use_archive(database: Database, folder: Path) -> None:
    """All sessions of this database find archived readings in the folder."""
    database.session_info[FOLDER] = folder


def folder_of(session: Session) -> Path:
    """Raises Unreachable: rows say that there are files, and this process was not given their folder."""
    folder = session.info.get(FOLDER)
    if not isinstance(folder, Path):
        raise Unreachable("the folder of the archive is not known here", code="archive-away")
    return folder


# the manifest
def current_files(session: Session, low_s: int | None = None, high_s: int | None = None) -> list[ArchiveFile]:
    """The current files of days that touch [low, high), in the order of days and keys."""
    c = ARCHIVE_FILE.c
    wanted = select(ARCHIVE_FILE).where(c.state == FileState.CURRENT)
    if low_s is not None:
        wanted = wanted.where(c.day > low_s - DAY_S)
    if high_s is not None:
        wanted = wanted.where(c.day < high_s)
    ordered = wanted.order_by(c.day, c.first_mn, c.first_period, c.first_start_s)
    return [_read(row) for row in session.connection().execute(ordered)]


def files_of_days(session: Session, days: Collection[int]) -> list[ArchiveFile]:
    """The current files of these days."""
    c = ARCHIVE_FILE.c
    found: list[ArchiveFile] = []
    for part in chunks(days):
        wanted = select(ARCHIVE_FILE).where(c.state == FileState.CURRENT, c.day.in_(part))
        found += [_read(row) for row in session.connection().execute(wanted)]
    return sorted(found, key=lambda file: (file.day, file.first))


def names_in_manifest(session: Session) -> set[str]:
    return set(session.connection().execute(select(ARCHIVE_FILE.c.name)).scalars())


def list_files(
    session: Session, day: int, before: Collection[ArchiveFile], after: Collection[ArchiveFile], now_s: int
) -> bool:
    """Make `after` the current files of the day; False, and nothing is changed, when they are not `before` any more."""
    if not embedded(session):
        session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": LOCK})
    names = {file.name for file in before}
    if {file.name for file in files_of_days(session, [day])} != names:
        return False
    c = ARCHIVE_FILE.c
    replaced = sorted(names - {file.name for file in after})
    session.connection().execute(
        update(ARCHIVE_FILE).where(c.name.in_(replaced)).values(state=FileState.REPLACED, replaced_at_s=now_s)
    )
    upsert(session, ARCHIVE_FILE, [_columns(file) for file in after])
    return True


def note_verified(session: Session, name: str, now_s: int) -> None:
    c = ARCHIVE_FILE.c
    session.connection().execute(update(ARCHIVE_FILE).where(c.name == name).values(verified_at_s=now_s))


def replaced_before(session: Session, before_s: int) -> list[str]:
    """The files that were replaced by then."""
    c = ARCHIVE_FILE.c
    wanted = select(c.name).where(c.state == FileState.REPLACED, c.replaced_at_s <= before_s)
    return list(session.connection().execute(wanted).scalars())


def forget_files(session: Session, names: Collection[str]) -> None:
    """Take replaced files off the manifest."""
    c = ARCHIVE_FILE.c
    session.connection().execute(delete(ARCHIVE_FILE).where(c.name.in_(list(names)), c.state == FileState.REPLACED))


def write_newest(session: Session, readings: Sequence[PeriodValue]) -> None:
    """Note these as the newest of their series where no newer one stands."""
    if not readings:
        return
    statement = insert_into(ARCHIVED_NEWEST, sqlite=embedded(session))
    changed = {name: statement.excluded[name] for name in COLUMNS if name not in ("mn", "period", "factor")}
    newer = statement.excluded.start_s >= ARCHIVED_NEWEST.c.start_s
    rows = [{name: getattr(one, name) for name in COLUMNS} for one in readings]
    session.connection().execute(
        statement.on_conflict_do_update(index_elements=["mn", "period", "factor"], set_=changed, where=newer), rows
    )


def newest_archived(session: Session, mn: str) -> list[PeriodValue]:
    """The newest archived reading of each period and factor of a point."""
    found = session.connection().execute(select(ARCHIVED_NEWEST).where(ARCHIVED_NEWEST.c.mn == mn))
    return [PeriodValue(**row._mapping) for row in found]


def has_archived(session: Session, mn: str) -> bool:
    """Whether any file has readings of the point."""
    query = select(func.min(ARCHIVED_NEWEST.c.mn)).where(ARCHIVED_NEWEST.c.mn == mn)
    return session.connection().execute(query).scalar_one() is not None


# the files
def write_parts(folder: Path, day: int, packets: Iterable[Readings], now_s: int, *, most: int) -> Iterator[ArchiveFile]:
    """Write the packets, which come in the order of their keys, to files of at most so many readings, and read each back.
    Raises Unreachable."""
    rest = iter(packets)
    for first in rest:
        yield _put(folder, day, parquet.write_file(folder, _limited(first, rest, most)), now_s)


def _limited(first: Readings, rest: Iterator[Readings], most: int) -> Iterator[Readings]:
    """Packets of `most` readings together, or one packet more."""
    count = len(first)
    yield first
    while count < most:
        packet = next(rest, None)
        if packet is None:
            return
        count += len(packet)
        yield packet


def _put(folder: Path, day: int, written: WrittenFile, now_s: int) -> ArchiveFile:
    """Give it its name and read it back."""
    name = file_name(day, written.sha256)
    parquet.put_in_place(written, folder / name)
    found, content = parquet.content_of(folder / name), written.content
    if found != content or sha256_of(folder / name) != written.sha256:
        raise Unreachable(f"archive file {name} does not hold what was written to it", code="archive-away")
    return ArchiveFile(
        name,
        day,
        content.first,
        content.last,
        content.rows,
        content.readings,
        written.bytes,
        written.sha256,
        now_s,
        now_s,
    )


def packets_of_file(folder: Path, file: ArchiveFile) -> Iterator[PeriodValue]:
    """All readings of the file, in order. Raises Unreachable."""
    return parquet.read_file(folder / file.name)


def packets_of_files(
    folder: Path, files: Collection[ArchiveFile], first: PacketKey, last: PacketKey
) -> dict[PacketKey, Readings]:
    """The archived packets from one key to another. Raises Unreachable."""
    found: dict[PacketKey, Readings] = {}
    for file in files:
        if file.first <= last and first <= file.last:
            found |= parquet.packets_from_to(folder / file.name, first, last)
    return found


def newest_in_file(folder: Path, file: ArchiveFile) -> list[PeriodValue]:
    """The newest reading of each series of the file. Raises Unreachable."""
    return parquet.newest_of_series(folder / file.name)


def check_file(folder: Path, file: ArchiveFile) -> Check:
    """Read all of the file: its bytes, its readings, its packets and where they begin and end."""
    path = folder / file.name
    try:
        if not path.is_file():
            return Check(file, "文件缺失 / the file is missing")
        if sha256_of(path) != file.sha256:
            return Check(file, "内容已改变 / its bytes are not those that were written (sha256 differs)")
        found = parquet.content_of(path)
    except Unreachable as wrong:
        return Check(file, f"无法读取 / {wrong.detail}")
    if found is None or (found.rows, found.readings) != (file.rows, file.readings):
        shown = "0" if found is None else f"{found.rows}, {found.readings}"
        return Check(file, f"数量不符 / packets and readings: {shown}, expected {file.rows}, {file.readings}")
    if (found.first, found.last) != (file.first, file.last):
        return Check(file, "键范围不符 / it begins or ends with another packet than the manifest says")
    return Check(file, None)


def unlisted(folder: Path, names: Collection[str]) -> list[str]:
    """Files of the archive that no manifest row names: of a database that was restored, or of a move that was cut off."""
    ours = (path.name for prefix in (PREFIX, FRAME_PREFIX) for path in folder.glob(f"{prefix}*{SUFFIX}"))
    return sorted(name for name in ours if name not in names)


def remove_file(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)


# what is asked of the files; an answer lacks what stands in the database
def archived_readings(
    session: Session, mn: str, period: str, *, factor: str, low_s: int, high_s: int, limit: int
) -> list[PeriodValue]:
    """The first readings of a series in [low, high). Raises Unreachable."""
    found: list[PeriodValue] = []
    for paths in growing(_paths(session, mn, low_s, high_s)):
        wanted = Wanted([mn], period, factor, low_s, high_s, limit - len(found))
        found += parquet.readings(paths, wanted)
        if len(found) >= limit:
            break
    return found


def archived_starts(session: Session, mn: str, period: str | None, low_s: int, high_s: int) -> list[int]:
    """The starts of the archived packets of a point in [low, high), in order. Raises Unreachable."""
    return parquet.starts(_paths(session, mn, low_s, high_s), Wanted([mn], period, low_s=low_s, high_s=high_s))


def first_archived(session: Session, mn: str, low_s: int, high_s: int) -> int | None:
    """The earliest start of an archived packet of the point in [low, high). Raises Unreachable."""
    if not has_archived(session, mn):
        return None
    files = _files(session, mn, low_s, high_s)
    for _, of_day in groupby(files, key=lambda file: file.day):
        paths = [folder_of(session) / file.name for file in of_day]
        found = parquet.starts(paths, Wanted([mn], low_s=low_s, high_s=high_s, limit=1))
        if found:
            return found[0]
    return None


def newest_packets_archived(session: Session, mn: str, period: str, low_s: int, size: int) -> list[PacketRow]:
    """The newest `size` archived packets, or more, that start at `low_s` or later. Raises Unreachable."""
    found: list[PacketRow] = []
    for file in reversed(_files(session, mn, low_s, LAST_S)):
        wanted = Wanted([mn], period, low_s=low_s)
        found += rows_of(parquet.readings([folder_of(session) / file.name], wanted))
        if len(found) >= size:
            break
    return found


def archived_of_points(
    session: Session, mns: Collection[str], period: str, low_s: int, high_s: int
) -> Iterator[PeriodValue]:
    """The readings of these points in [low, high). Raises Unreachable."""
    files = current_files(session, low_s, high_s)
    for file in files:
        some = [mn for mn in mns if file.first.mn <= mn <= file.last.mn]
        if some:
            yield from parquet.readings(
                [folder_of(session) / file.name], Wanted(some, period, low_s=low_s, high_s=high_s)
            )


def _files(session: Session, mn: str, low_s: int, high_s: int) -> list[ArchiveFile]:
    """The files that may have readings of the point in [low, high), in the order of days and keys."""
    return [file for file in current_files(session, low_s, high_s) if file.first.mn <= mn <= file.last.mn]


def _paths(session: Session, mn: str, low_s: int, high_s: int) -> list[Path]:
    """As `_files`."""
    return [folder_of(session) / file.name for file in _files(session, mn, low_s, high_s)]


def growing(files: Sequence[T]) -> Iterator[list[T]]:
    """The files in parts, a small one first: mostly the first has what is asked for."""
    rest, size = iter(files), 1
    while part := list(islice(rest, size)):
        yield part
        size = min(2 * size, MOST_FILES_AT_ONCE)


def _columns(file: ArchiveFile) -> dict[str, object]:
    return {
        "name": file.name,
        "day": file.day,
        "first_mn": file.first.mn,
        "first_period": file.first.period,
        "first_start_s": file.first.start_s,
        "last_mn": file.last.mn,
        "last_period": file.last.period,
        "last_start_s": file.last.start_s,
        "rows": file.rows,
        "readings": file.readings,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "written_at_s": file.written_at_s,
        "verified_at_s": file.verified_at_s,
        "state": file.state,
        "replaced_at_s": None,
    }


def _read(row: Row[tuple[object, ...]]) -> ArchiveFile:
    return ArchiveFile(
        row.name,
        row.day,
        PacketKey(row.first_mn, row.first_period, row.first_start_s),
        PacketKey(row.last_mn, row.last_period, row.last_start_s),
        row.rows,
        row.readings,
        row.bytes,
        row.sha256,
        row.written_at_s,
        row.verified_at_s,
        FileState(row.state),
    )
