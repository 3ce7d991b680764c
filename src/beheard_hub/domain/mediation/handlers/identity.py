"""The caller's own identities and contacts. Texts go through in rows and never into a state.

A proof is looked at, and an identity linked or taken away, in one transaction of the database: it
alone knows whose an identity is (`hub.link_identity`). Here its outcome becomes an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from beheard_hub.domain.kernel import (
    Command,
    Decision,
    Delete,
    Ids,
    Insert,
    Json,
    Read,
    Ref,
    Reply,
    Row,
    Update,
    Work,
    Worked,
)
from beheard_hub.domain.limits import CONTACTS_MAX
from beheard_hub.domain.mediation import identity as i
from beheard_hub.domain.mediation.directory_state import Directory, Handler, WorkedHandler
from beheard_hub.domain.mediation.views import Viewer, shape
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.validation import refused

LINK = "identity.link"
"""Work: {provider, idToken, nonce} → {outcome, userId (who the caller is now), user (their row),
sessions (the guest's practices, where they were merged)}."""
UNLINK = "identity.unlink"
"""Work: {identityId} → {outcome}."""
FIND = "contact.find"
"""Work: {} → {contacts: [{id, type, value, verified, primary}]} of the caller."""
MERGED = "MERGED"

UNPROVEN: Mapping[str, str] = {
    "idToken": "a token of this provider, for this app, still good, with a verified e-mail"
}
LINKED: Mapping[str, Refusal | None] = {
    "LINKED": None,
    "UNCHANGED": None,
    MERGED: None,
    "UNPROVEN": refused(UNPROVEN),
    "NO_APP": refused({"provider": "one whose tokens this hub can check"}),
    "HAS_IDENTITY": Refusal(Code.CONFLICT, details={"identity": "it is another user's"}),
    "IN_MEDIATION": Refusal(Code.CONFLICT, details={"identity": "it is another user's"}),
    "LEAVING": Refusal(Code.CONFLICT, details={"identity": "it is another user's"}),
    "UNKNOWN": Refusal(Code.UNAUTHORIZED),
}
"""Outcome of a link → the refusal, or None where the identity is the caller's now. A wrong token
is told in one sentence, whatever is wrong with it."""
UNLINKED: Mapping[str, Refusal | None] = {
    "DONE": None,
    "UNKNOWN": Refusal(Code.NOT_FOUND),
    "LAST": Refusal(Code.CONFLICT, details={"identityId": "the last one stays"}),
}

Contacts = Sequence[Mapping[str, Any]]


# ---- identities


def _link(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """identity.link"""
    data: i.IdentityLink = command.data
    args = {"provider": data.provider, "idToken": data.id_token, "nonce": data.nonce}
    return Decision(directory, Work(LINK, args))


def _linked(directory: Directory, worked: Worked, now: datetime, ids: Ids) -> Decision[Directory]:
    """identity.link: a guest who was merged is the other user from this answer on."""
    found = worked.result
    refusal = LINKED[found["outcome"]]
    if refusal is not None:
        return Decision(directory, refusal)
    merged, who = found["outcome"] == MERGED, found["userId"]
    moved = [f"merged:{directory.user_id}:{who}:{','.join(found['sessions'])}"] if merged else []
    user = shape("user", found["user"], Viewer(who, "A"))
    return Decision(directory, Reply({"user": user, "merged": merged}), effects=moved)


def _identities(
    directory: Directory, command: Command, now: datetime, ids: Ids
) -> Decision[Directory]:
    """identity.list"""
    return Decision(directory, Read("identity.list"))


def _identity(
    directory: Directory, command: Command, now: datetime, ids: Ids
) -> Decision[Directory]:
    """identity.get"""
    data: i.IdentityNamed = command.data
    return Decision(directory, Read("identity.get", {"ids": [data.identity_id]}))


def _unlink(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """identity.unlink"""
    data: i.IdentityNamed = command.data
    return Decision(directory, Work(UNLINK, {"identityId": data.identity_id}))


def _unlinked(directory: Directory, worked: Worked, now: datetime, ids: Ids) -> Decision[Directory]:
    """identity.unlink: the last one stays."""
    refusal = UNLINKED[worked.result["outcome"]]
    return Decision(directory, refusal or Reply({"removed": True}))


# ---- contacts


def _contacts(
    directory: Directory, command: Command, now: datetime, ids: Ids
) -> Decision[Directory]:
    """contact.list"""
    return Decision(directory, Read("contact.list"))


def _find(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """contact.add, .edit, .remove: which contacts are there?"""
    return Decision(directory, Work(FIND))


def _added(directory: Directory, worked: Worked, now: datetime, ids: Ids) -> Decision[Directory]:
    """contact.add: nobody has verified it, and it is not the first one."""
    data: i.ContactAdd = worked.command.data
    contacts: Contacts = worked.result["contacts"]
    value = i.contact_value(data.type, data.value)
    if value is None:
        return Decision(directory, _no_such(data.type))
    if len(contacts) >= CONTACTS_MAX or _has(contacts, data.type, value):
        return Decision(directory, Refusal(Code.CONFLICT))
    row: dict[str, Json] = {
        "id": ids.ordered(),
        "userId": directory.user_id,
        "type": data.type,
        "value": value,
        "verified": False,
        "primary": False,
        "createdAt": now,
    }
    return _kept(directory, row["id"], [Insert("ContactMethod", row)])


def _edited(directory: Directory, worked: Worked, now: datetime, ids: Ids) -> Decision[Directory]:
    """contact.edit"""
    data: i.ContactEdit = worked.command.data
    contacts: Contacts = worked.result["contacts"]
    contact = _of(contacts, data.contact_id)
    if contact is None:
        return Decision(directory, Refusal(Code.NOT_FOUND))
    if data.value is None:
        return _kept(directory, data.contact_id, _first(directory, contacts, contact))
    value = i.contact_value(contact["type"], data.value)
    if value is None:
        return Decision(directory, _no_such(contact["type"]))
    if value == contact["value"].lower():
        return _kept(directory, data.contact_id, [])
    if _has(contacts, contact["type"], value):
        return Decision(directory, Refusal(Code.CONFLICT))
    changed = Update("ContactMethod", {"id": data.contact_id}, {"value": value, "verified": False})
    return _kept(directory, data.contact_id, [changed, *_no_address(directory, contact)])


def _removed(directory: Directory, worked: Worked, now: datetime, ids: Ids) -> Decision[Directory]:
    """contact.remove"""
    data: i.ContactNamed = worked.command.data
    contact = _of(worked.result["contacts"], data.contact_id)
    if contact is None:
        return Decision(directory, Refusal(Code.NOT_FOUND))
    gone = Delete("ContactMethod", {"id": data.contact_id})
    rows = [gone, *_no_address(directory, contact)]
    return Decision(directory, Reply({"removed": True}), rows)


def _first(directory: Directory, contacts: Contacts, contact: Mapping[str, Any]) -> list[Row]:
    """Makes it the first of its type. The one that was loses its place in an operation of its own,
    before: two at a time the database does not take."""
    if contact["primary"]:
        return []
    rows: list[Row] = [
        Update("ContactMethod", {"id": one["id"]}, {"primary": False})
        for one in contacts
        if one["primary"] and one["type"] == contact["type"]
    ]
    values = {"primary": True, "verified": contact["verified"]}
    rows.append(Update("ContactMethod", {"id": contact["id"]}, values))
    if contact["type"] == i.EMAIL:
        address = contact["value"].lower() if contact["verified"] else None
        rows.append(_address(directory, address))
    return rows


def _no_address(directory: Directory, contact: Mapping[str, Any]) -> list[Row]:
    """The profile's address is the first verified e-mail (spec 3.1): it goes with it."""
    was = contact["type"] == i.EMAIL and contact["primary"] and contact["verified"]
    return [_address(directory, None)] if was else []


def _address(directory: Directory, value: str | None) -> Update:
    return Update("User", {"id": directory.user_id}, {"email": value})


def _kept(directory: Directory, contact_id: str, rows: Sequence[Row]) -> Decision[Directory]:
    return Decision(directory, Reply({"contact": Ref("contact", contact_id)}), rows)


def _no_such(type_: str) -> Refusal:
    wanted = "an e-mail address" if type_ == i.EMAIL else "a telephone number"
    return refused({"value": wanted})


def _of(contacts: Contacts, contact_id: str) -> Mapping[str, Any] | None:
    return next((one for one in contacts if one["id"] == contact_id), None)


def _has(contacts: Contacts, type_: str, value: str) -> bool:
    return any(one["type"] == type_ and one["value"].lower() == value for one in contacts)


IDENTITY: Mapping[str, Handler] = {
    "identity.link": _link,
    "identity.list": _identities,
    "identity.get": _identity,
    "identity.unlink": _unlink,
    "contact.list": _contacts,
    "contact.add": _find,
    "contact.edit": _find,
    "contact.remove": _find,
}
IDENTITY_WORKED: Mapping[str, WorkedHandler] = {
    "identity.link": _linked,
    "identity.unlink": _unlinked,
    "contact.add": _added,
    "contact.edit": _edited,
    "contact.remove": _removed,
}
