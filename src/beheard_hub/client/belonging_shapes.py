"""Identities, contacts and users as the caller sees them, and what their commands answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from beheard_hub.client.replies import Page
from beheard_hub.client.shapes import Shape, User


class Identity(Shape, frozen=True, kw_only=True):
    """By whom one is known; `email` is of that time, verified."""

    id: str
    provider: str
    email: str | None = None
    created_at: datetime


class Contact(Shape, frozen=True, kw_only=True):
    """Where one can be reached: `type` email or phone."""

    id: str
    type: str
    value: str
    verified: bool
    primary: bool
    created_at: datetime


class KnownUser(Shape, frozen=True, kw_only=True):
    """A user as administrators see them."""

    id: str
    name: str | None = None
    email: str | None = None
    role: str
    created_at: datetime
    last_login_at: datetime | None = None


# ---- replies


class IdentityLinked(Shape, frozen=True, kw_only=True):
    """`merged`: the guest that one was is this user now."""

    user: User
    merged: bool


class IdentitiesShown(Shape, frozen=True, kw_only=True):
    identities: Sequence[Identity]


class IdentityShown(Shape, frozen=True, kw_only=True):
    identity: Identity


class Removed(Shape, frozen=True, kw_only=True):
    removed: bool


class ContactsShown(Shape, frozen=True, kw_only=True):
    contacts: Sequence[Contact]


class ContactKept(Shape, frozen=True, kw_only=True):
    contact: Contact


class UserPage(Page, frozen=True, kw_only=True):
    users: Sequence[KnownUser]


class UserShown(Shape, frozen=True, kw_only=True):
    user: KnownUser
