"""What is wrong with a permit's document, all at once, and how it is spelled when kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.permits.domain.document import Examination, examine, incomplete, point_units
from services.permits.domain.encoding import decode, encode
from services.permits.domain.permit_document import PermitDocument
from shared.domain.errors import Invalid


def a_limit(**more: Any) -> dict[str, Any]:
    return {"factor": "a21026", "averaging": "hour", "limit": "35", "unit": "mg/m3", "reference_o2_pct": "6", **more}


def an_outlet(**more: Any) -> dict[str, Any]:
    return {"code": "DA001", "medium": "air", "points": [{"mn": "A1", "system": "31"}], "limits": [a_limit()], **more}


def a_document(*outlets: dict[str, Any], **more: Any) -> PermitDocument:
    names = {"number": "91150102MA0N0AAA1B001P", "credit_code": "91150102MA0N0AAA1B"}
    span = {"valid_from": "2021-12-16", "valid_to": "2026-12-15"}
    return decode({**names, **span, "outlets": list(outlets) or [an_outlet()], **more}, PermitDocument)


def kept_unit(outlet: dict[str, Any], examination: Examination) -> tuple[str, str]:
    """Factor and unit of the first limit as they are kept."""
    outlets = examine(a_document(outlet), examination).outlets
    assert outlets is not None and outlets[0].limits is not None
    limit = outlets[0].limits[0]
    return limit.factor, limit.unit


def wrongs(document: PermitDocument) -> dict[str, object]:
    examination = Examination()
    examine(document, examination)
    assert all(wrong.rule for wrong in examination.wrongs)
    return {wrong.field: wrong.value for wrong in examination.wrongs}


def test_a_right_document_is_kept_as_it_came() -> None:
    examination = Examination()
    assert examine(a_document(), examination) == a_document()
    assert (examination.wrongs, examination.notes) == ([], [])


LIMIT = "outlets[0].limits[0]"


@pytest.mark.parametrize(
    ("document", "field", "value"),
    [
        pytest.param(a_document(valid_to="2021-12-16"), "valid_to", "2021-12-16", id="ends on the day it begins"),
        pytest.param(
            a_document(renewal_refused_on="2026-11-02"), "renewal_refused_on", "2026-11-02", id="refused, never filed"
        ),
        pytest.param(
            a_document(renewal_applied_on="2026-11-03", renewal_refused_on="2026-11-02"),
            "renewal_refused_on",
            "2026-11-02",
            id="refused before it was filed",
        ),
        pytest.param(a_document(an_outlet(), an_outlet(points=[])), "outlets[1].code", "DA001", id="one outlet twice"),
        pytest.param(
            a_document(an_outlet(), an_outlet(code="DA002")), "outlets[1].points[0].mn", "A1", id="one MN twice"
        ),
        pytest.param(
            a_document(an_outlet(limits=[a_limit(), a_limit(limit="50")])),
            "outlets[0].limits[1].factor",
            "a21026 hour",
            id="two limits of one factor and averaging",
        ),
        pytest.param(
            a_document(an_outlet(limits=[a_limit(factor="a99999")])), f"{LIMIT}.factor", "a99999", id="unknown factor"
        ),
        pytest.param(a_document(an_outlet(limits=[a_limit(limit="0")])), f"{LIMIT}.limit", "0", id="a limit of zero"),
        pytest.param(
            a_document(an_outlet(limits=[a_limit(unit="ppm")])), f"{LIMIT}.unit", "ppm", id="a unit nobody knows"
        ),
        pytest.param(
            a_document(an_outlet(limits=[a_limit(unit="mg/L")])), f"{LIMIT}.unit", "mg/L", id="a unit of water for air"
        ),
        pytest.param(
            a_document(an_outlet(limits=[a_limit(reference_o2_pct="20.5")])),
            f"{LIMIT}.reference_o2_pct",
            "20.5",
            id="more oxygen than air may have here",
        ),
        pytest.param(
            a_document(an_outlet(medium="water")), f"{LIMIT}.factor", "a21026", id="an air factor at a water outlet"
        ),
        pytest.param(a_document(an_outlet(code="DA 1")), "outlets[0].code", "DA 1", id="a blank in the outlet's code"),
        pytest.param(
            a_document(an_outlet(points=[{"mn": "A#1", "system": "31"}])),
            "outlets[0].points[0].mn",
            "A#1",
            id="an MN that no frame could carry",
        ),
        pytest.param(
            a_document(an_outlet(annual_amounts=[{"factor": "a21026", "year": 2026, "tonnes": "0.0"}])),
            "outlets[0].annual_amounts[0].tonnes",
            "0.0",
            id="an amount of zero",
        ),
    ],
)
def test_a_wrong_names_field_and_value(document: PermitDocument, field: str, value: str) -> None:
    assert wrongs(document) == {field: value}


def test_everything_wrong_is_reported_at_once() -> None:
    outlet = an_outlet(limits=[a_limit(limit="0", unit="ppm", factor="x")])
    examination = Examination()
    examine(a_document(outlet, valid_to="2020-01-01"), examination)
    with pytest.raises(Invalid) as refused:
        examination.refuse()
    fields = [one.field for one in (refused.value, *refused.value.also)]
    assert fields == ["valid_to", f"{LIMIT}.limit", f"{LIMIT}.unit", f"{LIMIT}.factor"]


def test_a_2005_code_is_kept_as_the_2017_one_and_reported() -> None:
    examination = Examination()
    outlet = an_outlet(code="DW001", medium="water", limits=[a_limit(factor="011", unit="mg/l", reference_o2_pct=None)])
    assert kept_unit(outlet, examination) == ("w01018", "mg/L")
    assert examination.wrongs == []
    assert "011" in examination.notes[0] and "w01018" in examination.notes[0]


def test_a_2005_code_and_its_2017_one_are_one_factor() -> None:
    limits = [a_limit(factor=code, unit="mg/L", reference_o2_pct=None) for code in ("w01018", "011")]
    assert wrongs(a_document(an_outlet(medium="water", limits=limits))) == {
        "outlets[0].limits[1].factor": "w01018 hour"
    }


@pytest.mark.parametrize("text", ["pH", "无量纲", "1", ""])
def test_ph_has_one_spelling_of_no_dimension(text: str) -> None:
    outlet = an_outlet(medium="water", limits=[a_limit(factor="w01001", limit="9", unit=text, reference_o2_pct=None)])
    examination = Examination()
    assert kept_unit(outlet, examination) == ("w01001", "1")
    assert examination.wrongs == []


def test_a_device_may_send_what_no_limit_can_be_compared_with_and_that_is_reported() -> None:
    examination = Examination()
    assert point_units({"a21026": "ppm", "w20115": "毫克/升"}, "units", examination) == {
        "a21026": "ppm",
        "w20115": "mg/L",
    }
    assert examination.wrongs == []
    assert examination.notes == ["units.a21026: ppm cannot be converted to mg/m3; its windows get no verdict"]


def test_incomplete_names_what_is_null_and_takes_an_empty_list_for_a_statement() -> None:
    document = a_document(an_outlet(limits=None, medium=None), an_outlet(points=[]), category=None, authority="A")
    assert incomplete(document) == ["category", "outlets[0].medium", "outlets[0].limits"]
    assert incomplete(a_document(outlets=None)) == ["category", "authority", "outlets"]


def test_a_document_comes_back_from_json_as_it_was() -> None:
    amount = {"factor": "a21026", "year": 2026, "tonnes": "12.5"}
    document = a_document(an_outlet(annual_amounts=[amount]), reports=[{"kind": "annual", "due": "01-31"}])
    stored = json.loads(json.dumps(encode(document)))
    assert decode(stored, PermitDocument) == document
    assert (stored["valid_to"], stored["outlets"][0]["points"]) == ("2026-12-15", [{"mn": "A1", "system": "31"}])


def test_a_document_of_before_a_field_was_known_reads_it_as_unknown() -> None:
    stored = dict(encode(a_document()))
    del stored["reports"]
    assert decode(stored, PermitDocument) == a_document(reports=None)


def test_a_stored_document_without_its_end_names_what_is_missing() -> None:
    stored = dict(encode(a_document()))
    del stored["valid_to"]
    with pytest.raises(Invalid, match="valid_to"):
        decode(stored, PermitDocument)
