"""Thousands of requests that the served OpenAPI document allows, or just not, against a whole hub.

Each route gets its share: good and broken requests, by turns of two people who share sessions in
every stage, of a stranger, and of nobody. No answer may be a 5xx (what is UNAVAILABLE just now is
asked again), have a status, header, content type or body that the document does not know, or accept
what the document forbids.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from beheard_hub import journeys
from beheard_hub.demo.player import play
from beheard_hub.gateway.documents.openapi import operation_id
from beheard_hub.gateway.rest.routes import PREFIX, ROUTES, Answer, Route
from beheard_hub.journeys import Act, Journey

from .conftest import Person, Town
from .rest_phone import AGAIN_SECONDS, UNAVAILABLE

CASES = int(os.environ.get("BEHEARD_FUZZ_CASES", "600"))
"""Of all routes together."""
SLOW = {
    "message.send",
    "consent.request",
    "strategies.suggest",
    "document.add",
    "document.edit",
    "push_token.set",
}
"""Commands that wait for the facilitator, or whose data is long to make up; and their cases."""
SLOW_CASES = 4
LAST = ("session.resolve", "session.withdraw", "account.erase")
"""What ends something comes when everything else was asked."""
SECONDS_MAX = 60
DOCUMENT = "/api/v1/openapi.json"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

IDS = re.compile(r'"(?:id|invitationId)":"([^"]+)"')


class Scene(msgspec.Struct, frozen=True):
    """A session in some stage, and the two people in it."""

    session_id: str
    people: tuple[Person, Person]


class World:
    """The hub under test with what there is to ask about."""

    def __init__(self, town: Town, scenes: Sequence[Scene], ids: Sequence[str]) -> None:
        self.town = town
        self.url = town.hub.url
        self.session = requests.Session()
        served = self.session.get(self.url + DOCUMENT, timeout=SECONDS_MAX)
        self.schema: Any = schemathesis.openapi.from_dict(served.json())
        self.schema.validate()
        self.scenes = scenes
        self.ids = ids
        self.stranger = town.person("Stranger")
        self.sent = 0
        self.statuses: dict[int, int] = {}


def until_stage(journey: Journey, stage: int) -> Journey:
    """Its steps up to the second person's entry into a stage."""
    left = 0
    for number, step in enumerate(journey.steps):
        left += len(step.sides) if step.act is Act.ADVANCE else 0
        if left >= 2 * stage:
            return msgspec.structs.replace(journey, steps=journey.steps[: number + 1])
    raise AssertionError(f"{journey.name} does not reach stage {stage}")


async def staged(town: Town, journey: Journey, ids: set[str]) -> Scene:
    """Two new people who play these steps."""
    a, b = town.person(journey.a.name), town.person(journey.b.name)
    result = await play(journey, town.hub.websocket_url, a.token, b.token)
    for side in journeys.SIDES:
        for frame in result.received[side]:
            ids.update(IDS.findall(frame if isinstance(frame, str) else frame.decode()))
    return Scene(result.session_id, (a, b))


@pytest.fixture(scope="module")
async def world(town: Town) -> AsyncIterator[World]:
    """Sessions in all stages, by people nobody else knows."""
    whole = journeys.load("friendship")
    ids: set[str] = set()
    plays = [until_stage(whole, stage) for stage in range(1, 5)]
    scenes = await asyncio.gather(*(staged(town, one, ids) for one in plays))
    world = World(town, scenes, sorted(ids))
    yield world
    world.session.close()


def in_order() -> Iterator[Route]:
    """All routes, those that end something last."""
    yield from sorted(ROUTES, key=lambda route: route.command in LAST)


def cases_of(route: Route) -> int:
    """How many cases a route gets."""
    fast = [one for one in ROUTES if one.command not in SLOW]
    if route.command in SLOW:
        return SLOW_CASES
    return -(-CASES // len(fast))


@st.composite
def asked(draw: st.DrawFn, world: World, route: Route, case: Any, good: bool) -> Person | None:
    """Puts real ids into a case, and draws who sends it."""
    scene = draw(st.sampled_from(world.scenes))
    who = draw(st.sampled_from([*scene.people, *scene.people, world.stranger, None]))
    if route.command == "account.erase" and who is not None:
        who = world.town.person("Goner")
    if good and draw(st.integers(0, 4)):
        if "sessionId" in (case.path_parameters or {}):
            case.path_parameters["sessionId"] = scene.session_id
        for name in (case.path_parameters or {}).keys() - {"sessionId", "stage"}:
            case.path_parameters[name] = draw(st.sampled_from(world.ids))
        if isinstance(case.body, dict):
            for name in case.body:
                if name.endswith("Id") and case.body[name] is not None:
                    case.body[name] = draw(st.sampled_from(world.ids))
    return who


def ask(world: World, case: Any, who: Person | None, route: Route, good: bool) -> None:
    """Sends one case and holds the answer against the document."""
    headers = {} if who is None else {"Authorization": f"Bearer {who.token}"}
    for pause in (*AGAIN_SECONDS, None):  # a machine that stands still is no server's error
        response = case.call(
            base_url=world.url, session=world.session, headers=headers, timeout=SECONDS_MAX
        )
        if response.status_code != UNAVAILABLE or pause is None:
            break
        time.sleep(pause)
    world.sent += 1
    world.statuses[response.status_code] = world.statuses.get(response.status_code, 0) + 1
    if who is None and not (route.public or route.open):
        assert response.status_code == 401, response.status_code
    assert response.headers["x-request-id"]
    checks = list(CHECKS)
    if route.answer in (Answer.STREAM, Answer.LINES):
        checks.remove(response_schema_conformance)
    if not good:
        checks.append(negative_data_rejection)
    case.validate_response(response, checks=checks)


@pytest.mark.parametrize(
    ("route", "good"),
    [
        pytest.param(route, good, id=f"{operation_id(route)}-{'good' if good else 'broken'}")
        for route in in_order()
        for good in (True, False)
    ],
)
async def test_answers_as_documented(world: World, route: Route, good: bool) -> None:
    operation = world.schema[PREFIX + route.path][route.method.value]
    mode = schemathesis.GenerationMode.POSITIVE if good else schemathesis.GenerationMode.NEGATIVE

    @settings(
        max_examples=-(-cases_of(route) // 2),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def run(case: Any, data: st.DataObject) -> None:
        who = data.draw(asked(world, route, case, good))
        ask(world, case, who, route, good)

    try:  # beside the loop, on which the issuer answers whom the hub asks for keys
        await asyncio.to_thread(run)
    except Unsatisfiable:
        assert not good, "nothing can be broken in a request that holds nothing"


def test_enough_was_asked(world: World) -> None:
    assert world.sent >= CASES * 0.9, world.statuses
    assert world.statuses.get(200, 0) > CASES / 10, world.statuses
