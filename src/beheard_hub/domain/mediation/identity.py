"""Who somebody is, and who may do what: one struct per command (spec 08, "Progressive identity").

Identities and contacts are the caller's own; users are listed and given roles by administrators.
Handlers are in `handlers/identity.py` and `handlers/people.py`.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal

from beheard_hub.domain.limits import (
    CONTACT_CHARS_MAX,
    ID_TOKEN_CHARS_MAX,
    NONCE_CHARS_MAX,
    SEARCH_CHARS_MAX,
)
from beheard_hub.domain.validation import Data, Flag, Id, Number, Text

Provider = Literal["google", "apple", "github"]
Role = Literal["GUEST", "USER", "STAFF", "ADMIN"]
GivenRole = Literal["USER", "STAFF", "ADMIN"]
"""Roles that an administrator gives: who has no identity is a GUEST, and nobody else is one."""
ContactType = Literal["email", "phone"]
EMAIL: Final = "email"

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PHONE = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){4,14}")
_NO_DIGIT = re.compile(r"[^\d+]")


class IdentityLink(Data, frozen=True, kw_only=True):
    """identity.link"""

    provider: Provider
    id_token: Annotated[str, Text(ID_TOKEN_CHARS_MAX)]
    nonce: Annotated[str | None, Text(NONCE_CHARS_MAX)] = None
    """What the app asked the provider to put into the token, where it did."""

    def __repr__(self) -> str:
        return f"IdentityLink({self.provider})"


class IdentityNamed(Data, frozen=True, kw_only=True):
    """identity.get, identity.unlink"""

    identity_id: Annotated[str, Id()]


class ContactAdd(Data, frozen=True, kw_only=True):
    """contact.add"""

    type: ContactType
    value: Annotated[str, Text(CONTACT_CHARS_MAX)]


class ContactEdit(Data, frozen=True, kw_only=True):
    """contact.edit: another value, which nobody has verified, or the first one of its type"""

    one_of: ClassVar[tuple[str, ...]] = ("value", "primary")
    contact_id: Annotated[str, Id()]
    value: Annotated[str | None, Text(CONTACT_CHARS_MAX)] = None
    primary: Annotated[bool | None, Flag(only=True)] = None


class ContactNamed(Data, frozen=True, kw_only=True):
    """contact.remove"""

    contact_id: Annotated[str, Id()]


class UserList(Data, frozen=True, kw_only=True):
    """user.list: newest first; `search` is a part of a name or an e-mail"""

    cursor: Annotated[str | None, Text(400)] = None
    limit: Annotated[int, Number(1, 100)] = 50
    role: Role | None = None
    search: Annotated[str | None, Text(SEARCH_CHARS_MAX)] = None


class UserNamed(Data, frozen=True, kw_only=True):
    """user.get"""

    user_id: Annotated[str, Id()]


class UserGiveRole(Data, frozen=True, kw_only=True):
    """user.give_role"""

    user_id: Annotated[str, Id()]
    role: GivenRole


def contact_value(type_: str, written: str) -> str | None:
    """A contact as it is kept, so that the same one is the same text: e-mails in lower case, phone
    numbers as digits; None for what is neither."""
    if type_ == EMAIL:
        return written.lower() if _EMAIL.fullmatch(written) else None
    return _NO_DIGIT.sub("", written) if _PHONE.fullmatch(written) else None
