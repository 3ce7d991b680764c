"""From requests to commands: whatever comes, a command or a refusal that repeats nothing."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from beheard_hub.gateway.connection_protocol import Submit
from beheard_hub.gateway.frames import is_plain
from beheard_hub.gateway.rest.requests import Asked, bearer, command_of
from beheard_hub.gateway.rest.routes import ROUTES, SESSION, Route

TEXTS = some.text(max_size=80)
KEYS = some.sampled_from(["limit", "cursor", "content", "resynthesize", "status"]) | TEXTS
BODIES = some.binary(max_size=60) | some.dictionaries(
    TEXTS, some.none() | some.integers() | TEXTS | some.floats(allow_nan=False), max_size=4
).map(lambda data: msgspec.json.encode(data, order="sorted"))


def row(method: str, path: str) -> Route:
    return next(r for r in ROUTES if (r.method.value, r.path) == (method, path))


@given(
    route=some.sampled_from(ROUTES),
    texts=some.lists(TEXTS, min_size=3, max_size=3),
    query=some.binary(max_size=60),
    key=TEXTS,
    body=BODIES,
    json=some.booleans(),
)
def test_whatever_comes_is_a_command_or_a_refusal(
    route: Route, texts: list[str], query: bytes, key: str, body: bytes, json: bool
) -> None:
    names = [SESSION, *route.path_fields]
    headers = {"idempotency-key": key} if key else {}
    asked = Asked(
        path=dict(zip(names, texts, strict=False)),
        query=query,
        headers={**headers, **({"content-type": "application/json"} if json else {})},
        body=body,
    )
    found = command_of(route, asked, "fresh")
    if isinstance(found, Submit):
        assert 1 <= len(found.id) <= 64
        assert found.name == route.command
        assert is_plain(dict(found.data))
    else:
        assert found.code in ("VALIDATION_ERROR", "NOT_FOUND")
        known = {"Idempotency-Key", "Content-Type", "body", "query", "field"}
        for name in found.details or {}:
            assert name in known or name.isidentifier()
    assert repr(asked) == "Asked"


def test_an_unnamed_parameter_does_not_come_back_in_the_refusal() -> None:
    asked = Asked(path={SESSION: "s1"}, query=b"my+private+words=1")
    found = command_of(row("GET", "/sessions/{sessionId}"), asked, "fresh")
    assert not isinstance(found, Submit)
    assert found.details == {"field": "unknown field"}


def test_all_that_is_wrong_is_named_at_once() -> None:
    asked = Asked(
        path={SESSION: "s1"}, query=b"limit=x&no=1", headers={"idempotency-key": ""}, body=b"{}"
    )
    found = command_of(row("GET", "/sessions/{sessionId}/messages"), asked, "fresh")
    assert not isinstance(found, Submit)
    assert sorted(found.details or {}) == ["Idempotency-Key", "body", "limit", "no"]


def test_a_field_of_the_url_may_not_come_twice() -> None:
    route = row("PATCH", "/sessions/{sessionId}/vessel/events/{itemId}")
    headers = {"content-type": "application/json"}
    path = {SESSION: "s1", "itemId": "e1"}
    asked = Asked(path=path, headers=headers, body=b'{"description": "d"}')
    found = command_of(route, asked, "fresh")
    assert isinstance(found, Submit)
    assert found.data == {"description": "d", "eventId": "e1"}
    twice = Asked(path=path, headers=headers, body=b'{"eventId": "e1"}')
    assert not isinstance(command_of(route, twice, "fresh"), Submit)


def test_bearer() -> None:
    assert bearer({"authorization": "Bearer abc"}) == "abc"
    assert bearer({"authorization": "bearer  abc "}) == "abc"
    for value in ("", "Bearer", "Bearer ", "Basic abc", "abc", "Bearer " + "x" * 20_000):
        assert bearer({"authorization": value}) is None
    assert bearer({}) is None
