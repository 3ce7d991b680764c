"""The server's silence holds twice: were errors logged, they would still not quote anybody.

`test_embedded.py` shows that no error reaches the log at all (`log_min_messages`). Here that wall
is taken down for one connection, and the others must do: no statement, no parameter, no detail.
"""

from __future__ import annotations

import asyncpg

from beheard_hub.persistence.embedded import EmbeddedPostgres

CANARY = "canary-in-a-failing-statement"
FAILS = "violates check constraint"


async def test_a_logged_error_quotes_nobody(
    owner: asyncpg.Connection, postgres: EmbeddedPostgres
) -> None:
    await owner.execute("SET log_min_messages = 'error'")
    await owner.execute("CREATE TEMP TABLE t (n int CHECK (n > 0), s text)")
    failed = 0
    for statement, args in (
        (f"INSERT INTO t VALUES (-1, '{CANARY}')", ()),
        ("INSERT INTO t VALUES (-1, $1)", (CANARY,)),
    ):
        try:
            await owner.execute(statement, *args)
        except asyncpg.CheckViolationError:
            failed += 1
    log = postgres.log_file().read_text()
    assert failed == 2
    assert log.count(FAILS) >= failed, "the wall is not down"
    assert CANARY not in log
