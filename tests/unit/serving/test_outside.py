"""What `beheard doctor` says of the world outside, well and not; and of a cluster to join."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from beheard_hub import fleet, outside
from beheard_hub.runtime import SystemClock
from beheard_hub.settings import SetupError, load
from beheard_hub.testing.ably_api import FAULTS, AblyApi, served
from beheard_hub.testing.issuer import Issuer, listening, write

KEY = "app.key:secret-of-the-key"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for a while cannot make those who are there unreachable."""
    monkeypatch.setattr(outside, "SECONDS_MAX", 30.0)


@pytest.fixture
def closed() -> Iterator[int]:
    """A port at which nothing listens, and nothing else will meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


# ---- who signs tokens


async def issuer_says(issuer: Issuer, apps: Path | None = None) -> outside.Answer:
    names = {"BEHEARD_JWT_ISSUER": "issuer", "BEHEARD_JWT_AUDIENCE": "hub"}
    more = {"BEHEARD_ID_TOKENS": str(apps)} if apps else {}
    chosen = load({"BEHEARD_JWKS_URL": issuer.url, **names, **more})
    return await asyncio.to_thread(outside.identity, chosen.identity)


async def test_the_token_issuer_is_asked_for_its_keys(tmp_path: Path) -> None:
    issuer = Issuer(SystemClock(), {"e1": ec.generate_private_key(ec.SECP256R1())})
    async with listening(issuer):
        assert await issuer_says(issuer) == ("the token issuer shows 1 keys that may sign", "")
        said, _ = await issuer_says(issuer, issuer.apps(tmp_path))
        assert "identities of google" in said
        issuer.keys.clear()
        said, advice = await issuer_says(issuer)
        assert "no key" in said
        assert "BEHEARD_JWKS_URL" in advice
        issuer.respond = _no_json
        said, advice = await issuer_says(issuer)
        assert "cannot be read" in said
        assert "BEHEARD_JWKS_URL" in advice
    assert outside.identity(load({}).identity) == ("tokens of the hub's own key", "")


async def _no_json(writer: asyncio.StreamWriter) -> None:
    write(writer, b"<p>not here</p>", status=b"200 OK")


# ---- Ably


def pushes(url: str, key: str = KEY) -> outside.Answer:
    host, _, port = url.removeprefix("http://").partition(":")
    there = {"ABLY_REST_HOST": host, "ABLY_PORT": port, "ABLY_TLS": "off"}
    return outside.pushes(load({"ABLY_API_KEY": key, **there}).push)


async def test_ably_is_asked_whether_it_takes_the_key(closed: int) -> None:
    api = AblyApi(KEY)
    async with served(api) as url:
        assert await asyncio.to_thread(pushes, url) == ("Ably takes the key", "")
        said, advice = await asyncio.to_thread(pushes, url, "app.key:another")
        assert (said, advice) == ("Ably refuses the key", "Check ABLY_API_KEY.")
        api.script("token", FAULTS["unavailable"], forever=True)
        said, advice = await asyncio.to_thread(pushes, url)
        assert (said, bool(advice)) == ("Ably cannot be reached", True)
    assert [one.call for one in api.requests if one.call != "token"] == [], "nothing else is asked"
    assert outside.pushes(load({}).push) == ("none: notifications stay in the inbox", "")


# ---- Ray, and the collector of traces


async def test_a_cluster_that_is_not_there_is_said_at_once(
    closed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = load({"RAY_ADDRESS": f"127.0.0.1:{closed}"})
    said, advice = outside.ray(chosen.cluster)
    assert said == f"nothing answers at 127.0.0.1:{closed}"
    assert "RAY_ADDRESS" in advice
    monkeypatch.setattr(fleet, "CLUSTER_LOOK_SECONDS", 0.0)
    with pytest.raises(SetupError, match=rf"No Ray cluster answers at 127\.0\.0\.1:{closed}\."):
        await fleet.start_runtime(chosen)


def test_a_ray_of_our_own_needs_no_look() -> None:
    assert outside.ray(load({}).cluster)[1] == ""
    assert "not needed" in outside.ray(load({"BEHEARD_LINK": "inprocess"}).cluster)[0]
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        assert outside.ray(load({"RAY_ADDRESS": address}).cluster)[1] == ""


async def test_the_collector_is_asked_whether_it_takes_spans(closed: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        known = head.startswith(b"POST /v1/traces ")
        write(writer, b"{}", status=b"200 OK" if known else b"404 Not Found")
        await writer.drain()
        writer.close()

    def asked(path: str, at: int) -> outside.Answer:
        url = f"http://127.0.0.1:{at}{path}"
        return outside.traces(load({"OTEL_EXPORTER_OTLP_ENDPOINT": url}).traces)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await asyncio.to_thread(asked, "", port))[1] == ""
        assert "404" in (await asyncio.to_thread(asked, "/elsewhere", port))[0]
    assert "cannot be reached" in asked("", closed)[0]
    assert outside.traces(load({}).traces) == ("none are sent", "")
