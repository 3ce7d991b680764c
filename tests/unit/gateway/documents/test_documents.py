"""The documents are complete, agree with the tables they are made from, and their examples hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beheard_hub.domain.limits import COMMAND_ID_CHARS_MAX
from beheard_hub.domain.mediation.views import FIELDS, SHAPES
from beheard_hub.domain.refusals import CODES, Code, Refusal
from beheard_hub.domain.validation import validate
from beheard_hub.gateway.close_codes import CLOSE_CODES
from beheard_hub.gateway.documents import answers, asyncapi, openapi, requests, shapes
from beheard_hub.gateway.documents.__main__ import pages
from beheard_hub.gateway.documents.asked import ASKED
from beheard_hub.gateway.documents.framed import EVENT_WORDS
from beheard_hub.gateway.documents.offered import COMMANDS as ALL
from beheard_hub.gateway.documents.offered import EVENTS
from beheard_hub.gateway.documents.operations import SUMMARIES, TAGS
from beheard_hub.gateway.documents.words import LIKE, WORDS
from beheard_hub.gateway.rest.routes import PREFIX, ROUTES, Answer, Method, Route

from .checking import problems

DOCS = Path(__file__).resolve().parents[4] / "docs"
DOCUMENTS = {"openapi": openapi.document(), "asyncapi": asyncapi.document()}


@pytest.mark.parametrize("name", ["openapi.yaml", "asyncapi.yaml"])
def test_the_files_say_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text().splitlines() == pages()[name].splitlines(), "make docs"


def test_every_route_is_there_and_nothing_else() -> None:
    documented = {
        (method.upper(), path)
        for path, methods in DOCUMENTS["openapi"]["paths"].items()
        for method in methods
    }
    assert documented == {(route.method.value, PREFIX + route.path) for route in ROUTES}


def test_names_of_operations_are_unique() -> None:
    names = [openapi.operation_id(route) for route in ROUTES]
    assert len(set(names)) == len(names)


def test_every_command_and_event_has_its_messages() -> None:
    messages = DOCUMENTS["asyncapi"]["components"]["messages"]
    assert {f"command.{name}" for name in ALL} <= set(messages)
    assert {f"ack.{name}" for name in ALL} <= set(messages)
    assert {f"event.{name}" for name in EVENTS} <= set(messages)


def test_tables_have_no_row_too_many() -> None:
    assert set(shapes.REPLIES) == set(ALL)
    commands = {*ALL, *(route.command for route in ROUTES)}
    assert set(SUMMARIES) == commands
    assert set(TAGS) == {name.partition(".")[0] for name in commands}


def test_every_word_is_used() -> None:
    owned = [(name, shape.fields) for name, shape in shapes.SHAPES.items()]
    owned += [*shapes.REPLIES.items(), ("message.send", shapes.AI_REPLY)]
    owned += [(name, row.fields) for name, row in EVENTS.items()]
    used = set()
    for owner, fields in owned:
        for field in fields:
            name = field.rstrip("?")
            special = f"{LIKE.get(owner, owner)}.{name}"
            used |= {special} if special in WORDS else {name}
    assert set(WORDS) - used == set()
    assert {name.rpartition(".")[2] for name in EVENT_WORDS} <= {
        field for row in EVENTS.values() for field in row.fields
    }


def test_every_question_is_asked() -> None:
    names = {name: deep_names(requests.object_of(name, requests.data_of(name))) for name in ALL}
    everything = {"sessionId"}.union(*names.values())
    for row in ASKED:
        command, _, field = row.rpartition(".")
        assert field in (names[command] if command else everything), row


def deep_names(schema: Any) -> set[str]:
    """Names of all properties in a schema."""
    found: set[str] = set()
    if isinstance(schema, Mapping):
        found |= set(schema.get("properties", {}))
        for part in schema.values():
            found |= deep_names(part)
    elif isinstance(schema, list):
        for part in schema:
            found |= deep_names(part)
    return found


SAME = {
    "EmotionalReading": "reading",
    "VesselEvent": "event",
    "Boundary": "boundary",
    "Document": "document",
    "EmpathyDraft": "draft",
    "EmpathyAttempt": "attempt",
    "IdentifiedNeed": "need",
    "Clarification": "clarification",
    "Strategy": "strategy",
    "ConsentRecord": "consent_record",
    "ConsentedContent": "consented_content",
    "Moment": "moment",
    "Notification": "notification",
    "User": "user",
    "LibraryItem": "library_item",
    "Identity": "identity",
    "Contact": "contact",
    "KnownUser": "person",
}
"""Shape → the views' name of it."""


