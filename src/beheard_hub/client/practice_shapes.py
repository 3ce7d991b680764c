"""Practices as the caller sees them (spec 08), and what their commands answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from beheard_hub.client.replies import Page
from beheard_hub.client.shapes import Shape, User


class Scenario(Shape, frozen=True, kw_only=True):
    """What can be practised; `partner_persona` is what one is told of the partner."""

    id: int
    name: str
    description: str
    slug: str
    partner_persona: str


class Quota(Shape, frozen=True, kw_only=True):
    """What may still be used, in tokens; `state` is ok, warning or exhausted."""

    remaining: int
    total: int
    state: str


class Practice(Shape, frozen=True, kw_only=True):
    """One practice. `observed` True: staff may watch it, and the participant is to be told so."""

    id: str
    scenario_id: int
    invitation_id: str | None = None
    status: str
    started_at: datetime
    ended_at: datetime | None = None
    duration_seconds: int | None = None
    total_messages: int
    observed: bool = False


class Said(Shape, frozen=True, kw_only=True):
    """What somebody said in a practice: `role` user, partner or coach. `client_id` of an own
    message is the id of its command."""

    id: str
    session_id: str
    role: str
    content: str
    timestamp: datetime
    audio_url: str | None = None
    client_id: str | None = None


class SaidPage(Page, frozen=True, kw_only=True):
    """Newest first."""

    messages: Sequence[Said]


class Exchange(Shape, frozen=True, kw_only=True):
    """An exchange that is not complete; `failed` waits for a retry, or for the next message."""

    message_id: str
    lane: str
    failed: bool


class PracticeState(Shape, frozen=True, kw_only=True):
    """The state of a practice's snapshot: read it with ``msgspec.convert``. Who observes finds the
    newest page of what was said in `transcript`."""

    session: Practice
    quota: Quota
    exchange: Exchange | None = None
    transcript: SaidPage | None = None


class Note(Shape, frozen=True, kw_only=True):
    """A researcher's note."""

    id: str
    invitation_id: str
    session_id: str | None = None
    researcher_id: str
    content: str
    timestamp: datetime


class PracticeInvitation(Shape, frozen=True, kw_only=True):
    """An invitation as staff see it. `link` and `qr_code` (SVG) come once, with its making."""

    id: str
    label: str | None = None
    status: str
    scenario_id: int | None = None
    observed: bool
    quota: Mapping[str, Any]
    usage: Mapping[str, int]
    expires_at: datetime
    revoked_at: datetime | None = None
    claimed_at: datetime | None = None
    session_id: str | None = None
    link: str | None = None
    qr_code: str | None = None


class Preset(Shape, frozen=True, kw_only=True):
    """A quota that an invitation, or a practice without one, may be given."""

    id: str
    name: str
    label: str
    description: str | None = None
    tokens: int
    is_default: bool
    sort_order: int


# ---- replies


class ScenarioPage(Page, frozen=True, kw_only=True):
    scenarios: Sequence[Scenario]


class ScenarioShown(Shape, frozen=True, kw_only=True):
    scenario: Scenario


class PracticeEntered(Shape, frozen=True, kw_only=True):
    session: Practice


class PracticePage(Page, frozen=True, kw_only=True):
    sessions: Sequence[Practice]


class PracticeShown(Shape, frozen=True, kw_only=True):
    session: Practice
    quota: Quota


class SaidSent(Shape, frozen=True, kw_only=True):
    user_message: Said


class NoteKept(Shape, frozen=True, kw_only=True):
    note: Note


class NotePage(Page, frozen=True, kw_only=True):
    notes: Sequence[Note]


class Invited(Shape, frozen=True, kw_only=True):
    invitation: PracticeInvitation


class InvitedPage(Page, frozen=True, kw_only=True):
    invitations: Sequence[PracticeInvitation]


class InvitedShown(Shape, frozen=True, kw_only=True):
    """With its practice, its newest notes, and what each lane has used."""

    invitation: PracticeInvitation
    sessions: Sequence[Practice]
    notes: Sequence[Note]
    usage: Sequence[Mapping[str, Any]]


class InvitedRevoked(Shape, frozen=True, kw_only=True):
    revoked: bool


class InvitedOffered(Shape, frozen=True, kw_only=True):
    invitation: Mapping[str, Any]


class Claimed(Shape, frozen=True, kw_only=True):
    session_id: str
    user: User


class PresetsShown(Shape, frozen=True, kw_only=True):
    presets: Sequence[Preset]


class PresetKept(Shape, frozen=True, kw_only=True):
    preset: Preset
