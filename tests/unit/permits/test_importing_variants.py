"""However an office writes its list, the same facts are read."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from services.permits.importing.official_list import Entry
from services.permits.importing.source import RowKind, SourceFile
from tests.support.import_variants import CATEGORIES, CITIES, Fact, facts, files


def read_entries(content: bytes) -> list[Entry]:
    source = SourceFile.of(content)
    rows = list(source.rows(source.scan().duplicates))
    assert {row.kind for row in rows} <= {RowKind.ENTRY, RowKind.NO_DATA}, [row.findings for row in rows]
    return [row.entry for row in rows if row.entry is not None]


@settings(max_examples=200, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.data())
def test_the_same_facts_are_read_however_they_are_written(data: st.DataObject) -> None:
    permits: Sequence[Fact] = data.draw(facts())
    found = read_entries(data.draw(files(permits)))
    assert [(one.permit.number, one.name, one.permit.valid_from, one.permit.valid_to) for one in found] == [
        (one.number, one.name, one.first, one.last) for one in permits
    ]
    assert [(one.permit.category, one.region) for one in found] == [
        (CATEGORIES[one.category], CITIES[one.province, one.city]) for one in permits
    ]
