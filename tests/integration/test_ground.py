"""The rules of the code that no linter knows: each kind of wrong is planted and seen caught; the code itself keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.ground import ALLOWED, ROOT, lower, problems, read_allowed

FILE = "services/alerts/planted.py"

WRONG = {
    "any in an annotation": "from typing import Any\n\ndef read() -> dict[str, Any]: ...\n",
    "any by its module": "import typing\n\nvalue: typing.Any = 1\n",
    "a bare except": "try:\n    work()\nexcept:\n    pass\n",
    "except Exception": "try:\n    work()\nexcept Exception as wrong:\n    print(wrong)\n",
    "except BaseException in a tuple": "try:\n    work()\nexcept (ValueError, BaseException):\n    raise\n",
    "suppress(Exception)": "with contextlib.suppress(Exception):\n    work()\n",
    "a caller's region": "def seen(caller: Caller) -> bool:\n    return caller.region == '15'\n",
    "a caller's codes": "def seen(asked: Asked) -> bool:\n    return asked.caller.credit_codes == ()\n",
}
RIGHT = {
    "a named exception": "try:\n    work()\nexcept (ValueError, KeyError):\n    pass\n",
    "Any in a text": '"""Any reader."""\n\nNAME = "Any"  # Any\n',
    "another's region": "def region(enterprise: Enterprise) -> str:\n    return enterprise.region\n",
}


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A product without code."""
    for package in ("services/alerts", "shared/runtime"):
        (tmp_path / package).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_is_planted_is_caught_with_its_file_and_line(product: Path, text: str) -> None:
    (product / FILE).write_text(text, encoding="utf-8")
    (found,) = problems(product, {})
    assert found.startswith(f"{FILE}: ")
    assert "instead: " in found


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_what_is_right_is_left_alone(product: Path, text: str) -> None:
    (product / FILE).write_text(text, encoding="utf-8")
    assert list(problems(product, {})) == []


def test_the_rule_of_who_may_see_what_reads_the_scope_itself(product: Path) -> None:
    (product / "shared/access.py").write_text("def visible(caller):\n    return caller.region\n", encoding="utf-8")
    assert list(problems(product, {})) == []


def test_a_count_falls_and_never_rises(product: Path, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed.txt"
    allowed.write_text(f"# head\nany\t{FILE}\t3\nany\tservices/gone.py\t1\n", encoding="utf-8")
    (product / FILE).write_text("from typing import Any\n\nx: Any = 1\n", encoding="utf-8")
    assert len(list(problems(product, read_allowed(allowed)))) == 2
    lower(product, allowed)
    assert allowed.read_text(encoding="utf-8") == f"# head\nany\t{FILE}\t2\n"
    assert list(problems(product, read_allowed(allowed))) == []
    (product / FILE).write_text("from typing import Any\n\nx: Any = 1\ny: Any = 1\n", encoding="utf-8")
    lower(product, allowed)
    (risen,) = problems(product, read_allowed(allowed))
    assert "3 lines, 2 allowed (lines 1, 3, 4)" in risen


def test_the_code_keeps_the_rules() -> None:
    assert list(problems(ROOT, read_allowed(ALLOWED))) == []


def test_the_list_cannot_grow_beyond_what_the_product_may_have(product: Path) -> None:
    """Four places catch every exception: consumer loop, job runner, worker runner, delivery."""
    (found,) = (one for one in problems(product, {("catch-all", FILE): 5}) if "--lower" not in one)
    assert found == "the list allows catch-all on 5 lines, at most 4 in the whole product"
