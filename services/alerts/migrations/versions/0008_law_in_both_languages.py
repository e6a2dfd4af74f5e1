"""The articles in stored alerts and peer notices in Chinese and English, with their source and their mark. Pushes under way keep
their bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import sqlalchemy as sa
from alembic import op

from shared.domain.json import JsonObject, JsonValue, read_object, read_objects
from shared.domain.tables import rows

revision = "0008"
down_revision = "0007"

Article: TypeAlias = JsonObject
CHUNK = 500  # rows in one statement


def upgrade() -> None:
    known = {(row["key"], row["article"]): row for row in rows("legal_basis")}

    def both_languages(old: Article) -> Article:
        row = known.get((str(old.get("key")), str(old.get("article"))))
        if row is None:  # an article that the table no longer has keeps its words
            named: JsonValue = {"zh": old.get("instrument"), "en": old.get("instrument")}
            words: JsonValue = {"zh": old.get("text"), "en": old.get("text")}
            source, mark = "", "to_confirm"
        else:
            named = {"zh": row["instrument_zh"], "en": row["instrument_en"]}
            words = {"zh": row["text_zh"], "en": row["text_en"]}
            source, mark = row["source"], row["mark"]
        return {
            "key": old.get("key"),
            "instrument": named,
            "source": source,
            "article": old.get("article"),
            "text": words,
            "mark": mark,
        }

    for table in ("alert", "peer_notice"):
        _rewrite(table, both_languages)


def downgrade() -> None:
    def one_language(new: Article) -> Article:
        return {
            "key": new.get("key"),
            "instrument": read_object(new, "instrument").get("zh"),
            "article": new.get("article"),
            "text": read_object(new, "text").get("en"),
            "confidence": new.get("mark"),
        }

    for table in ("alert", "peer_notice"):
        _rewrite(table, one_language)


def _rewrite(name: str, article: Callable[[Article], Article]) -> None:
    table = sa.table(name, sa.column("id", sa.String()), sa.column("document", sa.JSON()))
    changed = sa.update(table).where(table.c.id == sa.bindparam("row_id")).values(document=sa.bindparam("changed"))
    connection, last = op.get_bind(), ""
    while True:
        query = sa.select(table.c.id, table.c.document).where(table.c.id > last).order_by(table.c.id).limit(CHUNK)
        found = connection.execute(query).all()
        if not found:
            return
        last = found[-1].id
        documents = [
            {"row_id": row.id, "changed": {**row.document, "law": [article(one) for one in read_objects(row.document, "law")]}}
            for row in found
        ]
        connection.execute(changed, documents)
