"""For every test with real tables: a machine that stands still costs nobody the lease."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from beheard_hub.persistence import write_behind

LEASE_SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Hosts answer however late the word comes that their lease goes on: where the machine stands
    still for three seconds they would refuse what comes next, which a client sends again and these
    tests do not. Who may take shards over, and when, is the database's business as ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write_behind, "LEASE_SECONDS", LEASE_SECONDS)
        yield
