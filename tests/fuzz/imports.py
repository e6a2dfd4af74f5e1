"""Files to POST /permits/v1/imports: lists as CSV, HTML and XLSX, documents as JSON and NDJSON, for good and as dry runs.

Every accepted file must come to its end, and its report be readable.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from random import Random
from typing import Any
from urllib.parse import quote

from tests.fuzz.inputs import Broken, Input
from tests.fuzz.mutations import NUMBERS, ODD_TEXTS, Raw, bytes_mutated, dumped, json_mutated, nested
from tests.fuzz.oracle import WITHIN_S
from tests.fuzz.site import HEADER, TARGET, official_list, row
from tests.fuzz.web import WebEntrance
from tests.support.product import Source, eventually

HOLDERS = [Source(number=9200 + n) for n in range(6)]
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PARCEL = "http://schemas.openxmlformats.org/package/2006/relationships"
ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-be", "utf-32", "latin-1", "utf-7")
ENDED = ("done", "failed")


class Imports(WebEntrance):
    """One file after the other, each waited for."""

    name = "imports"

    def known(self) -> Sequence[Input]:
        return [to_imports(content) for content in _known()] + [to_imports(b"", dry_run=True)]

    def make(self, random: Random) -> Input:
        content = random.choice((_csv, _csv, _html, _xlsx, _xlsx, _array, _ndjson))(random)
        filename = quote(random.choice(("", "a.csv", *ODD_TEXTS[:20])).encode("utf-8", "replace"))
        return to_imports(content, dry_run=random.random() < 0.3, filename=filename)

    def send(self, one: Input) -> str:
        answer = self.ask(one)
        outcome = self.oracle.answer(answer)
        if answer.status_code != 202:
            return outcome
        shown = self._ended(answer.json()["id"])
        refused = " with refusals" if shown["counts"].get("refused") else ""
        return f"{shown['state']}{refused}"

    def _ended(self, name: str) -> dict[str, Any]:
        path = f"/permits/v1/imports/{name}"

        def shown() -> dict[str, Any] | None:
            answer = self.site.client.get(path)
            if answer.status_code != 200:
                raise Broken(f"an import is shown as {answer.status_code} {answer.text[:300]}")
            found: dict[str, Any] = answer.json()
            return found if found["state"] in ENDED else None

        try:
            ended = eventually(shown, within_s=WITHIN_S, what="the import's end")
        except AssertionError as late:
            raise Broken(f"{late}\n{self.site.errors()}") from late
        report = self.site.client.get(f"{path}/report")
        if report.status_code != 200:
            raise Broken(f"an import's report is answered {report.status_code} {report.text[:300]}")
        return dict(ended)


def to_imports(content: bytes, *, dry_run: bool = False, filename: str = "") -> Input:
    return Input(f"POST /permits/v1/imports?dry_run={str(dry_run).lower()}&filename={filename}", content)


def _cells(random: Random) -> list[list[str]]:
    """Header and rows; some cells are odd, some rows too short or too long."""
    rows = [HEADER.split(",")]
    for _ in range(random.choice((1, 2, 5, 30))):
        cells = row(name="示例", number=random.choice(HOLDERS).permit).split(",")
        if random.random() < 0.5:
            cells[random.randrange(len(cells))] = random.choice((*ODD_TEXTS, *NUMBERS))
        if random.random() < 0.1:
            cells = cells[: random.randrange(len(cells))] or cells * 40
        rows.append(cells)
    if random.random() < 0.2:
        rows[0][random.randrange(len(rows[0]))] = random.choice(
            (*ODD_TEXTS, "统一社会信用代码", "经度", "发证日期", "省")
        )
    return rows


def _written(text: str, random: Random) -> bytes:
    return text.encode(random.choice(ENCODINGS), "replace")


def _perhaps_broken(content: bytes, random: Random) -> bytes:
    return bytes_mutated(content, random) if random.random() < 0.4 else content


def _csv(random: Random) -> bytes:
    comma, quoted = random.choice((",", ",", ";", "\t")), random.random() < 0.2
    lines = [comma.join(f'"{cell}"' if quoted else cell for cell in cells) for cells in _cells(random)]
    return _perhaps_broken(_written(random.choice(("\n", "\r\n", "\r")).join(lines), random), random)


def _html(random: Random) -> bytes:
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>" for cells in _cells(random))
    head = random.choice(
        ("", "<?xml version='1.0' encoding='utf-8'?>", '<meta charset="gb2312">', "<!DOCTYPE x [<!ENTITY a 'b'>]>")
    )
    nest = random.choice(("", "", "<table><tr><td>" * 300, "<div>" * 3000))
    return _perhaps_broken(_written(f"{head}<html>{nest}<table>{rows}</table></html>", random), random)


def workbook(cells: Sequence[Sequence[str]], *, sheet: str | None = None, packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An XLSX file of texts; `sheet` instead of the rows is XML as it stands."""
    rows = "".join(f"<row>{''.join(map(_cell, line))}</row>" for line in cells)
    sheets = '<sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets>'
    target = '<Relationship Id="rId1" Type="t" Target="worksheets/sheet1.xml"/>'
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{SHEET}" xmlns:r="{LINKS}">{sheets}</workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PARCEL}">{target}</Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{SHEET}"><si><t>a</t></si></sst>',
        "xl/worksheets/sheet1.xml": sheet or _sheet(rows),
    }
    return _zipped({name: part.encode("utf-8", "replace") for name, part in parts.items()}, packed)


