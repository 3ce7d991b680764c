"""What a row of the table of requests is, and how one is written."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

PREFIX = "/api/v1"
SESSION = "sessionId"
"""The placeholder that is the session of the command."""


class Method(StrEnum):
    """Of HTTP."""

    GET = "GET"
    POST = "POST"
    PATCH = "PATCH"
    DELETE = "DELETE"


class Kind(StrEnum):
    """What the text of a path or a query becomes before it is validated."""

    TEXT = "text"
    NUMBER = "whole number"
    FLAG = "true or false"


class Answer(StrEnum):
    """How the reply reaches the client."""

    REPLY = "the command's reply, in the envelope"
    AI_REPLY = "the command's reply with the facilitator's answer, which is waited for"
    WELCOME = "the command's reply, with a token for whoever came without one"
    STREAM = "server-sent events: user_message, chunk, complete, error"
    LINES = "JSON Lines, made by no command"


class Field(msgspec.Struct, frozen=True):
    """A field of the command's data that the path or the query string gives."""

    name: str
    """In the data, camelCase."""
    kind: Kind = Kind.TEXT


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a request and its command."""

    method: Method
    path: str
    """Under `PREFIX`, with ``{placeholders}``."""
    command: str
    """Name of the command; of `Answer.LINES` the name of what is read."""
    path_fields: Mapping[str, Field] = MappingProxyType({})
    """Placeholder → field, of all but ``{sessionId}``."""
    query: Mapping[str, Field] = MappingProxyType({})
    """Parameter → field; any other parameter is refused."""
    body: bool = False
    """A JSON object may come; its members are the other fields. Empty counts as ``{}``."""
    answer: Answer = Answer.REPLY
    public: bool = False
    """No token needed; counted per address."""
    open: bool = False
    """A token counts where there is one; else as `public`."""
    role: str | None = None
    """Only users of this role; the command itself refuses others."""
    status: int = 200
    """Of a success."""

    @property
    def in_session(self) -> bool:
        """The path names a session."""
        return f"{{{SESSION}}}" in self.path


def fields(*names: str, **kinds: Kind) -> Mapping[str, Field]:
    """Placeholders or parameters that are called as their fields are."""
    found = {name: Field(name) for name in names}
    return {**found, **{name: Field(name, kind) for name, kind in kinds.items()}}


NUMBER, FLAG = Kind.NUMBER, Kind.FLAG
PAGE = fields("cursor", limit=NUMBER)
NONE: Mapping[str, Field] = {}
ADMIN = "ADMIN"


def get(
    path: str,
    command: str,
    query: Mapping[str, Field] = NONE,
    path_fields: Mapping[str, Field] = NONE,
    *,
    public: bool = False,
    role: str | None = None,
) -> Route:
    """A row that reads."""
    return Route(
        method=Method.GET, path=path, command=command, query=query, path_fields=path_fields,
        public=public, role=role,
    )  # fmt: skip


def post(path: str, command: str, path_fields: Mapping[str, Field] = NONE) -> Route:
    """A row with a body."""
    return Route(method=Method.POST, path=path, command=command, path_fields=path_fields, body=True)
