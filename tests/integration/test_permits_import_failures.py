"""Whatever a file holds, at most its own import fails, with a reason one can follow; the next one is taken in."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from services.permits.service import importer_of, registrar_of
from tests.support.importing import (
    IMPORTS,
    a_list,
    at_end,
    enterprises,
    entry_of,
    failures,
    list_row,
    report,
    shown,
    take_in,
    upload,
    worker,
)
from tests.support.product import Source, eventually
from tests.support.register_harness import RegisterHarness, register_harness
from tests.support.workbooks import inline_row, workbook

SECRET = "s3cret"
DIGITS = "9" * 5_000


@pytest.fixture
def register(tmp_path: Path, database_url: str | None) -> Iterator[RegisterHarness]:
    with register_harness(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegisterHarness]:
    """One on SQLite for all files that change nothing."""
    with register_harness(tmp_path_factory.mktemp("register")) as opened:
        yield opened


def _truncated() -> bytes:
    return workbook([inline_row(1, "Permit_ID")])[:-200]


def _damaged() -> bytes:
    """A workbook whose first part's packed bytes are wrong."""
    content = bytearray(workbook([inline_row(1, "Permit_ID")]))
    start = content.index(b"xl/workbook.xml") + len("xl/workbook.xml")
    content[start : start + 20] = b"\xff" * 20
    return bytes(content)


def _with_doctype() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("xl/workbook.xml", '<!DOCTYPE a [<!ENTITY b "c">]><workbook>&b;</workbook>')
    return made.getvalue()


POISON: dict[str, tuple[bytes, str]] = {
    "a page with an XML declaration": (b'<?xml version="1.0" encoding="utf-8"?><table></table>', "no row of a table"),
    "a page that is a comment only": (b"<!-- a comment -->", "no row of a table"),
    "a page that is a bracket only": (b"<", "no row of a table"),
    "a workbook without sheets": (workbook(sheets=""), "no sheet"),
    "a workbook whose sheet has no part": (workbook(sheets='<sheet name="a"/>'), "no part"),
    "a workbook that names a missing text": (workbook(['<row><c t="s"><v>7</v></c></row>']), "one of 0 shared texts"),
    "a workbook with a row number of 5,000 digits": (workbook([f'<row r="{DIGITS}"/>']), "a row number from 1"),
    "a workbook with a cell that no sheet has": (workbook(['<row><c r="?"/></row>']), "a cell such as AB12"),
    "a workbook that is not well-formed": (workbook(["<row>"]), "well-formed XML"),
    "a workbook with a document type": (_with_doctype(), "XML without DOCTYPE"),
    "a workbook that is cut off": (_truncated(), "an XLSX workbook"),
    "a workbook that is damaged": (_damaged(), "an XLSX workbook"),
    "a workbook packed by bzip2": (workbook(method=zipfile.ZIP_BZIP2), "parts stored or deflated"),
    "a list in no encoding": (b"\xff\xff,\xff", "UTF-8 or GB 18030"),
    "documents in no encoding": (b'{"a": "\xff"}', "UTF-8"),
    "a list of other columns": (b"a,b\n1,2", "the eight columns"),
}


@pytest.mark.parametrize("name", POISON)
def test_a_file_that_cannot_be_read_fails_with_what_came_and_what_was_expected(
    embedded: RegisterHarness, name: str
) -> None:
    content, reason = POISON[name]
    failed = take_in(embedded, content)
    assert (failed["state"], failed["position"]) == ("failed", 0)
    assert reason in failed["failure"] and "expected: " in failed["failure"]


@pytest.mark.parametrize("dry_run", [False, True], ids=["for good", "a dry run"])
def test_files_that_cannot_be_read_do_not_keep_the_next_one_waiting(register: RegisterHarness, dry_run: bool) -> None:
    names = [upload(register, content, dry_run=dry_run) for content, _ in POISON.values()]
    good = upload(register, a_list(list_row(1)))
    with worker(register):
        assert at_end(register, good)["counts"] == {"created": 1, "refused": 0}
        assert {at_end(register, name)["state"] for name in names} == {"failed"}
    assert failures(register, "refused") == len(POISON)


