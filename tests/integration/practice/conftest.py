"""The peopled database of `tests/integration/database`: a practises by an invitation of staff, c by
one of the administrator's, b by own will; see `people.sql`."""

from __future__ import annotations

from tests.integration.database.conftest import world

__all__ = ["world"]
