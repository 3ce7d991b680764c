"""What each command answers (last column of the table in spec 2.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from beheard_hub.client import shapes
from beheard_hub.client.shapes import Shape


class SessionCreated(Shape, frozen=True, kw_only=True):
    session: shapes.SessionSummary
    invitation_id: str
    invitation_url: str


class InvitationShown(Shape, frozen=True, kw_only=True):
    invitation: shapes.Invitation


class SessionEntered(Shape, frozen=True, kw_only=True):
    session: shapes.SessionSummary


class InvitationDeclined(Shape, frozen=True, kw_only=True):
    declined: bool
    declined_at: datetime | None = None


class InvitationResent(Shape, frozen=True, kw_only=True):
    sent: bool
    sent_at: datetime | None = None
    expires_at: datetime | None = None


class Page(Shape, frozen=True, kw_only=True):
    """Part of a list: pass `cursor` again while `has_more`."""

    cursor: str | None = None
    has_more: bool = False


class SessionPage(Page, frozen=True, kw_only=True):
    sessions: Sequence[shapes.SessionSummary]


class SessionShown(Shape, frozen=True, kw_only=True):
    session: shapes.SessionDetail


class SessionPaused(Shape, frozen=True, kw_only=True):
    session: shapes.SessionSummary
    paused_at: datetime | None = None


class SessionResumed(Shape, frozen=True, kw_only=True):
    session: shapes.SessionSummary
    resumed_at: datetime | None = None


class SessionResolved(Shape, frozen=True, kw_only=True):
    resolved: bool
    resolved_at: datetime | None = None
    outcome: str | None = None
    agreements: Sequence[shapes.Agreement] = ()
    follow_up_scheduled: bool = False


class Nudged(Shape, frozen=True, kw_only=True):
    nudged: bool
    next_allowed_at: datetime | None = None


class CompactSigned(Shape, frozen=True, kw_only=True):
    signed: bool
    signed_at: datetime | None = None
    partner_signed: bool = False
    can_advance: bool = False


class CompactStatus(Shape, frozen=True, kw_only=True):
    my_signed: bool
    my_signed_at: datetime | None = None
    partner_signed: bool = False
    partner_signed_at: datetime | None = None
    can_advance: bool = False


class MessageSent(Shape, frozen=True, kw_only=True):
    user_message: shapes.Message


class MessagePage(Page, frozen=True, kw_only=True):
    messages: Sequence[shapes.Message]


class Accepted(Shape, frozen=True, kw_only=True):
    accepted: bool
    accepted_at: datetime | None = None


class FeelHeard(Shape, frozen=True, kw_only=True):
    confirmed: bool
    confirmed_at: datetime | None = None
    can_advance: bool = False
    partner_completed: bool = False


class EmotionRecorded(Shape, frozen=True, kw_only=True):
    reading: shapes.EmotionalReading
    offer_support: bool = False
    support_type: str | None = None


class EmotionPage(Page, frozen=True, kw_only=True):
    readings: Sequence[shapes.EmotionalReading]
    trend: shapes.Trend | None = None
    average_intensity: float | None = None


class ExerciseLogged(Shape, frozen=True, kw_only=True):
    logged: bool
    post_exercise_check_in: bool | str | None = None


class EventKept(Shape, frozen=True, kw_only=True):
    event: shapes.VesselEvent


class EventPage(Page, frozen=True, kw_only=True):
    events: Sequence[shapes.VesselEvent]


class BoundaryKept(Shape, frozen=True, kw_only=True):
    boundary: shapes.Boundary


class BoundaryPage(Page, frozen=True, kw_only=True):
    boundaries: Sequence[shapes.Boundary]


class DocumentKept(Shape, frozen=True, kw_only=True):
    document: shapes.Document


class DocumentPage(Page, frozen=True, kw_only=True):
    documents: Sequence[shapes.Document]


class Deleted(Shape, frozen=True, kw_only=True):
    deleted: bool = True


class DraftSaved(Shape, frozen=True, kw_only=True):
    draft: shapes.EmpathyDraft
    ready_to_share: bool = False


class DraftShown(Shape, frozen=True, kw_only=True):
    draft: shapes.EmpathyDraft | None = None
    can_consent: bool = False
    already_consented: bool = False


class EmpathyConsented(Shape, frozen=True, kw_only=True):
    consented: bool
    consented_at: datetime | None = None
    waiting_for_partner: bool = False
    partner_attempt: shapes.EmpathyAttempt | None = None


class PartnerEmpathy(Shape, frozen=True, kw_only=True):
    attempt: shapes.EmpathyAttempt | None = None
    validated: bool | None = None
    validated_at: datetime | None = None
    awaiting_revision: bool = False


class EmpathyValidated(Shape, frozen=True, kw_only=True):
    validated: bool
    validated_at: datetime | None = None
    feedback_shared: bool = False
    awaiting_revision: bool = False
    can_advance: bool = False
    partner_validated: bool = False


class EmpathyFeedback(Shape, frozen=True, kw_only=True):
    feedback: str | None = None
    shared_at: datetime | None = None


class NeedsShown(Shape, frozen=True, kw_only=True):
    needs: Sequence[shapes.IdentifiedNeed]
    clarifications: Sequence[shapes.Clarification] = ()
    synthesized_at: datetime | None = None
    is_dirty: bool = False


class NeedAdded(Shape, frozen=True, kw_only=True):
    need: shapes.IdentifiedNeed


class NeedsConfirmed(Shape, frozen=True, kw_only=True):
    updated: Sequence[shapes.IdentifiedNeed] | int | bool = ()
    all_confirmed: bool = False
    can_proceed_to_common_ground: bool = False


class NeedsConsented(Shape, frozen=True, kw_only=True):
    consented: bool | Sequence[Any] = True
    shared_at: datetime | None = None
    waiting_for_partner: bool = False
    common_ground_ready: bool = False


class CommonGroundShown(Shape, frozen=True, kw_only=True):
    common_ground: Sequence[shapes.CommonGround]
    analysis_complete: bool = False
    both_confirmed: bool = False


class CommonGroundProposed(Shape, frozen=True, kw_only=True):
    common_ground: shapes.CommonGround


class CommonGroundConfirmed(Shape, frozen=True, kw_only=True):
    updated: Sequence[shapes.CommonGround] | int | bool = ()
    all_confirmed_by_me: bool = False
    all_confirmed_by_both: bool = False
    can_advance: bool = False


class StrategiesShown(Shape, frozen=True, kw_only=True):
    strategies: Sequence[shapes.Strategy]
    ai_suggestions_available: bool = False
    phase: str


class StrategyProposed(Shape, frozen=True, kw_only=True):
    strategy: shapes.Strategy
    total_strategies: int = 0


class StrategiesSuggested(Shape, frozen=True, kw_only=True):
    suggestions: Sequence[shapes.Strategy]
    source: str | None = None


class StrategiesReady(Shape, frozen=True, kw_only=True):
    ready: bool
    partner_ready: bool = False
    can_start_ranking: bool = False


class StrategiesRanked(Shape, frozen=True, kw_only=True):
    submitted: bool
    submitted_at: datetime | None = None
    partner_submitted: bool = False
    awaiting_reveal: bool = False


class StrategyOverlap(Shape, frozen=True, kw_only=True):
    overlap: Sequence[shapes.Strategy]
    phase: str | None = None


class AgreementCreated(Shape, frozen=True, kw_only=True):
    agreement: shapes.Agreement
    awaiting_partner_confirmation: bool = False


class AgreementPage(Shape, frozen=True, kw_only=True):
    agreements: Sequence[shapes.Agreement]


class AgreementAnswered(Shape, frozen=True, kw_only=True):
    agreement: shapes.Agreement
    session_can_resolve: bool = False


class ConsentRequested(Shape, frozen=True, kw_only=True):
    consent_request: shapes.ConsentRequest


class ConsentsPending(Shape, frozen=True, kw_only=True):
    pending_requests: Sequence[shapes.ConsentRequest]


class ConsentHistory(Page, frozen=True, kw_only=True):
    records: Sequence[shapes.ConsentRecord]


class SharedContent(Shape, frozen=True, kw_only=True):
    mine: Sequence[shapes.ConsentedContent]
    partner: Sequence[shapes.ConsentedContent]


class ConsentDecided(Shape, frozen=True, kw_only=True):
    recorded: bool
    consent_record: shapes.ConsentRecord
    shared_content: shapes.ConsentedContent | None = None
    warnings: Sequence[str] | None = ()


class ConsentRevoked(Shape, frozen=True, kw_only=True):
    revoked: bool
    revoked_at: datetime | None = None


class StageAdvanced(Shape, frozen=True, kw_only=True):
    """`success` False is an answer, not an error: see `blocked_reason`."""

    success: bool
    new_progress: shapes.StageProgress | None = None
    blocked_reason: str | None = None
    unsatisfied_gates: Sequence[str] | None = ()


class ProgressShown(Shape, frozen=True, kw_only=True):
    session_id: str
    my_progress: shapes.StageProgress
    partner_progress: shapes.PartnerProgress | None = None
    can_advance: bool = False
    advance_blocked_reason: str | None = None


class GatesShown(Shape, frozen=True, kw_only=True):
    stage: int
    gates: Mapping[str, Any] | Sequence[Any]


class MomentsFound(Shape, frozen=True, kw_only=True):
    moments: Sequence[shapes.Moment]


class ProfileShown(Shape, frozen=True, kw_only=True):
    user: shapes.User


class AccountErased(Shape, frozen=True, kw_only=True):
    erased: bool


class PushTokenKept(Shape, frozen=True, kw_only=True):
    registered: bool


class AblyToken(Shape, frozen=True, kw_only=True):
    token_request: Mapping[str, Any]
    """As Ably's SDK takes it: its names, not ours."""


class NotificationPage(Page, frozen=True, kw_only=True):
    notifications: Sequence[shapes.Notification]
    unread_count: int


class NotificationsRead(Shape, frozen=True, kw_only=True):
    """How many were marked, and how many are still unread."""

    read: int
    unread_count: int


class LibraryItemPage(Page, frozen=True, kw_only=True):
    items: Sequence[shapes.LibraryItem]


class LibraryItemKept(Shape, frozen=True, kw_only=True):
    item: shapes.LibraryItem


class LibraryItemRemoved(Shape, frozen=True, kw_only=True):
    removed: bool