ERRORS: dict[str, Callable[[], Exception]] = {
    "an error that repeats a value": lambda: ValueError(f"invalid literal: {SECRET}"),
    "an error with a key": lambda: KeyError(SECRET),
    "no memory": MemoryError,
    "no stack": lambda: RecursionError(f"maximum recursion depth exceeded {SECRET}"),
    "an assertion": AssertionError,
}


@pytest.mark.parametrize("dry_run", [False, True], ids=["for good", "a dry run"])
@pytest.mark.parametrize("name", ERRORS)
def test_an_error_that_nobody_expected_fails_its_import_alone_and_repeats_nothing_of_the_file(
    register: RegisterHarness, name: str, dry_run: bool
) -> None:
    def fail(_session: object, _caller: object, _document: object) -> Any:
        raise ERRORS[name]()

    bad, good = upload(register, enterprises(1), dry_run=dry_run), upload(register, a_list(list_row(2)))
    counted: list[str] = []
    importer = importer_of(registrar_of(register.context), register.service.database, counted.append)
    with structlog.testing.capture_logs() as lines:
        _run_until(register, replace(importer, take_document=fail).run, [bad, good])
    failed = shown(register, bad)
    assert (failed["state"], counted) == ("failed", ["error"])
    assert type(ERRORS[name]()).__name__ in failed["failure"] or "more memory" in failed["failure"]
    assert shown(register, good)["state"] == "done"
    (line,) = [line for line in lines if line["event"] == "an import failed"]
    assert (line["import_id"], line["kind"]) == (bad, "error")
    assert any(place.startswith("services.permits.handlers.import_batches:") for place in line["places"])
    assert SECRET not in failed["failure"] + str(lines)


def _run_until(opened: RegisterHarness, run: Callable[[threading.Event], None], names: list[str]) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: all(entry_of(opened, name).over for name in names), what="the end of the imports")
    finally:
        stop.set()
        thread.join()


def test_a_number_of_thousands_of_digits_costs_its_document_alone(register: RegisterHarness) -> None:
    documents = ",\n".join(
        [json.dumps(Source(number=1).enterprise()), f'{{"name": {DIGITS}}}', enterprises(2).decode()]
    )
    done = take_in(register, f"[{documents}]".encode())
    assert done["counts"] == {"created": 2, "refused": 1}
    finding = next(one for one in report(register, done["id"]) if one["field"] == "name")
    assert (finding["line"], finding["value"]) == (2, "9" * 200)
    assert "at most 200 characters" in finding["reason"]


def test_a_serial_that_is_no_day_costs_its_row_alone(register: RegisterHarness) -> None:
    serials = ["46387", "9000000", "-9000000", "inf", "nan", "1e999", "a day", "46387"]
    rows = [inline_row(1, "Permit_ID", "FacilityName", "IndustryName", "ProvinceCode", "PermitValidFrom", "有效期止")]
    for number, serial in enumerate(serials, start=2):
        texts = inline_row(number, Source(number=number).permit, "企业", "火力发电", "内蒙古自治区", "2022-01-01")
        rows.append(texts.replace("</row>", f'<c r="F{number}" s="1"><v>{serial}</v></c></row>'))
    done = take_in(register, workbook(rows))
    assert (done["state"], done["counts"]) == ("done", {"created": 2, "refused": 6})
    found = [(one["line"], one["field"], one["value"]) for one in report(register, done["id"])]
    assert found == [(line, "valid_to", serial) for line, serial in enumerate(serials[1:-1], start=3)]
    assert all(one["reason"].startswith("expected: a day such as") for one in report(register, done["id"]))


