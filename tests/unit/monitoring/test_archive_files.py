"""Packets written to a file and read back are the same, whatever they hold; what is merged, split and covered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.monitoring.domain.archive import (
    covered,
    file_name,
    leaves_before_s,
    merged_packets,
    packets_in,
    rows_of,
)
from services.monitoring.domain.packet_row import PacketKey, PacketRow, all_merged, merged, row_of, values_in
from services.monitoring.domain.reading import PeriodValue
from services.monitoring.domain.windows import DAY_S
from services.monitoring.store import archive, parquet
from services.monitoring.store.parquet import Wanted
from shared.domain.errors import Unreachable

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DAY = 1_795_017_600


@st.composite
def packets(draw: st.DrawFn) -> PacketRow:
    """A row of one packet, or of several of one moment."""
    mn, start = draw(st.sampled_from(["A1", "A2", "监测"])), DAY + draw(st.integers(0, 5))
    period = draw(st.sampled_from(["instant", "minute"]))
    values = [
        PeriodValue(
            mn,
            period,
            start,
            factor,
            draw(st.none() | INT64),
            draw(st.none() | INT64),
            draw(TEXT),
            draw(TEXT),
            draw(st.sampled_from(["0a", "0b", "1\n", ""])),
            draw(INT64),
            draw(st.none() | TEXT),
        )
        for factor in draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
    ]
    return row_of(values)


def _sorted(rows: list[PacketRow]) -> list[PacketRow]:
    return sorted(all_merged(rows).values(), key=lambda row: row.key)


@given(st.lists(packets(), min_size=1, max_size=12).map(_sorted))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_to_a_file_comes_back_as_the_same_rows(tmp_path: Path, rows: list[PacketRow]) -> None:
    written = parquet.write_file(tmp_path, packets_in(rows))
    assert list(rows_of(parquet.read_file(written.path))) == rows
    assert parquet.content_of(written.path) == written.content
    assert (written.content.first, written.content.last) == (rows[0].key, rows[-1].key)
    everything = parquet.packets_from_to(written.path, rows[0].key, rows[-1].key)
    assert everything == {row.key: values_in(row) for row in rows}


@given(st.lists(packets(), min_size=1, max_size=12), st.lists(packets(), max_size=12))
@settings(max_examples=100, deadline=None)
def test_late_rows_are_merged_into_a_file_as_the_database_merges_them(
    archived: list[PacketRow], late: list[PacketRow]
) -> None:
    archived, late = _sorted(archived), _sorted(late)
    of_file = (one for row in archived for one in values_in(row))
    together = [row for packet in merged_packets(of_file, late) for row in rows_of(packet)]
    assert together == _sorted([*archived, *late])
    files = {row.key: values_in(row) for row in together}
    assert all(covered(row, files) for row in [*archived, *late])
    before = {row.key: values_in(row) for row in archived}
    own = {row.key: row for row in archived}
    for row in late:
        known = own.get(row.key)
        assert covered(row, before) == (known is not None and merged(known, row) == known)


def _rows(count: int, mn: str = "A1", factors: int = 2) -> list[PacketRow]:
    return [
        row_of(
            [
                PeriodValue(mn, "instant", DAY + n, f"f{k}", n * 10 + k, None, "N", "http", f"0{n:05d}", DAY + n, None)
                for k in range(factors)
            ]
        )
        for n in range(count)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "archive"


def test_a_day_is_split_into_files_of_a_range_of_keys_each_and_only_its_owner_reads_them(folder: Path) -> None:
    rows = [*_rows(10), *_rows(7, "B1")]
    files = list(archive.write_parts(folder, DAY, packets_in(rows), 5, most=10))
    assert [(file.rows, file.readings) for file in files] == [(5, 10), (5, 10), (5, 10), (2, 4)]
    assert [row for file in files for row in rows_of(archive.packets_of_file(folder, file))] == rows
    assert all(file.last < other.first for file, other in pairwise(files))
    assert sorted(path.name for path in folder.iterdir()) == sorted(file.name for file in files)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(file.bytes == (folder / file.name).stat().st_size for file in files)


def test_a_file_is_searched_by_points_period_factor_and_time(folder: Path) -> None:
    rows = [*_rows(10), *_rows(10, "B1"), *_rows(10, "C1")]
    (file,) = archive.write_parts(folder, DAY, packets_in(rows), 5, most=1_000)
    path = folder / file.name
    found = parquet.readings([path], Wanted(["C1", "A1"], "instant", "f1", DAY + 2, DAY + 4))
    assert [(one.mn, one.start_s - DAY, one.micro) for one in found] == [
        ("A1", 2, 21), ("A1", 3, 31), ("C1", 2, 21), ("C1", 3, 31)
    ]  # fmt: skip
    assert parquet.starts([path], Wanted(["B1"], low_s=DAY + 8)) == [DAY + 8, DAY + 9]
    assert parquet.readings([path], Wanted(["B1"], "minute")) == []
    assert parquet.readings([], Wanted(["B1"])) == []
    newest = {(one.mn, one.factor): one.start_s - DAY for one in parquet.newest_of_series(path)}
    assert newest == {(mn, factor): 9 for mn in ("A1", "B1", "C1") for factor in ("f0", "f1")}


def test_a_changed_cut_or_missing_file_is_found_and_named(folder: Path) -> None:
    (file,) = archive.write_parts(folder, DAY, packets_in(_rows(100)), 5, most=1_000)
    path = folder / file.name
    assert archive.check_file(folder, file).wrong is None
    whole = path.read_bytes()
    for broken in (whole[:-1], whole[:50] + bytes([whole[50] ^ 1]) + whole[51:], b""):
        path.write_bytes(broken)
        assert "sha256" in (archive.check_file(folder, file).wrong or "")
    with pytest.raises(Unreachable, match=file.name):
        list(archive.packets_of_file(folder, file))
    path.unlink()
    assert "missing" in (archive.check_file(folder, file).wrong or "")
    with pytest.raises(Unreachable, match=file.name):
        parquet.readings([path], Wanted())


def test_names_and_ages_of_days() -> None:
    assert file_name(DAY, "0123456789abcdef" * 4) == "packets-2026-11-19-0123456789abcdef.parquet"
    assert not leaves_before_s(DAY + 4 * DAY_S - 1, 3) > DAY
    assert leaves_before_s(DAY + 4 * DAY_S, 3) > DAY
    assert PacketKey("A", "instant", 1) < PacketKey("A", "minute", 0)


def test_the_services_start_without_the_library_of_the_archive() -> None:
    """It is large, and most processes never touch a file of it."""
    code = "import sys, services.__main__, services.monitoring.service; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
