"""The REST door of a real gateway before a fake host: what is asked, refused and answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from beheard_hub.domain.refusals import CODES, Code
from beheard_hub.gateway.rest.routes import PREFIX, ROUTES, Answer, Kind, Route
from tests.e2e.rest_phone import NO_TLS

from .conftest import Hub, StartHub, starting, until

ONE = "/sessions/s1"


class Caller:
    """A client of one user; `token` None sends none."""

    def __init__(self, hub: Hub, token: str | None = "alice") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        base = f"http://127.0.0.1:{hub.gateway.port}{PREFIX}"
        self.http = httpx.AsyncClient(base_url=base, headers=headers, timeout=10.0, verify=NO_TLS)

    async def __aenter__(self) -> Caller:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.http.request(method, path, **more)


def refusal(response: httpx.Response) -> dict[str, Any]:
    """The error of an envelope that holds nothing else."""
    body = response.json()
    assert set(body) == {"success", "error"}, body
    assert body["success"] is False
    assert set(body["error"]) <= {"code", "message", "details"}
    assert response.status_code in (CODES[Code(body["error"]["code"])].http_status, 405)
    assert response.headers["X-Request-Id"]
    error: dict[str, Any] = body["error"]
    return error


def path_of(route: Route) -> str:
    path = route.path.replace("{sessionId}", "s1")
    for name, field in route.path_fields.items():
        path = path.replace(f"{{{name}}}", "1" if field.kind is Kind.NUMBER else "i1")
    return path


PLAIN = [route for route in ROUTES if route.answer is Answer.REPLY]
ROW_IDS = [f"{route.method} {route.path}" for route in PLAIN]


@pytest.fixture(scope="module")
async def door() -> AsyncIterator[Hub]:
    """One gateway for all rows."""
    async with starting() as start:
        hub = await start(limits=False)
        hub.host.moves_invitations_to = "s1"
        yield hub


@pytest.mark.parametrize("route", PLAIN, ids=ROW_IDS)
async def test_every_row_reaches_its_command(door: Hub, route: Route) -> None:
    async with Caller(door) as alice:
        content = b'{"said": 1}' if route.body else None
        headers = {"Content-Type": "application/json"} if route.body else {}
        response = await alice.ask(route.method, path_of(route), content=content, headers=headers)
    assert response.status_code == 200, response.text
    command = door.host.commands[-1]
    assert command.name == route.command
    in_session = route.in_session or route.command.startswith("invitation.")
    assert command.session_id == ("s1" if in_session else "")
    expected: dict[str, Any] = {"said": 1} if route.body else {}
    for field in route.path_fields.values():
        expected[field.name] = 1 if field.kind is Kind.NUMBER else "i1"
    assert command.data == expected
    assert command.user_id.startswith("nobody:") if route.public else command.user_id == "alice"
    assert response.json() == {"success": True, "data": {"name": route.command, **expected}}


@pytest.mark.parametrize("token", [None, "bad"])
async def test_no_row_but_the_public_one_answers_without_a_good_token(
    hub: Hub, token: str | None
) -> None:
    async with Caller(hub, token) as nobody:
        for route in PLAIN:
            if route.public or (route.open and token is None):
                continue
            response = await nobody.ask(route.method, path_of(route))
            assert refusal(response)["code"] == "UNAUTHORIZED"
            assert response.headers["WWW-Authenticate"] == "Bearer"
    assert hub.host.commands == []


async def test_a_query_becomes_data_of_the_right_kind(hub: Hub) -> None:
    async with Caller(hub) as alice:
        await alice.ask("GET", f"{ONE}/messages?limit=7&cursor=a%20b&stage=2")
        assert hub.host.commands[-1].data == {"limit": 7, "cursor": "a b", "stage": 2}
        await alice.ask("GET", f"{ONE}/needs?resynthesize=true")
        assert hub.host.commands[-1].data == {"resynthesize": True}


@pytest.mark.parametrize(
    ("method", "path", "more", "field"),
    [
        ("GET", f"{ONE}/messages?limit=seven", {}, "limit"),
        ("GET", f"{ONE}/messages?limit=1&limit=2", {}, "limit"),
        ("GET", f"{ONE}/messages?limit={'9' * 30}", {}, "limit"),
        ("GET", f"{ONE}/needs?resynthesize=1", {}, "resynthesize"),
        ("GET", f"{ONE}/messages?cursor=%ff", {}, "query"),
        ("GET", f"{ONE}?access_token=abc", {}, "access_token"),
        ("GET", f"{ONE}?what+is+this", {}, "field"),
        ("GET", f"{ONE}/stages/two/gates", {}, "stage"),
        ("POST", f"{ONE}/emotions", {"content": b"{}"}, "Content-Type"),
        ("POST", f"{ONE}/emotions", {"data": {"intensity": 3}}, "Content-Type"),
        ("POST", f"{ONE}/emotions", {"json": [1]}, "body"),
        ("POST", f"{ONE}/emotions", {"json": None, "content": b"{"}, "Content-Type"),
        ("PATCH", f"{ONE}/vessel/events/i1", {"json": {"eventId": "i2"}}, "eventId"),
        ("GET", ONE, {"content": b"{}"}, "body"),
        ("POST", f"{ONE}/pause", {"headers": {"Idempotency-Key": "x" * 65}}, "Idempotency-Key"),
        ("POST", f"{ONE}/pause", {"headers": {"Idempotency-Key": ""}}, "Idempotency-Key"),
    ],
)
async def test_what_no_frame_could_say_is_refused_by_its_field(
    hub: Hub, method: str, path: str, more: dict[str, Any], field: str
) -> None:
    async with Caller(hub) as alice:
        error = refusal(await alice.ask(method, path, **more))
    assert error["code"] == "VALIDATION_ERROR"
    assert list(error["details"]) == [field]
    assert hub.host.commands == []


@pytest.mark.parametrize("body", [b"{", b"\xff", b'"text"', b'{"a":' * 40 + b"1" + b"}" * 40])
async def test_a_body_that_is_no_json_object(hub: Hub, body: bytes) -> None:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    async with Caller(hub) as alice:
        error = refusal(await alice.ask("POST", f"{ONE}/emotions", content=body, headers=headers))
    assert (error["code"], list(error["details"])) == ("VALIDATION_ERROR", ["body"])


async def test_a_body_over_the_limit(start_hub: StartHub) -> None:
    hub = await start_hub(request_bytes_max=100)

    async def chunks() -> Any:
        for _ in range(3):
            yield b"x" * 50

    async with Caller(hub) as alice:
        announced = await alice.ask("POST", f"{ONE}/emotions", content=b"x" * 101)
        assert refusal(announced)["code"] == "PAYLOAD_TOO_LARGE"
        chunked = await alice.ask("POST", f"{ONE}/emotions", content=chunks())
        assert refusal(chunked)["code"] == "PAYLOAD_TOO_LARGE"


async def test_a_body_that_does_not_come(start_hub: StartHub) -> None:
    hub = await start_hub(body_seconds_max=0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.gateway.port)
    writer.write(
        b"POST /api/v1/sessions HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer alice\r\n"
        b"Content-Length: 10\r\n\r\n{"
    )
    line = await asyncio.wait_for(reader.readline(), 10)
    assert line.startswith(b"HTTP/1.1 400")
    writer.close()


@pytest.mark.parametrize("path", ["/nothing", f"{ONE}/nothing", "/sessions/a/b/c/d", "/%00"])
async def test_a_path_without_a_row(hub: Hub, path: str) -> None:
    async with Caller(hub) as alice:
        assert refusal(await alice.ask("GET", path))["code"] == "NOT_FOUND"


async def test_a_method_without_a_row(hub: Hub) -> None:
    async with Caller(hub) as alice:
        response = await alice.ask("PUT", ONE)
    assert response.status_code == 405
    assert response.headers["Allow"] == "DELETE, GET"
    assert refusal(response)["details"] == {"method": "one of DELETE, GET"}


@pytest.mark.parametrize("code", list(Code))
async def test_a_refusal_has_the_status_of_its_code(hub: Hub, code: Code) -> None:
    hub.host.refuses = code
    async with Caller(hub) as alice:
        response = await alice.ask("GET", ONE)
    error = refusal(response)
    assert (error["code"], response.status_code) == (code, CODES[code].http_status)
    assert error["details"] == {"content": "no"}
    waits = code in (Code.RATE_LIMITED, Code.SERVICE_UNAVAILABLE)
    assert ("Retry-After" in response.headers) == waits


async def test_the_same_key_has_one_effect(hub: Hub) -> None:
    key = {"Idempotency-Key": "k1"}
    async with Caller(hub) as alice:
        first = await alice.ask("POST", f"{ONE}/pause", headers=key)
        again = await alice.ask("POST", f"{ONE}/pause", headers=key)
        await alice.ask("POST", f"{ONE}/pause")
    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    ids = [command.id for command in hub.host.commands]
    assert ids[:2] == ["k1", "k1"]
    assert len(ids[2]) == 32


@pytest.mark.parametrize(("given", "echoed"), [("abc-1.2_3", True), ("a b", False), ("", False)])
async def test_request_ids(hub: Hub, given: str, echoed: bool) -> None:
    async with Caller(hub) as alice:
        for path in (ONE, "/nothing"):
            response = await alice.ask("GET", path, headers={"X-Request-Id": given})
            assert (response.headers["X-Request-Id"] == given) is echoed
            assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("bad", ["x" * 65, "a%00b", "%ff"])
async def test_an_id_that_none_could_have_is_not_found(hub: Hub, bad: str) -> None:
    hub.host.refuses = Code.NOT_FOUND
    async with Caller(hub) as alice:
        for path in (f"/sessions/{bad}", f"{ONE}/vessel/events/{bad}"):
            error = refusal(await alice.ask("DELETE", path))
            assert error["code"] == "NOT_FOUND"
            assert "details" not in error
    assert hub.host.commands == []


async def test_rates_are_those_of_the_websocket(hub: Hub) -> None:
    hub.clock.stop()
    client = await hub.enter()
    async with Caller(hub) as alice, Caller(hub, "bob") as bob:
        for n in range(2):
            answer = await client.call(f"w{n}", "emotions.record", {}, sessionId="s1")
            assert answer["type"] == "ack"
        assert (await alice.ask("POST", f"{ONE}/emotions")).status_code == 200
        refused = await alice.ask("POST", f"{ONE}/emotions")
        assert refusal(refused)["code"] == "RATE_LIMITED"
        assert refused.headers["Retry-After"] == "30"
        assert (await bob.ask("POST", f"{ONE}/emotions")).status_code == 200


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ([("GET", "/auth/me"), ("PATCH", "/auth/me")], 30),
        ([("POST", "/auth/push-token"), ("DELETE", "/auth/push-token")], 5),
    ],
)
async def test_account_requests_share_a_rate(
    hub: Hub, asked: list[tuple[str, str]], allowed: int
) -> None:
    hub.clock.stop()
    async with Caller(hub) as alice:
        for n in range(allowed):
            assert (await alice.ask(*asked[n % len(asked)])).status_code == 200
        for one in asked:
            assert (await alice.ask(*one)).status_code == 429


async def test_previews_need_no_token_and_are_counted_by_address(hub: Hub) -> None:
    hub.clock.stop()
    hub.host.moves_invitations_to = "s1"
    async with Caller(hub, None) as nobody:
        for _ in range(10):
            assert (await nobody.ask("GET", "/invitations/i1")).status_code == 200
        limited = await nobody.ask("GET", "/invitations/i1")
        assert refusal(limited)["code"] == "RATE_LIMITED"
        elsewhere = {"X-Forwarded-For": "10.0.0.1, 203.0.113.9"}
        other = await nobody.ask("GET", "/invitations/i1", headers=elsewhere)
        assert other.status_code == 200
    assert len({command.user_id for command in hub.host.commands}) == len(hub.host.commands) // 2


async def test_too_many_at_once(start_hub: StartHub) -> None:
    hub = await start_hub(calls_per_user_max=1)
    hub.host.holds = True
    async with Caller(hub) as alice:
        waiting = asyncio.create_task(alice.ask("GET", ONE))
        await until(lambda: bool(hub.host.held), "a request under way")
        assert refusal(await alice.ask("GET", ONE))["code"] == "RATE_LIMITED"
        hub.host.release()
        assert (await waiting).status_code == 200
        hub.host.holds = False
        assert (await alice.ask("GET", ONE)).status_code == 200


async def test_without_an_owner_a_request_is_refused_in_time(start_hub: StartHub) -> None:
    hub = await start_hub(owner_seconds_max=0.05)
    hub.world.owners = [None] * len(hub.world.owners)
    await until(lambda: not hub.gateway.lobby.router.ready, "no owners")
    async with Caller(hub) as alice:
        response = await alice.ask("GET", ONE)
    assert refusal(response)["code"] == "SERVICE_UNAVAILABLE"
    assert response.headers["Retry-After"] == "1"


async def test_identity_that_cannot_be_had(hub: Hub) -> None:
    hub.identities.broken = True
    async with Caller(hub) as alice:
        response = await alice.ask("GET", ONE)
    assert (response.status_code, refusal(response)["code"]) == (503, "SERVICE_UNAVAILABLE")


async def test_draining_finishes_what_is_under_way_and_takes_nothing_more(hub: Hub) -> None:
    hub.host.holds = True
    async with Caller(hub) as alice:
        waiting = asyncio.create_task(alice.ask("GET", ONE))
        await until(lambda: bool(hub.host.held), "a request under way")
        drain = asyncio.create_task(hub.gateway.drain())
        await until(lambda: hub.gateway.lobby.draining, "the drain")
        refused = await alice.ask("GET", ONE)
        assert refusal(refused)["code"] == "SERVICE_UNAVAILABLE"
        assert refused.headers["Retry-After"] == "1"
        hub.host.release()
        assert (await waiting).status_code == 200
        await drain


async def test_a_drain_does_not_wait_for_ever(start_hub: StartHub) -> None:
    hub = await start_hub(drain_seconds_max=0.05)
    hub.host.holds = True
    async with Caller(hub) as alice:
        waiting = asyncio.create_task(alice.ask("GET", ONE))
        await until(lambda: bool(hub.host.held), "a request under way")
        await hub.gateway.drain()
        assert refusal(await waiting)["code"] == "SERVICE_UNAVAILABLE"


async def test_a_client_that_goes_leaves_nothing(hub: Hub) -> None:
    hub.host.holds = True
    async with Caller(hub) as alice:
        waiting = asyncio.create_task(alice.ask("GET", ONE))
        await until(lambda: bool(hub.host.held), "a request under way")
        waiting.cancel()
    await until(lambda: not hub.gateway.lobby.calls, "nobody waits")


async def test_our_own_fault_says_nothing(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("private words")

    monkeypatch.setattr(hub.gateway.lobby.router, "submit", fail)
    async with Caller(hub) as alice:
        error = refusal(await alice.ask("POST", f"{ONE}/emotions", json={"context": "private"}))
    assert error["code"] == "INTERNAL_ERROR"
    assert len(error["details"]["reference"]) == 12
    said = "".join(capsys.readouterr())
    assert "private" not in said
    assert error["details"]["reference"] in said


async def test_numbers_come_back_as_they_are(hub: Hub) -> None:
    data = {"text": "é😀", "number": -1, "list": [1.5, None, True]}
    async with Caller(hub) as alice:
        response = await alice.ask("POST", f"{ONE}/emotions", json=data)
    assert msgspec.json.decode(response.content)["data"] == {"name": "emotions.record", **data}
