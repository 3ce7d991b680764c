"""From a request to the command that it is, or to the refusal that it gets. Pure.

Only what a websocket's frame could not even say is refused here: text that is no number, a body
that is no JSON object, a parameter that the row does not have. All else is the host's, so that both
doors judge alike. An id that no row could have is answered as one that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from beheard_hub.domain.limits import COMMAND_ID_CHARS_MAX
from beheard_hub.domain.refusals import Code
from beheard_hub.gateway.connection_protocol import Submit
from beheard_hub.gateway.frame_rules import FIELDS, ID_CHARS_MAX, TOKEN_CHARS_MAX
from beheard_hub.gateway.frames import Error, error_frame, is_plain
from beheard_hub.gateway.rest.envelope import JSON
from beheard_hub.gateway.rest.routes import SESSION, Field, Kind, Route

IDEMPOTENCY_KEY = "Idempotency-Key"
QUERY_FIELDS_MAX = 20
IDENTITY = "identity"

_COMMAND_ID = re.compile(rf"[\x20-\x7e]{{1,{COMMAND_ID_CHARS_MAX}}}")
_NO_ID = re.compile("[\u0000\ud800-\udfff\ufffd]")
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_FLAGS = {"true": True, "false": False}
_CONTENT_TYPE = re.compile(r"application/json\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?", re.IGNORECASE)
_FAILURES = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, OverflowError)

Problems = dict[str, str]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came: header names in lower case."""

    path: Mapping[str, str]
    """Placeholder → text."""
    query: bytes = b""
    headers: Mapping[str, str] = {}
    body: bytes = b""

    def __repr__(self) -> str:
        return "Asked"


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of the request, if it has one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    good = scheme.lower() == "bearer" and 0 < len(token) <= TOKEN_CHARS_MAX
    return token if good else None


def command_of(route: Route, asked: Asked, fresh_id: str) -> Submit | Error:
    """The command, or VALIDATION_ERROR naming every bad field, or NOT_FOUND. `fresh_id` serves
    where the client named none."""
    problems: Problems = {}
    command_id = asked.headers.get(IDEMPOTENCY_KEY.lower(), fresh_id)
    if not _COMMAND_ID.fullmatch(command_id):
        problems[IDEMPOTENCY_KEY] = f"1 to {COMMAND_ID_CHARS_MAX} ASCII characters"
    fixed = {**_from_path(route, asked, problems), **_from_query(route, asked, problems)}
    data = _from_body(route, asked, fixed, problems)
    if problems:
        return error_frame(Code.VALIDATION_ERROR, details=problems)
    if not all(_could_be_id(value) for value in _ids(route, asked)):
        return error_frame(Code.NOT_FOUND)
    return Submit(command_id, asked.path.get(SESSION, ""), route.command, {**data, **fixed})


def _ids(route: Route, asked: Asked) -> list[str]:
    named = [name for name, field in route.path_fields.items() if field.kind is Kind.TEXT]
    return [asked.path[name] for name in ([SESSION] if route.in_session else []) + named]


def _could_be_id(value: str) -> bool:
    return 0 < len(value) <= ID_CHARS_MAX and not _NO_ID.search(value)


def _from_path(route: Route, asked: Asked, problems: Problems) -> dict[str, Any]:
    return {
        field.name: _converted(name, field, asked.path[name], problems)
        for name, field in route.path_fields.items()
    }


def _from_query(route: Route, asked: Asked, problems: Problems) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        pairs = parse_qsl(
            asked.query.decode("ascii"), keep_blank_values=True, errors="strict",
            max_num_fields=QUERY_FIELDS_MAX,
        )  # fmt: skip
    except ValueError:
        problems["query"] = f"a query string of at most {QUERY_FIELDS_MAX} fields in UTF-8"
        return found
    for name, text in pairs:
        field = route.query.get(name)
        if field is None:
            problems[_shown(name)] = "unknown field"
        elif field.name in found:
            problems[name] = "given once"
        else:
            found[field.name] = _converted(name, field, text, problems)
    return found


def _shown(name: str) -> str:
    """A field's name that can be repeated; anything else might be private text."""
    return name[:ID_CHARS_MAX] if name.isascii() and name.isidentifier() else "field"


def _converted(name: str, field: Field, text: str, problems: Problems) -> Any:
    if field.kind is Kind.TEXT:
        return text
    if field.kind is Kind.NUMBER and _NUMBER.fullmatch(text):
        return int(text)
    if field.kind is Kind.FLAG and text in _FLAGS:
        return _FLAGS[text]
    problems[name] = field.kind.value
    return None


def _from_body(
    route: Route, asked: Asked, fixed: Mapping[str, Any], problems: Problems
) -> Mapping[str, Any]:
    if not asked.body:
        return {}
    if not route.body:
        problems["body"] = "nothing"
        return {}
    if asked.headers.get("content-encoding", IDENTITY).strip().lower() != IDENTITY:
        problems["Content-Encoding"] = IDENTITY  # what is not unpacked cannot burst
        return {}
    if not _CONTENT_TYPE.fullmatch(asked.headers.get("content-type", "").strip()):
        problems["Content-Type"] = JSON
        return {}
    try:
        data = msgspec.json.decode(asked.body)
    except _FAILURES:
        problems["body"] = "a JSON object"
        return {}
    if not isinstance(data, dict):
        problems["body"] = "a JSON object"
        return {}
    if not is_plain(data):
        problems["body"] = FIELDS["data"]
        return {}
    problems.update({name: "given by the URL" for name in fixed if name in data})
    return data
