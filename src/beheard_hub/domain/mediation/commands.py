"""What a client may ask of a session, and what the hub asks of it: one struct per command.

Names on the wire are camelCase. The rules of each field are its annotation; everything about when
a command may be given is a row of `protocol.COMMANDS`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from beheard_hub.domain.mediation.internal import (
    AiFailed,
    AiReplied,
    BudgetReached,
    CommonGroundFound,
    Internal,
    Renamed,
    Safety,
    Timer,
)
from beheard_hub.domain.mediation.vocabulary import (
    AgreementType,
    Attribution,
    ContentType,
    Decided,
    ExerciseType,
    NeedCategory,
    ShownStatus,
)
from beheard_hub.domain.validation import (
    CURSOR_CHARS_MAX,
    Data,
    Flag,
    Id,
    Items,
    Number,
    Text,
    When,
)

__all__ = [
    "AiFailed",
    "AiReplied",
    "BudgetReached",
    "CommonGroundFound",
    "Internal",
    "Renamed",
    "Safety",
    "Timer",
]


class Nothing(Data, frozen=True, kw_only=True):
    """A command without data."""


# ---- sessions and invitations


class SessionCreate(Data, frozen=True, kw_only=True):
    """session.create"""

    one_of: ClassVar[tuple[str, ...]] = ("personId", "inviteEmail", "invitePhone", "inviteName")
    person_id: Annotated[str | None, Id()] = None
    invite_email: Annotated[str | None, Text(320)] = None
    invite_phone: Annotated[str | None, Text(40)] = None
    invite_name: Annotated[str | None, Text(200)] = None
    context: Annotated[str | None, Text(2000)] = None


class SessionList(Data, frozen=True, kw_only=True):
    """session.list"""

    status: ShownStatus | None = None
    cursor: Annotated[str | None, Text(CURSOR_CHARS_MAX)] = None
    limit: Annotated[int, Number(1, 50)] = 20


class InvitationId(Data, frozen=True, kw_only=True):
    """invitation.get, .accept, .resend"""

    invitation_id: Annotated[str, Id()]


class InvitationDecline(InvitationId, frozen=True, kw_only=True):
    """invitation.decline"""

    reason: Annotated[str | None, Text(500)] = None


class SessionPause(Data, frozen=True, kw_only=True):
    """session.pause"""

    reason: Annotated[str | None, Text(500)] = None


class SessionResolve(Data, frozen=True, kw_only=True):
    """session.resolve"""

    without_agreement: Annotated[bool, Flag()] = False


class StageAdvance(Data, frozen=True, kw_only=True):
    """stage.advance: any numbers are accepted, an impossible step is an honest answer."""

    from_stage: Annotated[int, Number(-(2**31), 2**31)]
    to_stage: Annotated[int, Number(-(2**31), 2**31)]


class GatesGet(Data, frozen=True, kw_only=True):
    """gates.get"""

    stage: Annotated[int, Number(0, 4)]


class CompactSign(Data, frozen=True, kw_only=True):
    """compact.sign"""

    agreed: Annotated[bool, Flag(only=True)]


# ---- own thread


class MessageSend(Data, frozen=True, kw_only=True):
    """message.send"""

    content: Annotated[str, Text(10_000)]
    emotional_intensity: Annotated[int | None, Number(1, 10)] = None
    emotional_context: Annotated[str | None, Text(500)] = None


class MessageList(Data, frozen=True, kw_only=True):
    """message.list"""

    stage: Annotated[int | None, Number(0, 4)] = None
    cursor: Annotated[str | None, Text(CURSOR_CHARS_MAX)] = None
    limit: Annotated[int, Number(1, 100)] = 50


class FeelHeardConfirm(Data, frozen=True, kw_only=True):
    """feel_heard.confirm"""

    confirmed: Annotated[bool, Flag()]


# ---- own vessel


class EmotionsRecord(Data, frozen=True, kw_only=True):
    """emotions.record"""

    intensity: Annotated[int, Number(1, 10)]
    context: Annotated[str | None, Text(500)] = None


class Page(Data, frozen=True, kw_only=True):
    """A page of a list."""

    cursor: Annotated[str | None, Text(CURSOR_CHARS_MAX)] = None
    limit: Annotated[int, Number(1, 100)] = 50


class ExercisesComplete(Data, frozen=True, kw_only=True):
    """exercises.complete"""

    exercise_type: ExerciseType
    completed: Annotated[bool, Flag()]
    intensity_before: Annotated[int | None, Number(1, 10)] = None
    intensity_after: Annotated[int | None, Number(1, 10)] = None


class EventAdd(Data, frozen=True, kw_only=True):
    """event.add"""

    description: Annotated[str, Text(2000)]
    attributed_to: Attribution
    emotions: Annotated[tuple[str, ...], Items(Text(50), 0, 8)] = ()


class EventEdit(Data, frozen=True, kw_only=True):
    """event.edit: what is given is replaced"""

    event_id: Annotated[str, Id()]
    description: Annotated[str | None, Text(2000)] = None
    attributed_to: Attribution | None = None
    emotions: Annotated[tuple[str, ...] | None, Items(Text(50), 0, 8)] = None


class EventDelete(Data, frozen=True, kw_only=True):
    """event.delete"""

    event_id: Annotated[str, Id()]


class BoundaryAdd(Data, frozen=True, kw_only=True):
    """boundary.add"""

    description: Annotated[str, Text(1000)]
    non_negotiable: Annotated[bool, Flag()]


class BoundaryEdit(Data, frozen=True, kw_only=True):
    """boundary.edit"""

    boundary_id: Annotated[str, Id()]
    description: Annotated[str | None, Text(1000)] = None
    non_negotiable: Annotated[bool | None, Flag()] = None


class BoundaryDelete(Data, frozen=True, kw_only=True):
    """boundary.delete"""

    boundary_id: Annotated[str, Id()]


class DocumentAdd(Data, frozen=True, kw_only=True):
    """document.add"""

    title: Annotated[str, Text(200)]
    content: Annotated[str, Text(20_000)]
    type: Annotated[str, Text(100)]


class DocumentEdit(Data, frozen=True, kw_only=True):
    """document.edit"""

    document_id: Annotated[str, Id()]
    title: Annotated[str | None, Text(200)] = None
    content: Annotated[str | None, Text(20_000)] = None
    type: Annotated[str | None, Text(100)] = None


class DocumentDelete(Data, frozen=True, kw_only=True):
    """document.delete"""

    document_id: Annotated[str, Id()]


class RecallSearch(Data, frozen=True, kw_only=True):
    """recall.search"""

    query: Annotated[str, Text(1000)]
    limit: Annotated[int, Number(1, 10)] = 10


# ---- stage 2


class EmpathySaveDraft(Data, frozen=True, kw_only=True):
    """empathy.save_draft"""

    content: Annotated[str, Text(1200)]
    ready_to_share: Annotated[bool, Flag()] = False


class EmpathyConsent(Data, frozen=True, kw_only=True):
    """empathy.consent"""

    draft_id: Annotated[str, Id()]
    final_content: Annotated[str | None, Text(1200)] = None


class EmpathyValidate(Data, frozen=True, kw_only=True):
    """empathy.validate"""

    attempt_id: Annotated[str | None, Id()] = None
    validated: Annotated[bool, Flag()]
    feedback: Annotated[str | None, Text(1000)] = None
    consent_to_share_feedback: Annotated[bool, Flag()] = False


# ---- stage 3


class NeedsList(Data, frozen=True, kw_only=True):
    """needs.list"""

    resynthesize: Annotated[bool, Flag()] = False


class NeedsAdd(Data, frozen=True, kw_only=True):
    """needs.add"""

    need: Annotated[str, Text(200)]
    category: NeedCategory
    description: Annotated[str, Text(300)]


class NeedAnswer(Data, frozen=True, kw_only=True):
    """One answer of needs.confirm"""

    need_id: Annotated[str, Id()]
    confirmed: Annotated[bool, Flag()]
    adjustment: Annotated[str | None, Text(300)] = None


class NeedsConfirm(Data, frozen=True, kw_only=True):
    """needs.confirm"""

    confirmations: Annotated[tuple[NeedAnswer, ...], Items(NeedAnswer, 1, 30)]


class NeedsConsent(Data, frozen=True, kw_only=True):
    """needs.consent"""

    need_ids: Annotated[tuple[str, ...], Items(Id(), 1, 30, unique=True)]


class CommonGroundPropose(Data, frozen=True, kw_only=True):
    """common_ground.propose"""

    need: Annotated[str, Text(200)]
    category: NeedCategory
    description: Annotated[str, Text(200)]


class CommonGroundAnswer(Data, frozen=True, kw_only=True):
    """One answer of common_ground.confirm"""

    common_ground_id: Annotated[str, Id()]
    confirmed: Annotated[bool, Flag()]


class CommonGroundConfirm(Data, frozen=True, kw_only=True):
    """common_ground.confirm"""

    confirmations: Annotated[tuple[CommonGroundAnswer, ...], Items(CommonGroundAnswer, 1, 30)]


# ---- stage 4


class StrategiesPropose(Data, frozen=True, kw_only=True):
    """strategies.propose"""

    description: Annotated[str, Text(800)]
    needs_addressed: Annotated[tuple[str, ...], Items(Text(200), 0, 3)] = ()
    duration: Annotated[str | None, Text(100)] = None
    measure_of_success: Annotated[str | None, Text(300)] = None


class StrategiesSuggest(Data, frozen=True, kw_only=True):
    """strategies.suggest"""

    count: Annotated[int, Number(1, 5)] = 3
    focus_needs: Annotated[tuple[str, ...], Items(Text(200), 0, 3)] = ()


class StrategiesRank(Data, frozen=True, kw_only=True):
    """strategies.rank"""

    ranked_ids: Annotated[tuple[str, ...], Items(Id(), 1, 100, unique=True)]


class AgreementCreate(Data, frozen=True, kw_only=True):
    """agreement.create"""

    strategy_id: Annotated[str | None, Id()] = None
    description: Annotated[str, Text(800)]
    type: AgreementType
    duration: Annotated[str | None, Text(100)] = None
    measure_of_success: Annotated[str | None, Text(300)] = None
    follow_up_date: Annotated[datetime | None, When()] = None


class AgreementConfirm(Data, frozen=True, kw_only=True):
    """agreement.confirm"""

    agreement_id: Annotated[str, Id()]
    confirmed: Annotated[bool, Flag()]
    modification: Annotated[str | None, Text(800)] = None


# ---- consent


class ConsentRequest(Data, frozen=True, kw_only=True):
    """consent.request"""

    content_type: ContentType
    original_content_id: Annotated[str, Id()]


class ConsentDecide(Data, frozen=True, kw_only=True):
    """consent.decide"""

    consent_request_id: Annotated[str, Id()]
    decision: Decided
    edited_content: Annotated[str | None, Text(1200)] = None


class ConsentRevoke(Data, frozen=True, kw_only=True):
    """consent.revoke"""

    consent_record_id: Annotated[str, Id()]
