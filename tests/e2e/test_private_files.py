"""What the product writes is its owner's alone, in both shapes and under an ordinary umask."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.distributed import Distributed
from tests.support.product import Process, running


def modes(folder: Path) -> dict[str, str]:
    """Name → mode of the folder (as `.`) and of everything in it."""
    found = {path.relative_to(folder).as_posix(): oct(path.stat().st_mode & 0o777) for path in folder.rglob("*")}
    return {".": oct(folder.stat().st_mode & 0o777), **found}


def assert_private(folder: Path) -> dict[str, str]:
    found = modes(folder)
    assert found.pop(".") == "0o700"
    assert set(found.values()) == {"0o600"}, found
    return found


def test_the_data_folder_is_the_owner_s_alone(product: Process | Distributed) -> None:
    found = assert_private(product.folder / "data")
    assert "admin.token" in found
    if isinstance(product, Process):
        assert {"log.sqlite", "log.sqlite-wal", "permits.sqlite-shm", "secret.key", "signing.key"} <= set(found)


def test_what_was_open_to_others_is_closed_at_the_next_start_and_logged(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        data = tmp_path / "data"
        process.stop()
        (data / "notes.txt").write_text("of the user", encoding="utf-8")
        for path in (data, *data.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)
        process.start()
        found = modes(data)
        assert found.pop("notes.txt") == "0o644"  # not ours
        assert found.pop(".") == "0o700"
        assert set(found.values()) == {"0o600"}, found
        lines = [json.loads(line) for line in process.log_file.read_text(encoding="utf-8").splitlines()]
        (warning,) = (line for line in lines if line["level"] == "warning" and "closed" in line)
        assert {"data", "permits.sqlite", "log.sqlite", "signing.key", "admin.token"} <= set(warning["closed"])
