"""`GET /metrics`: for the machine itself and for the operator's token; for others no such page."""

from __future__ import annotations

import httpx
import pytest
from litestar import Litestar

from beheard_hub.gateway.metrics import FORWARDED, handler

TOKEN = "a-token-of-the-operator"
PAGE = b"beheard_hosts 2\n"


async def asked(
    address: str, token: str | None = TOKEN, headers: dict[str, str] | None = None
) -> int:
    app = Litestar([handler(lambda: PAGE, token)], openapi_config=None)
    transport = httpx.ASGITransport(app, client=(address, 1))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        response = await client.get("/metrics", headers=headers)
    assert (response.content == PAGE) is (response.status_code == 200)
    return response.status_code


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
async def test_the_machine_itself_sees_the_numbers(address: str) -> None:
    assert await asked(address) == 200
    assert await asked(address, token=None) == 200


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"])
async def test_for_everybody_else_there_is_no_such_page(address: str) -> None:
    assert await asked(address) == 404
    assert await asked(address, token=None) == 404


@pytest.mark.parametrize("name", FORWARDED)
async def test_what_came_through_a_proxy_of_this_machine_is_not_local(name: str) -> None:
    assert await asked("127.0.0.1", headers={name: "192.0.2.1"}) == 404


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {TOKEN}", 200), (f"bearer {TOKEN}", 200), (f"Bearer {TOKEN}x", 404),
        (f"Bearer {TOKEN[:-1]}", 404), ("Bearer", 404), (TOKEN, 404), (f"Basic {TOKEN}", 404),
        ("Bearer None", 404),
    ],
)  # fmt: skip
async def test_the_operators_token_is_asked_for_elsewhere(header: str, status: int) -> None:
    assert await asked("192.0.2.1", headers={"Authorization": header}) == status
    assert await asked("192.0.2.1", token=None, headers={"Authorization": header}) == 404
