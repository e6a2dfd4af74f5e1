"""`yujing import` and `yujing expiring` as a user runs them, without a host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def yujing(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("YUJING_")}
    return subprocess.run(
        [sys.executable, "-m", "services", *words],
        env={**kept, "YUJING_DATA_DIR": str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def report(folder: Path, *words: str) -> dict[str, Any]:
    done = yujing(folder, *words, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_published_list_is_imported_and_its_ends_are_listed(tmp_path: Path, data_folder: Path) -> None:
    file = str(data_folder / "permits" / "mee_public_permits_21rows.csv")
    dry = report(tmp_path, "import", file, "--dry-run")
    assert (dry["rows"], dry["created"], dry["refused"]) == (21, 21, 0)
    assert report(tmp_path, "expiring", "--on", "2030-02-01")["items"] == []
    assert report(tmp_path, "import", file)["created"] == 21
    items = report(tmp_path, "expiring", "--on", "2030-02-01")["items"]
    assert len(items) == 20
    assert [one["left_days"] for one in items[:7]] == [51, 59, 71, 74, 74, 81, 95]
    assert [one["step"] for one in items[:2]] == ["late", "late"]
    plain = yujing(tmp_path, "expiring", "--on", "2030-02-01")
    assert "91370783MA94LXG62Q001U" in plain.stdout and "91370704778449351M001U" not in plain.stdout


def test_a_bad_row_is_shown_with_its_place_and_a_file_of_none_good_ends_with_1(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("许可证编号,有效期限\n91150102MA0N0AAA1B001P,长期\n", encoding="utf-8")
    done = yujing(tmp_path / "data", "import", str(file))
    assert done.returncode == 1
    assert "list.csv:2: refused: validity '长期'" in done.stdout


FAILING: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "other columns": (
        "名录\n许可证代号,单位名称\na,b\n".encode(),
        ("line 2", "许可证代号、单位名称", "missing: 许可证编号 / permit number", "expected: a header row with"),
    ),
    "nothing in it": (b"", ("the file is empty", "expected: CSV, HTML, XLSX or JSON")),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + bytes(100), (".xls", "另存为 .xlsx")),
    "no row that is right": (
        "许可证编号,有效期限\n91150102MA0N0AAA1B001P,长期\n".encode(),
        ("none of its 1 rows", "line 2, validity '长期'", "expected: a day such as"),
    ),
    "a header alone": ("许可证编号,有效期限\n".encode(), ("the file has no row", "expected: at least one permit")),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_file_that_fails_says_why_in_one_line_and_leaves_nothing_half_done(tmp_path: Path, name: str) -> None:
    content, parts = FAILING[name]
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    plain = yujing(tmp_path / "data", "import", str(file))
    assert (plain.returncode, plain.stderr.count("\n")) == (1, 1), plain.stderr
    assert str(file) in plain.stderr and all(part in plain.stderr for part in parts), plain.stderr
    machine = yujing(tmp_path / "data", "import", str(file), "--json")
    shown = json.loads(machine.stdout)
    assert machine.returncode == 1 and machine.stderr == plain.stderr
    assert shown["failure"] and plain.stderr.endswith(f"{shown['failure']}\n")
    assert report(tmp_path / "data", "expiring", "--within-days", "3650")["items"] == []


def test_a_file_that_is_not_there_is_reported_in_one_line(tmp_path: Path) -> None:
    for more in ((), ("--json",)):
        done = yujing(tmp_path / "data", "import", str(tmp_path / "absent.csv"), *more)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "absent.csv" in done.stderr
    assert "absent.csv cannot be read" in json.loads(done.stdout)["failure"]
