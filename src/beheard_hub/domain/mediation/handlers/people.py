"""user.*: users and their roles, for administrators. A role is changed by the database alone, which
holds the last administrator however many ask at once (`hub.give_role`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from beheard_hub.domain.kernel import Command, Decision, Ids, Read, Ref, Reply, Work, Worked
from beheard_hub.domain.mediation import identity as i
from beheard_hub.domain.mediation.directory_state import Directory, Handler, WorkedHandler
from beheard_hub.domain.mediation.handlers.administration import for_admins, still_admin
from beheard_hub.domain.paging import page_args
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.validation import refused

GIVE_ROLE = "user.give_role"
"""Work: {userId, role} → {outcome}."""

GIVEN: Mapping[str, Refusal | None] = {
    "CHANGED": None,
    "UNCHANGED": None,
    "FORBIDDEN": Refusal(Code.FORBIDDEN),
    "OWN": Refusal(Code.FORBIDDEN, details={"userId": "nobody changes the own role"}),
    "UNKNOWN": Refusal(Code.NOT_FOUND),
    "GUEST": Refusal(Code.CONFLICT, details={"userId": "a user who has an identity"}),
}
"""Outcome of `hub.give_role` → the refusal, or None where the role is what was asked for."""


def _list(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """user.list"""
    data: i.UserList = command.data
    page = page_args(data.cursor, data.limit)
    if page is None:
        return Decision(directory, refused({"cursor": "a cursor of this list"}))
    return Decision(directory, Read("user.list", {**page, "role": data.role, "text": data.search}))


def _get(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """user.get"""
    data: i.UserNamed = command.data
    return Decision(directory, Read("user.get", {"ids": [data.user_id]}))


def _give(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """user.give_role"""
    data: i.UserGiveRole = command.data
    return Decision(directory, Work(GIVE_ROLE, {"userId": data.user_id, "role": data.role}))


def _given(directory: Directory, worked: Worked, now: datetime, ids: Ids) -> Decision[Directory]:
    """user.give_role: the next command is asked by the new role, and so is what they watch."""
    data: i.UserGiveRole = worked.command.data
    refusal = GIVEN[worked.result["outcome"]]
    if refusal is not None:
        return Decision(directory, refusal)
    reply = Reply({"user": Ref("person", data.user_id)})
    return Decision(directory, reply, effects=[f"role:{data.user_id}"])


PEOPLE: Mapping[str, Handler] = {
    "user.list": for_admins(_list),
    "user.get": for_admins(_get),
    "user.give_role": for_admins(_give),
}
PEOPLE_WORKED: Mapping[str, WorkedHandler] = {"user.give_role": still_admin(_given)}
