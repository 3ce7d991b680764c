"""Which address is counted where a limit is per address."""

from __future__ import annotations

from typing import Any, cast

import pytest

from beheard_hub.gateway.lobby import address_of


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        (("203.0.113.7", 5), "203.0.113.7"),
        (("::ffff:203.0.113.7", 5), "203.0.113.7"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2::/64"),
        (("127.0.0.1", 5), ""),
        (("::1", 5), ""),
        (("::ffff:127.0.0.1", 5), ""),
        (("a-socket", 0), ""),
        (None, ""),
    ],
)
def test_the_peer_is_counted_unless_it_is_this_machine(
    client: tuple[str, int] | None, counted: str
) -> None:
    assert address_of(cast(Any, {"client": client})) == counted