def test_shapes_have_the_fields_that_views_let_out() -> None:
    assert {**{shape: FIELDS[kind] for shape, kind in SAME.items()}} == {
        shape: shapes.SHAPES[shape].fields for shape in SAME
    }
    assert set(FIELDS) - set(SAME.values()) == {"validation"}, "no reply holds one"
    assert set(SHAPES) >= set(FIELDS)


# ---- statuses and headers


@pytest.mark.parametrize("route", ROUTES, ids=openapi.operation_id)
def test_a_route_lists_all_its_statuses(route: Route) -> None:
    listed = set(openapi.operation(route)["responses"])
    needed = {str(CODES[code].http_status) for code in answers.codes_of_route(route)}
    assert listed == {"200", *needed}
    assert {"400", "413", "429", "500", "503"} <= listed
    assert ("401" in listed) is not route.public
    assert ("404" in listed) or not route.in_session


@pytest.mark.parametrize("route", ROUTES, ids=openapi.operation_id)
def test_a_route_takes_a_key_unless_it_only_reads(route: Route) -> None:
    named = [one.get("$ref", "") for one in openapi.operation(route)["parameters"]]
    keyed = "#/components/parameters/IdempotencyKey" in named
    assert keyed is (route.method is not Method.GET)


def test_every_response_names_its_request_and_when_to_come_again() -> None:
    document = DOCUMENTS["openapi"]
    for key, response in document["components"]["responses"].items():
        waits = {"RATE_LIMITED", "SERVICE_UNAVAILABLE"} & set(key.split("."))
        assert "X-Request-Id" in response["headers"]
        assert ("Retry-After" in response["headers"]) is bool(waits)
    for route in ROUTES:
        assert "X-Request-Id" in openapi.operation(route)["responses"]["200"]["headers"]


def test_only_public_routes_need_no_token() -> None:
    assert DOCUMENTS["openapi"]["security"] == [{"bearer": []}]
    for route in ROUTES:
        assert (openapi.operation(route).get("security") == []) is route.public


def test_streams_are_no_json() -> None:
    kinds = {Answer.STREAM: "text/event-stream", Answer.LINES: "application/x-ndjson"}
    for route in ROUTES:
        content = openapi.operation(route)["responses"]["200"]["content"]
        assert list(content) == [kinds.get(route.answer, "application/json")]


def test_error_and_close_codes_are_all_there() -> None:
    assert set(DOCUMENTS["openapi"]["components"]["examples"]) == {str(code) for code in Code}
    channel = DOCUMENTS["asyncapi"]["channels"]["hub"]
    assert [row["code"] for row in channel["x-close-codes"]] == [int(code) for code in CLOSE_CODES]
    assert list(channel["x-codecs"]) == ["beheard.v1", "beheard.v1.msgpack"]


# ---- words and examples