def _sheet(rows: str) -> str:
    return f'<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData></worksheet>'


def _cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{_escaped(text)}</t></is></c>'


def _zipped(parts: dict[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packed) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return made.getvalue()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _xlsx(random: Random) -> bytes:
    """A workbook with broken cells, a broken sheet, or a broken archive."""
    whole = workbook(_cells(random), packed=random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)))
    kind = random.random()
    if kind < 0.3:
        return whole
    if kind < 0.6:
        return bytes_mutated(whole, random)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(parts))
    parts[name] = random.choice((lambda: b"", lambda: bytes_mutated(parts[name], random), lambda: _odd_sheet(random)))()
    if random.random() < 0.2:
        del parts[random.choice(list(parts))]
    return _zipped(parts)


def _odd_sheet(random: Random) -> bytes:
    value = random.choice((*NUMBERS, *ODD_TEXTS[:12])).replace("<", "")
    kind = random.choice(("s", "n", "b", "d", "e", "str", "inlineStr", "zz"))
    place = random.choice(("A1", "XFD1048576", "ZZZZZZZZ9", "A0", "1A", "", "A99999999999"))
    cell = f'<c r="{place}" t="{kind}" s="{random.choice(("0", "-1", "99999", "x"))}"><v>{_escaped(value)}</v></c>'
    sheet = (
        f'<worksheet xmlns="{SHEET}"><sheetData><row r="{random.choice(NUMBERS)}">{cell}</row></sheetData></worksheet>'
    )
    return sheet.encode("utf-8", "replace")


def _document(random: Random) -> Any:
    holder = random.choice(HOLDERS)
    reports = [{"kind": "annual", "due": "01-31"}]
    point = {
        "mn": holder.mn,
        "system": "31",
        "credit_code": holder.code,
        "outlet": "DA001",
        "units": {"a21026": "mg/m3"},
    }
    return random.choice((holder.enterprise(), holder.document(), holder.document(reports=reports), point))


def _array(random: Random) -> bytes:
    documents = [_document(random) for _ in range(random.choice((1, 2, 6)))]
    made: Callable[[], bytes] = random.choice(
        (
            lambda: json_mutated(documents, random),
            lambda: b"[" + b",".join(json_mutated(one, random) for one in documents) + b"]",
        )
    )
    return _perhaps_broken(made(), random) if random.random() < 0.3 else made()


def _ndjson(random: Random) -> bytes:
    lines = [json_mutated(_document(random), random) for _ in range(random.choice((1, 3, 8)))]
    return random.choice((b"\n", b"\n", b"\r\n", b"\r")).join(lines)


def _known() -> list[bytes]:
    """Files that once did harm, or might."""
    good = TARGET.enterprise()
    deep = [
        dumped({**good, "unknown": Raw(nested(depth, kind))}) for depth in (900, 989, 2000, 100_000) for kind in "[{"
    ]
    digits = [dumped({**good, "longitude": Raw(number)}) for number in ("9" * 5000, "1e400", "NaN", "-" + "9" * 5000)]
    html = [
        b"<?xml version='1.0' encoding='utf-8'?><table><tr><td>x</td></tr></table>",
        "<?xml version='1.0' encoding='utf-8'?><table><tr><td>许可证编号</td></tr></table>".encode(),
        b"<table>" * 100_000,
        b"<table><tr><td>" * 2000,
        b'<table><tr><td colspan="99999999">x</td></tr></table>',
        b"<tr>\x00</tr>",
        b"<tr \xff\xfe>",
        b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><table><tr><td>&a;</td></tr></table>",
    ]
    csv = [
        HEADER.encode(),
        HEADER.encode() + b'\n"',
        b"\x00",
        b"," * 100_000,
        b'"' * 5001,
        official_list(row(name="x" * 200_000)),
        HEADER.encode("utf-16"),
        b"\xff\xfe",
        b"\xfe\xff\x00",
        b"a\n" * 5000,
        official_list(*[row(name="\x00")]),
    ]
    days = [
        official_list(row(name="a", validity=text))
        for text in ("9" * 5000, "0001-01-01至9999-12-31", "２０２２年１月１日至²")
    ]
    names = [HEADER.split(","), row(name="a").split(",")]
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "{"a" * 1000}"><!ENTITY b "{"&a;" * 1000}">]><x>&b;</x>'
    archives = [
        b"PK\x03\x04",
        b"PK\x03\x04" + b"\x00" * 100,
        _zipped({}),
        _zipped({"x": b""}),
        workbook(names)[:-30],
        workbook(names, sheet="<x"),
        workbook(names, sheet=bomb),
        workbook(names, sheet="<x>" * 100_000),
        workbook(names, sheet=_sheet(f'<row><c t="s"><v>{"9" * 5000}</v></c></row>')),
        workbook(names, sheet=_sheet(f'<row><c r="{"Z" * 50}1"><v>1</v></c></row>')),
        workbook(names, sheet=_sheet('<row><c s="1"><v>1e308</v></c></row>')),
    ]
    texts = [json.dumps({**good, name: text}).encode() for name in good for text in ("\x00", "\ud800", "9" * 5000)]
    bare = [
        b"[",
        b"[[",
        b"{",
        b"[1]",
        b"{}\n[]\nnull\n1",
        b"[" * 100_000,
        nested(2000).encode(),
        b"9" * 5000,
        b"[" + b"9" * 5000 + b"]",
    ]
    return [*html, *csv, *days, *archives, *deep, *digits, *texts, *bare]
