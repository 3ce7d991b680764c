"""The OpenAPI 3.1 document of the REST door."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from beheard_hub import __version__
from beheard_hub.domain.limits import COMMAND_ID_CHARS_MAX
from beheard_hub.gateway.documents import answers, requests, shapes
from beheard_hub.gateway.documents.asked import asked
from beheard_hub.gateway.documents.operations import SUMMARIES, heading, headings, pascal
from beheard_hub.gateway.documents.schema import described
from beheard_hub.gateway.rest.routes import PREFIX, ROUTES, SESSION, Answer, Method, Route

ABOUT = """Every command of the websocket can be given here too. It reaches the same session, passes
the same checks and gives the same reply.

* **Token**: `Authorization: Bearer <jwt>`. Never in a URL.
* **Success** is `{"success": true, "data": ...}`, a refusal `{"success": false, "error": ...}`.
* **Idempotency-Key** is the command's id. Send the same request again with the same key after
  a timeout, a 429 or a 5xx: it has one effect, for 7 days. The same key with other data is a
  CONFLICT.
* **Ids of others** are answered like ids that do not exist.
* **Pages** go on while `hasMore`: give `cursor` back as you got it. Nothing is lost or repeated
  while rows are added.
* **Text** is trimmed, NFC-normalised and counted in code points; U+0000 is refused. A field that is
  null is a field that is missing, unless it is said to take something away. Unknown fields are
  refused.
* **Times** are ISO 8601 in UTC.
"""
SCHEME = "bearer"
PLACEHOLDER = re.compile(r"\{(\w+)\}")


@cache
def document() -> Mapping[str, Any]:
    """The whole document. The same for every hub of this version; callers must not change it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "BeHeard Hub",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The hub that served this document."}],
        "security": [{SCHEME: []}],
        "tags": headings(),
        "paths": _paths(),
        "components": _components(),
    }


def _paths() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for route in ROUTES:
        found.setdefault(PREFIX + route.path, {})[route.method.lower()] = operation(route)
    return found


def operation(route: Route) -> dict[str, Any]:
    """One route."""
    found: dict[str, Any] = {
        "operationId": operation_id(route),
        "tags": [heading(route.command)],
        "summary": SUMMARIES[route.command],
        "description": _about(route),
        "parameters": _parameters(route),
    }
    if route.body:
        found["requestBody"] = _body(route)
    found["responses"] = answers.responses_of(route)
    if route.public:
        found["security"] = []
    elif route.open:
        found["security"] = [{}, {SCHEME: []}]
    return found


def operation_id(route: Route) -> str:
    """``messageSend``, ``messageSendStream``."""
    name = pascal(route.command)
    suffix = "Stream" if route.answer is Answer.STREAM else ""
    return name[0].lower() + name[1:] + suffix


def _about(route: Route) -> str:
    said = [f"Command `{route.command}`."]
    if route.answer is not Answer.REPLY:
        said.append(f"The answer: {route.answer}.")
    if route.role is not None:
        said.append(f"Only for the role {route.role}.")
    if route.public:
        said.append("No token needed.")
    elif route.open:
        said.append("With a token or without.")
    return " ".join(said)


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    for placeholder in PLACEHOLDER.findall(route.path):
        found.append(_path_parameter(route, placeholder))
    for name, field in route.query.items():
        one = requests.fields_of(route.command)[field.name]
        found.append(_parameter("query", name, one.schema, one.required))
    if route.method is not Method.GET:
        found.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return found


def _path_parameter(route: Route, placeholder: str) -> dict[str, Any]:
    if placeholder == SESSION:
        said = asked(route.command, SESSION)
        schema = described({"type": "string", "minLength": 1}, said.means, said.example)
    else:
        name = route.path_fields[placeholder].name
        schema = dict(requests.fields_of(route.command)[name].schema)
    return _parameter("path", placeholder, schema, True)


def _parameter(place: str, name: str, schema: Mapping[str, Any], required: bool) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if key not in ("description", "examples")}
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": schema["description"],
        "schema": kept,
        "example": schema["examples"][0],
    }


def _body(route: Route) -> dict[str, Any]:
    elsewhere = frozenset(field.name for field in route.path_fields.values())
    kind = requests.data_of(route.command)
    schema = requests.object_of(route.command, kind, elsewhere)
    return {
        "description": "A JSON object; nothing is the same as an empty one.",
        "required": bool(schema.get("required") or schema.get("oneOf")),
        "content": {
            "application/json": {
                "schema": schema,
                "example": requests.example_of(route.command, elsewhere),
            }
        },
    }


def _components() -> dict[str, Any]:
    replies = {
        answers.reply_name(route): shapes.object_of(route.command, answers.reply_fields(route))
        for route in ROUTES
        if route.answer in (Answer.REPLY, Answer.AI_REPLY, Answer.WELCOME)
    }
    return {
        "schemas": {**dict(shapes.components()), **replies, **answers.failures()},
        "responses": answers.shared(),
        "examples": answers.examples(),
        "headers": dict(answers.HEADERS),
        "parameters": {
            "IdempotencyKey": {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The command's id, of the client's choice; the hub makes one up "
                "otherwise.",
                "schema": {"type": "string", "minLength": 1, "maxLength": COMMAND_ID_CHARS_MAX},
                "example": "7f3a1c",
            }
        },
        "securitySchemes": {
            SCHEME: {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token of the configured issuer, or one of `beheard token`.",
            }
        },
    }