def objects_in(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema of an object, with where it is."""
    if isinstance(node, Mapping):
        if isinstance(node.get("properties"), Mapping) and "type" in node:
            yield path, node
        for key, value in node.items():
            if key not in ("example", "examples"):
                yield from objects_in(value, f"{path}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from objects_in(value, f"{path}/{number}")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_field_has_words_and_an_example(document: str) -> None:
    found = list(objects_in(DOCUMENTS[document]))
    assert len(found) > 100
    for path, schema in found:
        for name, field in schema["properties"].items():
            assert field.get("description"), f"{path}.{name}"
            example = "examples" in field or "$ref" in repr(field) or name == "data"
            assert example, f"{path}.{name}"


def references(node: Any) -> Iterator[str]:
    """Every reference in a document."""
    if isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_references_lead_somewhere(document: str) -> None:
    whole = msgspec.to_builtins(DOCUMENTS[document])
    found = set(references(whole))
    assert len(found) > 100
    for target in found:
        node = whole
        for step in target.removeprefix("#/").split("/"):
            assert step in node, target
            node = node[step]


@pytest.mark.parametrize("route", ROUTES, ids=openapi.operation_id)
def test_examples_of_routes_hold(route: Route) -> None:
    operation = openapi.operation(route)
    contents = [*operation["responses"]["200"]["content"].values()]
    contents += operation.get("requestBody", {}).get("content", {}).values()
    for content in contents:
        assert problems(DOCUMENTS["openapi"], content["schema"], content["example"]) == []


@pytest.mark.parametrize("name", DOCUMENTS["asyncapi"]["components"]["messages"])
def test_examples_of_messages_hold(name: str) -> None:
    document = DOCUMENTS["asyncapi"]
    message = document["components"]["messages"][name]
    for example in message["examples"]:
        assert problems(document, message["payload"], example["payload"]) == []


@pytest.mark.parametrize("command", ALL)
def test_the_hub_takes_the_examples(command: str) -> None:
    found = validate(requests.data_of(command), requests.example_of(command))
    assert not isinstance(found, Refusal), found.details


@pytest.mark.parametrize("code", Code)
def test_examples_of_refusals_hold(code: Code) -> None:
    document = DOCUMENTS["openapi"]
    example = document["components"]["examples"][str(code)]["value"]
    assert problems(document, {"$ref": "#/components/schemas/Failure"}, example) == []


# ---- limits


@pytest.mark.parametrize(
    ("command", "field", "limits"),
    [
        ("message.send", "content", {"type": "string", "minLength": 1, "maxLength": 10_000}),
        ("message.send", "emotionalIntensity", {"minimum": 1, "maximum": 10}),
        ("session.list", "limit", {"minimum": 1, "maximum": 50, "default": 20}),
        ("needs.consent", "needIds", {"minItems": 1, "uniqueItems": True}),
        ("consent.decide", "decision", {"enum": ["GRANTED", "DENIED"]}),
        ("agreement.create", "followUpDate", {"format": "date-time"}),
        ("compact.sign", "agreed", {"type": "boolean", "const": True}),
    ],
)
def test_limits_of_the_commands_are_limits_of_the_document(
    command: str, field: str, limits: Mapping[str, Any]
) -> None:
    schema = requests.fields_of(command)[field].schema
    assert {key: schema[key] for key in limits} == limits


@pytest.mark.parametrize(
    ("data", "fine"),
    [
        ({"inviteName": "Bob"}, True),
        ({"inviteName": "Bob", "personId": None}, True),
        ({"inviteName": "Bob", "context": None}, True),
        ({}, False),
        ({"inviteName": "Bob", "personId": "p"}, False),
        ({"inviteName": "Bob", "unknown": 1}, False),
        ({"inviteName": "  "}, False),
        ({"inviteName": 1}, False),
    ],
)
def test_document_and_hub_judge_alike(data: Mapping[str, Any], fine: bool) -> None:
    kind = requests.data_of("session.create")
    found = problems(DOCUMENTS["openapi"], requests.object_of("session.create", kind), data)
    assert (found == []) is fine
    assert isinstance(validate(kind, data), Refusal) is not fine


def test_the_key_of_a_command_is_bounded_as_on_the_websocket() -> None:
    key = DOCUMENTS["openapi"]["components"]["parameters"]["IdempotencyKey"]
    assert key["schema"]["maxLength"] == COMMAND_ID_CHARS_MAX