def test_a_sign_that_no_database_keeps_costs_its_row_alone(register: RegisterHarness) -> None:
    names = ["企业", "企\0业", "企\x1b业", "企\N{GRINNING FACE}业", "企" * 201]
    rows = [list_row(number, name=name) for number, name in enumerate(names, start=1)]
    done = take_in(register, a_list(*rows, list_row(9, valid="2022\0")))
    assert (done["state"], done["counts"]) == ("done", {"created": 2, "refused": 4})
    assert {one["line"] for one in report(register, done["id"])} == {3, 4, 6, 7}
    assert "\0" not in str(report(register, done["id"]))


DOCUMENTS: dict[str, str] = {
    "NUL in a key": '{"a\\u0000": 1}',
    "half a surrogate pair in a key": '{"a\\ud800": 1}',
    "half a surrogate pair in a name": '{"name": "\\ud800"}',
    "NUL in a point's name": json.dumps(Source(number=9).document()).replace(Source(number=9).mn, "A\\u0000"),
    "a number that is infinite": '{"longitude": 1e999}',
    "no number": '{"longitude": NaN}',
    "a whole number that no column takes": '{"longitude": 99999999999999999999999999}',
    "values within one another": '{"a": ' + "[" * 900 + "]" * 900 + "}",
    "values far within one another": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "no object": "[1]",
}


def test_a_document_that_cannot_be_kept_costs_itself_alone(register: RegisterHarness) -> None:
    good = [enterprises(1).decode(), json.dumps(Source(number=9).enterprise()), enterprises(2).decode()]
    done = take_in(register, "\n".join([*good[:2], *DOCUMENTS.values(), good[2]]).encode())
    assert (done["state"], done["counts"]) == ("done", {"created": 3, "refused": len(DOCUMENTS)})
    assert {one["line"] for one in report(register, done["id"])} == set(range(3, 3 + len(DOCUMENTS)))


def test_of_thousands_of_errors_in_one_document_a_hundred_are_reported(embedded: RegisterHarness) -> None:
    document = json.dumps({f"unknown {number}": number for number in range(5_000)})
    done = take_in(embedded, document.encode())
    assert done["findings"] == 101
    last = embedded.client().get(f"{IMPORTS}/{done['id']}/report", params={"limit": 200}).json()["items"][-1]
    assert "more errors in this document" in last["reason"]


WITH_SECRET: dict[str, bytes] = {
    "a document cut within": json.dumps({"number": "1", "outlets": [{"points": [{"password": SECRET}]}]}).encode()[:-4],
    "a document of a wrong shape": json.dumps({"password": SECRET, "outlets": {"password": [SECRET]}}).encode(),
    "a password of a wrong type": json.dumps(
        {"number": "1", "outlets": [{"code": "a", "points": [{"mn": "a", "password": [SECRET]}]}]}
    ).encode(),
    "a password that is refused": json.dumps(
        {"number": "1", "outlets": [{"code": "a", "points": [{"mn": "a", "password": f"{SECRET};"}]}]}
    ).encode(),
    "settings instead of a list": f"password={SECRET}\nuser=a".encode(),
    "a table of passwords": f"mn,password\nA1,{SECRET}".encode(),
    "a page of passwords": f"<table><tr><td>A1</td><td>{SECRET}</td></tr></table>".encode(),
    "a page cut within a tag": f"<table><tr><td password='{SECRET}".encode(),
    "a workbook that is not well-formed": workbook([f"<row><{SECRET}>"]),
    "a workbook with an entity": workbook([f"<row>&{SECRET};</row>"]),
    "a workbook whose number is a password": workbook([f'<row r="1"><c t="s"><v>{SECRET}</v></c></row>']),
}


@pytest.mark.parametrize("name", WITH_SECRET)
def test_no_secret_of_a_file_stands_in_its_failure_its_report_or_the_log(embedded: RegisterHarness, name: str) -> None:
    with structlog.testing.capture_logs() as lines:
        done = take_in(embedded, WITH_SECRET[name])
    assert not done["counts"].get("created")
    assert SECRET not in str(done) + str(report(embedded, done["id"])) + str(lines)
