"""Types at the edge of SQL: a row as SQLAlchemy gives it, a JSON document as a column holds it. Stores turn rows into frozen
dataclasses before anybody else has them; documents leave as they were stored.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import Row

SqlRow: TypeAlias = Row[*tuple[Any, ...]]
StoredDocument: TypeAlias = dict[str, Any]
