"""Clients that integrators generate from our OpenAPI documents: Python without a warning, TypeScript with usable types."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.contracts import DOCS

OPENAPI_TYPESCRIPT = "openapi-typescript@7.13.0"
NDJSON = "application/x-ndjson"  # the generator knows no such body unless it is named how to send it
SERVICES = ("alerts", "permits", "monitoring")


def python_client(folder: Path, service: str) -> Path:
    """Where the client of the service was generated; a warning fails it."""
    beside = Path(sys.executable).parent  # the generator formats what it wrote with ruff
    config = folder / "config.yaml"
    config.write_text(f"content_type_overrides: {{{NDJSON}: application/octet-stream}}\n", encoding="utf-8")
    client = folder / "client"
    run = subprocess.run(
        [
            str(beside / "openapi-python-client"),
            *("generate", "--path", str(DOCS / "openapi" / f"{service}.json"), "--config", str(config)),
            *("--output-path", str(client), "--meta", "none", "--fail-on-warning"),
        ],
        env={**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    output = run.stdout + run.stderr
    assert run.returncode == 0 and "arning" not in output, output
    return client


@pytest.mark.parametrize("service", SERVICES)
def test_a_python_client_is_generated_without_a_warning(tmp_path: Path, service: str) -> None:
    names = {path.stem for path in (python_client(tmp_path, service) / "api").rglob("*.py")}
    assert {"alerts": "list_alerts", "permits": "list_permits", "monitoring": "list_exceedances"}[service] in names
    assert not any("_v1_" in name for name in names)


def test_an_alert_of_the_python_client_has_typed_fields(tmp_path: Path) -> None:
    tree = ast.parse((python_client(tmp_path, "alerts") / "models" / "alert.py").read_text(encoding="utf-8"))
    (alert,) = [one for one in tree.body if isinstance(one, ast.ClassDef)]
    types = {
        one.target.id: ast.unparse(one.annotation)
        for one in alert.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }
    found = (types["headline"], types["level"], types["stage"], types["law"])
    assert found == ("Words", "Level", "Stage", "list[LegalBasis]")


@pytest.mark.parametrize("service", SERVICES)
def test_typescript_types_are_generated(tmp_path: Path, service: str) -> None:
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("node is not on this machine: types for TypeScript are not generated")
    target = tmp_path / "types.ts"
    run = subprocess.run(
        [npx, "--yes", OPENAPI_TYPESCRIPT, str(DOCS / "openapi" / f"{service}.json"), "-o", str(target)],
        capture_output=True,
        text=True,
        timeout=180,
    )
    if (
        run.returncode
        and not target.exists()
        and any(one in run.stderr for one in ("ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT"))
    ):
        pytest.skip(f"{OPENAPI_TYPESCRIPT} could not be fetched from the registry")
    assert run.returncode == 0, run.stdout + run.stderr
    text = target.read_text(encoding="utf-8")
    assert "unknown[]" not in text
    if service == "alerts":
        assert 'headline: components["schemas"]["Words"];' in text
        words = text[text.index("        Words: {") :]
        assert "zh: string;" in words[:400] and "en: string;" in words[:400]
        assert "list_alerts" in text and 'components["schemas"]["AlertPage"]' in text
