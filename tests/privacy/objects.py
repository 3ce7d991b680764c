"""Which field of a command names an object, and who may name it: what the matrix is made from.

A command or a field that is not known here fails the matrix, so that nobody adds one unproven.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from beheard_hub.domain.validation import (
    Check,
    Data,
    Flag,
    Flat,
    Id,
    Items,
    Link,
    Number,
    OneOf,
    Slug,
    Text,
    When,
    _fields,
)
from tests.privacy.player import ALL

NOWHERE = "0190ffff-ffff-7fff-bfff-ffffffffffff"
"""An id that looks like all others, of nothing."""
HERE = "the place of the id"


class Named(msgspec.Struct, frozen=True):
    """What stands in a field."""

    kind: str
    partner_may: bool = False
    """It belongs to both of a session, or the partner is the one to name it."""
    own_may: bool = True


FIELDS: Mapping[str, Named] = {
    "eventId": Named("event"),
    "boundaryId": Named("boundary"),
    "documentId": Named("document"),
    "draftId": Named("draft"),
    "attemptId": Named("attempt", partner_may=True, own_may=False),
    "needId": Named("need"),
    "needIds": Named("need"),
    "commonGroundId": Named("common_ground", partner_may=True),
    "strategyId": Named("strategy", partner_may=True),
    "rankedIds": Named("strategy", partner_may=True),
    "agreementId": Named("agreement", partner_may=True),
    "consentRequestId": Named("consent"),
    "consentRecordId": Named("consent"),
    "personId": Named("person", partner_may=True),
    "notificationIds": Named("notification"),
    "itemId": Named("library"),
    "contributedBy": Named("person", own_may=False),
    "identityId": Named("identity"),
    "contactId": Named("contact"),
    "userId": Named("person", partner_may=True),
}
"""Field → what it names. `ORIGINALS` and `LINKS` hold the others."""

ORIGINALS: Mapping[str, str] = {
    "EVENT_SUMMARY": "event",
    "EMOTIONAL_PATTERN": "reading",
    "BOUNDARY": "boundary",
    "IDENTIFIED_NEED": "need",
    "EMPATHY_ATTEMPT": "draft",
    "STRATEGY_PROPOSAL": "strategy",
    "EMPATHY_DRAFT": "draft",
}
"""``contentType`` → what ``originalContentId`` names."""

LINKS: Mapping[str, bool] = {
    "invitation.get": True,
    "invitation.accept": True,
    "invitation.decline": True,
    "invitation.resend": False,
}
"""Commands about an invitation → whether whoever holds the link may give it (spec 2.3)."""

OF_ONESELF = frozenset(
    {
        *("session.list", "profile.get", "profile.update", "push_token.set", "push_token.clear"),
        *("ably_token.get", "notifications.unread", "account.erase", "account.export"),
        *("identity.link", "identity.list", "contact.list", "contact.add"),
    }
)
"""Commands without a session that name no object: the caller's own affairs."""

ADMIN_ONLY = frozenset(
    {
        *("library.list", "library.add", "library.edit", "library.remove"),
        *("user.list", "user.get", "user.give_role"),
    }
)
"""Others get the same answer, whatever they name."""


class Case(msgspec.Struct, frozen=True):
    """A command with one place for an id."""

    command: str
    named: Named
    data: Any
    label: str

    def about(self, *ids: str) -> dict[str, Any]:
        """The data with these ids in the place; one id unless the place is a list."""
        filled: dict[str, Any] = _filled(self.data, ids)
        return filled

    @property
    def several(self) -> bool:
        """Whether the place is in a list."""
        return _in_a_list(self.data)


def cases(command: str) -> Iterator[Case]:
    """Every way in which this command names an object."""
    fields = [name for name, check in places(ALL[command].data) if isinstance(check, Id)]
    for field in fields:
        if field == "invitationId":
            if not LINKS[command]:  # the partner accepted it, and may know why it is refused
                named = Named("invitation", partner_may=True)
                yield Case(command, named, sample(command, field), command)
        elif field == "originalContentId":
            for content_type, kind in ORIGINALS.items():
                data = {"contentType": content_type, field: HERE}
                yield Case(command, Named(kind), data, f"{command} {content_type}")
        else:
            yield Case(command, FIELDS[field], sample(command, field), command)


def names_objects(command: str) -> bool:
    """Whether an id is in its data."""
    return any(isinstance(check, Id) for _, check in places(ALL[command].data))


def places(kind: type[Data]) -> Iterator[tuple[str, Check]]:
    """Field and check of everything in such data, however deep."""
    for _, name, _, check in _fields(kind):
        inner = check.each if isinstance(check, Items) else check
        if isinstance(inner, type):
            yield from places(inner)
        else:
            yield name, inner


def sample(command: str, field: str | None = None) -> dict[str, Any]:
    """Valid data of this command; `field` is there and holds `HERE`."""
    return sample_of(ALL[command].data, field)


def sample_of(kind: type[Data], field: str | None = None) -> dict[str, Any]:
    """Valid data of this sort; `field` is there and holds `HERE`."""
    chosen = field if field in kind.one_of else next(iter(kind.one_of), None)
    return {
        name: value
        for _, name, _, check in _fields(kind)
        if name not in kind.one_of or name == chosen
        if (value := _value(check, name, field)) is not None
    }


def _value(check: Check, name: str, field: str | None) -> Any:
    match check:
        case Id():
            return HERE if name == field else NOWHERE
        case Text():
            return "A few words"
        case Number(least):
            return max(least, 1)
        case Flag(only):
            return only is not False
        case Link():
            return "https://example.org/picture"
        case OneOf(names):
            return names[0]
        case Items(each) if isinstance(each, type):
            return [sample_of(each, field)]
        case Items(each):
            return [_value(each, name, field)]
        case Slug():
            return "a-few-words"
        case When() | Flat():
            return None
    raise AssertionError(f"{name}: no value is known for {type(check).__name__}")


def _filled(data: Any, ids: tuple[str, ...]) -> Any:
    if isinstance(data, dict):
        return {name: _filled(value, ids) for name, value in data.items()}
    if isinstance(data, list):
        return [_filled(item, (key,)) for item in data for key in ids]
    return ids[0] if data == HERE else data


def _in_a_list(data: Any) -> bool:
    if isinstance(data, dict):
        return any(_in_a_list(value) for value in data.values())
    return isinstance(data, list) and HERE in str(data)
