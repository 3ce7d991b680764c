"""The shapes of spec 5.4 as the caller sees them. Times are aware datetimes in UTC.

Words such as statuses and categories stay strings: a hub that learns a new one must not break an
app that does not know it yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec


class Shape(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base: camelCase on the wire, snake_case here; unknown fields are ignored."""


class Person(Shape, frozen=True, kw_only=True):
    """Somebody by name; `id` is None until they joined."""

    id: str | None = None
    name: str | None = None


class PartnerProgress(Shape, frozen=True, kw_only=True):
    """All that is told of the partner's way: the stage (0-4) and its status."""

    stage: int
    status: str


class StageProgress(Shape, frozen=True, kw_only=True):
    """The caller's own stage with its gates."""

    stage: int
    status: str
    started_at: datetime | None = None
    completed_at: datetime | None = None
    gates: Mapping[str, bool] = {}
    can_advance: bool = False


class SessionSummary(Shape, frozen=True, kw_only=True):
    """One session in a list."""

    id: str
    relationship_id: str | None = None
    status: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
    partner: Person | None = None
    my_progress: StageProgress | None = None
    partner_progress: PartnerProgress | None = None
    is_my_turn: bool = False
    waiting_on_partner: bool = False


class RelationshipInfo(Shape, frozen=True, kw_only=True):
    """The relationship that a session belongs to."""

    id: str
    created_at: datetime | None = None
    session_count: int = 0


class GateInfo(Shape, frozen=True, kw_only=True):
    """A gate in words."""

    id: str
    description: str = ""
    satisfied: bool = False
    required_for_advance: bool = True


class SessionDetail(SessionSummary, frozen=True, kw_only=True):
    """One session in full."""

    relationship: RelationshipInfo | None = None
    current_gates: Sequence[GateInfo] = ()
    resolved_at: datetime | None = None
    outcome: str | None = None


class Invitation(Shape, frozen=True, kw_only=True):
    """An invitation; the public preview leaves the ids out."""

    id: str | None = None
    session_id: str | None = None
    invited_by: Person | None = None
    status: str
    created_at: datetime | None = None
    expires_at: datetime | None = None


class EmotionalReading(Shape, frozen=True, kw_only=True):
    """How strong it is right now, 1 to 10."""

    id: str
    intensity: int
    context: str | None = None
    stage: int | None = None
    timestamp: datetime | None = None


class Message(Shape, frozen=True, kw_only=True):
    """One message of the own thread; `sender_id` None means the facilitator."""

    id: str
    session_id: str | None = None
    sender_id: str | None = None
    role: str
    content: str
    stage: int
    timestamp: datetime | None = None
    emotional_reading: EmotionalReading | None = None


class VesselEvent(Shape, frozen=True, kw_only=True):
    """Something that happened, in the user's own words; private."""

    id: str
    description: str
    attributed_to: str
    emotions: Sequence[str] = ()
    timestamp: datetime | None = None


class Boundary(Shape, frozen=True, kw_only=True):
    """A line that the user draws; private until shared."""

    id: str
    description: str
    non_negotiable: bool = False


class Document(Shape, frozen=True, kw_only=True):
    """A longer private text."""

    id: str
    title: str
    content: str
    type: str


class EmpathyDraft(Shape, frozen=True, kw_only=True):
    """What I believe you feel, not shared yet."""

    id: str
    content: str
    version: int
    ready_to_share: bool = False
    updated_at: datetime | None = None


class EmpathyAttempt(Shape, frozen=True, kw_only=True):
    """What I believe you feel, shared; its text never changes."""

    id: str
    source_user_id: str | None = None
    content: str
    shared_at: datetime | None = None
    consent_record_id: str | None = None


class IdentifiedNeed(Shape, frozen=True, kw_only=True):
    """A need, found in the user's own words or added by them. `confirmed` None: not answered."""

    id: str
    need: str
    category: str
    description: str
    evidence: Sequence[str] = ()
    confirmed: bool | None = None
    ai_confidence: float | None = None


class Clarification(Shape, frozen=True, kw_only=True):
    """A need that is not sure enough to be presented, as a question."""

    id: str | None = None
    potential_need: str | None = None
    question: str
    evidence_so_far: str | Sequence[str] | None = None


class CommonGround(Shape, frozen=True, kw_only=True):
    """A need that both have."""

    id: str
    need: str
    category: str
    description: str
    confirmed_by_me: bool = False
    confirmed_by_partner: bool = False
    confirmed_at: datetime | None = None


class Strategy(Shape, frozen=True, kw_only=True):
    """Something to try; nothing tells whose idea it was."""

    id: str
    description: str
    needs_addressed: Sequence[str] = ()
    duration: str | None = None
    measure_of_success: str | None = None


class Agreement(Shape, frozen=True, kw_only=True):
    """What the two will try."""

    id: str
    description: str
    type: str
    duration: str | None = None
    measure_of_success: str | None = None
    status: str
    agreed_by_me: bool = False
    agreed_by_partner: bool = False
    agreed_at: datetime | None = None
    follow_up_date: datetime | None = None
    stale_input: bool = False


class ConsentRequest(Shape, frozen=True, kw_only=True):
    """The question whether something may cross, with the text that would."""

    id: str
    content_type: str
    content_description: str | None = None
    transformed_preview: str | None = None
    original_content_id: str | None = None
    original_content_summary: str | None = None


class ConsentRecord(Shape, frozen=True, kw_only=True):
    """A decision about sharing; `decision` None while it is open."""

    id: str
    content_type: str
    decision: str | None = None
    decided_at: datetime | None = None
    revoked_at: datetime | None = None
    content_description: str | None = None


class ConsentedContent(Shape, frozen=True, kw_only=True):
    """A text that its author let cross."""

    id: str
    source_user_id: str | None = None
    transformed_content: str
    consented_at: datetime | None = None
    consent_active: bool = True


class Moment(Shape, frozen=True, kw_only=True):
    """A similar moment of one's own."""

    id: str
    type: str
    text: str
    stage: int | None = None
    timestamp: datetime | None = None
    similarity: float = 0.0


class Trend(Shape, frozen=True, kw_only=True):
    """Direction of the readings: INCREASING, STABLE or DECREASING."""

    direction: str
    change_from_start: float | None = None


class Notification(Shape, frozen=True, kw_only=True):
    """That something happened; what it was is read where it happened."""

    id: str
    session_id: str | None = None
    type: str
    created_at: datetime
    read_at: datetime | None = None


class User(Shape, frozen=True, kw_only=True):
    """The own account."""

    id: str
    name: str | None = None
    avatar_url: str | None = None
    role: str
    created_at: datetime
    email: str | None = None
    active_sessions: int
    push_notifications_enabled: bool


class LibraryItem(Shape, frozen=True, kw_only=True):
    """An experiment of the library."""

    id: str
    title: str
    description: str
    category: str
    source: str
    is_active: bool
    contributed_by: str | None = None
    contribution_consent: str | None = None
    created_at: datetime
    updated_at: datetime | None = None
