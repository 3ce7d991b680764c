"""The table of REST rows against the commands, and against spec 5.3 as it is written."""

from __future__ import annotations

import re
from typing import get_args, get_type_hints

import msgspec
import pytest

from beheard_hub.gateway.documents.offered import COMMANDS as ALL
from beheard_hub.gateway.rest.handlers import allowed_at
from beheard_hub.gateway.rest.routes import PREFIX, ROUTES, Answer, Kind, Route

OF_COMMANDS = [route for route in ROUTES if route.answer is not Answer.LINES]
IDS = [f"{route.method} {route.path}" for route in OF_COMMANDS]
TYPES = {Kind.NUMBER: int, Kind.FLAG: bool, Kind.TEXT: str}

SPEC = """
POST, GET /sessions
GET, DELETE /sessions/:id
POST /sessions/:id/pause /resume /resolve /nudge
GET /sessions/:id/progress
GET /sessions/:id/stages/:stage/gates
POST /sessions/:id/stages/advance
GET /invitations/:id
POST /invitations/:id/accept /decline /resend
POST /sessions/:id/compact/sign
GET /sessions/:id/compact/status
POST, GET /sessions/:id/messages
POST /sessions/:id/messages/stream /retry
POST /sessions/:id/feel-heard
POST, GET /sessions/:id/empathy/draft
POST /sessions/:id/empathy/consent /validate /accept-feedback
GET /sessions/:id/empathy/partner /feedback
GET, POST /sessions/:id/needs
POST /sessions/:id/needs/confirm /consent
GET, POST /sessions/:id/common-ground
POST /sessions/:id/common-ground/confirm
GET, POST /sessions/:id/strategies
POST /sessions/:id/strategies/suggest /ready /rank
GET /sessions/:id/strategies/overlap
GET, POST /sessions/:id/agreements
POST /sessions/:id/agreements/:id/confirm
GET /sessions/:id/consent/pending /history
POST /sessions/:id/consent/request /decide /revoke
GET /sessions/:id/shared
POST, GET /sessions/:id/emotions
POST /sessions/:id/exercises/complete
GET, POST /sessions/:id/vessel/events /boundaries /documents
PATCH, DELETE /sessions/:id/vessel/events/:id
PATCH, DELETE /sessions/:id/vessel/boundaries/:id
PATCH, DELETE /sessions/:id/vessel/documents/:id
POST /sessions/:id/recall
GET, PATCH, DELETE /auth/me
GET /auth/me/export
POST, DELETE /auth/push-token
GET /auth/ably-token
GET /notifications/unread
POST /notifications/read
GET, POST /admin/library
PATCH, DELETE /admin/library/:id
POST /auth/link
GET /auth/identities
GET, DELETE /auth/identities/:id
GET, POST /auth/contacts
PATCH, DELETE /auth/contacts/:id
GET /admin/users
GET /admin/users/:id
PATCH /admin/users/:id/role
GET /practice/scenarios
GET /practice/scenarios/:id
GET, POST /practice/sessions
GET /practice/sessions/:id
GET, POST /practice/sessions/:id/messages
POST /practice/sessions/:id/complete
GET, POST /practice/invitations
GET, DELETE /practice/invitations/:id
POST /practice/invitations/validate
POST /practice/invitations/claim
GET /practice/sessions/:id/export
POST /admin/scenarios
PATCH /admin/scenarios/:id
GET, POST /admin/presets
PATCH, DELETE /admin/presets/:id
POST /telemetry
GET /admin/telemetry/summary /events /series /top-scenarios
"""
"""All of spec 5.3, and of spec 08."""
BY_WEBSOCKET = {"practice.retry", "note.add", "note.list", "note.delete"}
"""Commands for which spec 08 has no request."""


def written() -> set[tuple[str, str]]:
    found = set()
    for line in SPEC.strip().splitlines():
        methods, _, paths = line.replace(", ", ",").partition(" ")
        first, *others = paths.split(" ")
        parent = first.rpartition("/")[0]
        for path in (first, *(parent + other for other in others)):
            found |= {(method, path) for method in methods.split(",")}
    return found


def test_every_row_of_the_spec_is_here_and_no_other() -> None:
    def plain(route: Route) -> str:
        return re.sub(r"\{(\w+)\}", lambda m: ":stage" if m[1] == "stage" else ":id", route.path)

    assert {(route.method.value, plain(route)) for route in ROUTES} == written()
    assert len(ROUTES) == len(written())


def test_every_command_has_a_row() -> None:
    assert {route.command for route in OF_COMMANDS} == set(ALL) - BY_WEBSOCKET


@pytest.mark.parametrize("route", OF_COMMANDS, ids=IDS)
def test_a_row_fits_its_command(route: Route) -> None:
    row = ALL[route.command]
    assert route.in_session == (not row.sessionless)
    hints = get_type_hints(row.data)
    kinds = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(row.data)}
    given = {**route.path_fields, **route.query}
    for field in given.values():
        kind = kinds[field.name]
        assert TYPES[field.kind] in (kind, *get_args(kind)) or field.kind is Kind.TEXT
    named = {field.name for field in given.values()}
    assert len(named) == len(given)
    if not route.body:
        assert named == set(kinds), "a field that nothing can give"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_row_is_whole(route: Route) -> None:
    placeholders = set(re.findall(r"\{(\w+)\}", route.path)) - {"sessionId"}
    assert placeholders == set(route.path_fields)
    assert not (route.body and route.method == "GET")
    assert not route.query or route.method == "GET"
    path = PREFIX + re.sub(r"\{\w+\}", "1", route.path)
    assert route.method.value in allowed_at(path)
