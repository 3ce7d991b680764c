"""The protocol of mediation, as tables. Read this file and you know the product.

Two people, A and B, each on their own way through five stages. A stage is left when its gates are
true and its pace allows it. `GATES` says what makes each gate true and in whose hands it is;
`STAGES` says how a stage is left; `COMMANDS` says who may do what and when; `CROSSINGS` says what
can cross from one person to the other, from which stage on, by which command, and how it is called
back; `events.EVENTS` says who is told of what. `machine.py` interprets these tables and names none
of their rows.

What holds over all of it (spec 2.2, proven by walking every reachable state):

* Stages never go back; the two are at most one apart, except 0 and 2 (both signed the compact, and
  one has not stepped yet).
* Nobody enters the last stage before both had all gates of the one before.
* What I read of the partner's doing equals what the partner's own rows say. Two exceptions: an
  accepted feedback, and latched gates. *Latch*: the first step out of a joint stage fixes its gates
  for both. Without it, a consent taken back by the slower one closed the way behind the faster one
  for good: 3,411 dead ends.
* A gate is true only if its cause is in the history; in a pause no gate turns true.
* From every reachable active state there is a way to an end with an agreement.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from beheard_hub.domain.mediation import account as a
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation import guards, identity, library
from beheard_hub.domain.mediation import internal as i
from beheard_hub.domain.mediation.guards import Cause
from beheard_hub.domain.mediation.internal import EraseAccount, EraseSeat
from beheard_hub.domain.mediation.vocabulary import (
    ACTIVE,
    BOUNDARY,
    COLLECTING,
    CREATED,
    EMOTIONAL_PATTERN,
    EMPATHY_ATTEMPT,
    EVENT_SUMMARY,
    FINAL,
    IDENTIFIED_NEED,
    INVITED,
    NEGOTIATING,
    OPEN,
    PAUSED,
    RANKING,
    STRATEGY_PROPOSAL,
)
from beheard_hub.domain.notifying import UNDELIVERED, Undelivered
from beheard_hub.domain.validation import Data

# ---- stages and gates


class Pace(Enum):
    """How a stage is left."""

    ALONE = "the own gates suffice"
    TOGETHER = "both users' gates of this stage must be true; then either may step first"
    RESOLVE = "by session.resolve"


class Stage(msgspec.Struct, frozen=True):
    """One of the five stages."""

    number: int
    name: str
    pace: Pace


STAGES: tuple[Stage, ...] = (
    Stage(0, "Onboarding", Pace.TOGETHER),
    Stage(1, "Witness", Pace.ALONE),
    Stage(2, "Perspective Stretch", Pace.TOGETHER),
    Stage(3, "Need Mapping", Pace.TOGETHER),
    Stage(4, "Strategic Repair", Pace.RESOLVE),
)


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A condition of a stage. Exactly one of `cause`, `mirrors` or `said` tells when it is true."""

    stage: int
    key: str
    means: str
    own: bool
    """In the user's own hands; otherwise in the partner's."""
    cause: Cause | None = None
    mirrors: str | None = None
    """The partner's own gate of that name."""
    said: bool = False
    """True from the command that says so until a command unsays it; nothing else is stored."""
    latches: bool = False
    """Once true it stays true."""


GATES: tuple[Gate, ...] = (
    Gate(stage=0, key="compactSigned", own=True, said=True, means="You signed the compact"),
    Gate(
        stage=0, key="partnerCompactSigned", own=False, mirrors="compactSigned",
        means="Your partner signed the compact",
    ),
    Gate(stage=1, key="feelHeardConfirmed", own=True, said=True, means="You feel heard"),
    Gate(
        stage=2, key="empathyDraftReady", own=True, cause=guards.draft_is_ready,
        means="Your empathy draft is ready to share",
    ),
    Gate(
        stage=2, key="empathyConsented", own=True, cause=guards.attempt_is_consented,
        means="You shared your empathy attempt",
    ),
    Gate(
        stage=2, key="partnerConsented", own=False, mirrors="empathyConsented",
        means="Your partner shared an empathy attempt",
    ),
    Gate(
        stage=2, key="partnerValidated", own=False, cause=guards.partner_validated,
        means="Your partner feels understood, or you accepted the difference",
    ),
    Gate(
        stage=3, key="needsConfirmed", own=True, cause=guards.a_need_is_confirmed,
        means="You confirmed at least one need",
    ),
    Gate(
        stage=3, key="partnerNeedsConfirmed", own=False, cause=guards.partner_shared_a_need,
        means="Your partner confirmed and shared needs",
    ),
    Gate(
        stage=3, key="commonGroundConfirmed", own=False, cause=guards.common_ground_stands,
        means="Both of you confirmed the same common ground",
    ),
    Gate(
        stage=4, key="strategiesSubmitted", own=True, cause=guards.ideas_are_in, latches=True,
        means="Your ideas are in",
    ),
    Gate(
        stage=4, key="rankingsSubmitted", own=True, cause=guards.ranking_is_in, latches=True,
        means="Your ranking is in",
    ),
    Gate(
        stage=4, key="overlapIdentified", own=False, cause=guards.overlap_is_known, latches=True,
        means="Both rankings were compared",
    ),
    Gate(
        stage=4, key="agreementCreated", own=False, cause=guards.agreement_stands, latches=True,
        means="There is an agreement of both",
    ),
)  # fmt: skip

GATES_OF: Mapping[int, tuple[Gate, ...]] = {
    stage.number: tuple(gate for gate in GATES if gate.stage == stage.number) for stage in STAGES
}
LAST_STAGE = STAGES[-1].number

# ---- what can cross, and how it is called back


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of content that a consent can let cross."""

    content_type: str
    from_stage: int
    by: str
    """The command that lets it cross."""
    on_request: bool
    """Whether consent.request may ask for it."""
    shown: str
    """How the partner sees it."""
    revoked: str
    """What taking it back does."""


CROSSINGS: Mapping[str, Crossing] = {
    row.content_type: row
    for row in (
        Crossing(
            content_type=EMPATHY_ATTEMPT, from_stage=2, by="empathy.consent", on_request=False,
            shown="empathy.partner, while both have an active attempt",
            revoked="the attempt becomes invisible and the draft reopens",
        ),
        Crossing(
            content_type=EVENT_SUMMARY, from_stage=2, by="consent.decide", on_request=True,
            shown="shared.list; feedback on an attempt by empathy.feedback",
            revoked="the partner's next read has nothing",
        ),
        Crossing(
            content_type=EMOTIONAL_PATTERN, from_stage=2, by="consent.decide", on_request=True,
            shown="shared.list",
            revoked="the partner's next read has nothing",
        ),
        Crossing(
            content_type=BOUNDARY, from_stage=3, by="consent.decide", on_request=True,
            shown="shared.list",
            revoked="the partner's next read has nothing",
        ),
        Crossing(
            content_type=IDENTIFIED_NEED, from_stage=3, by="needs.consent", on_request=True,
            shown="shared.list, literally as confirmed",
            revoked="common ground built on it leaves the list; agreements get staleInput",
        ),
        Crossing(
            content_type=STRATEGY_PROPOSAL, from_stage=4, by="strategies.propose",
            on_request=False,
            shown="strategies.list from the ranking on, without its author",
            revoked="the idea leaves the pool and every overlap; its agreements get staleInput",
        ),
    )
}  # fmt: skip

# ---- commands


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """When a command may be given. What it does is a handler of the same name."""

    data: type[Data] = c.Nothing
    statuses: frozenset[str] = frozenset({ACTIVE})
    """Stored statuses that allow it; else SESSION_NOT_ACTIVE."""
    stages: frozenset[int] | None = None
    """The caller's current stage must be one of these; else INVALID_STAGE."""
    phases: frozenset[str] | None = None
    """The strategy phase must be one of these; else CONFLICT."""
    reads: bool = False
    sessionless: bool = False
    by_invitation: bool = False
    anyone: bool = False
    alone: bool = False


ANY = OPEN | FINAL
CALM = frozenset({ACTIVE, PAUSED})
CHAT = frozenset({1, 2, 3, 4})
IDEAS = frozenset({COLLECTING, NEGOTIATING})


def _read(
    data: type[Data] = c.Nothing,
    *,
    stages: frozenset[int] | None = None,
    sessionless: bool = False,
    anyone: bool = False,
) -> Row:
    return Row(
        data=data, statuses=ANY, stages=stages, reads=True, sessionless=sessionless, anyone=anyone
    )


def _in(stage: int, data: type[Data] = c.Nothing, phases: frozenset[str] | None = None) -> Row:
    return Row(data=data, stages=frozenset({stage}), phases=phases)


def _own(data: type[Data] = c.Nothing) -> Row:
    return Row(data=data, statuses=ANY, sessionless=True)


def _by_invitation(data: type[Data], *, anyone: bool, alone: bool = False) -> Row:
    return Row(
        data=data, statuses=ANY, sessionless=True, by_invitation=True, anyone=anyone, alone=alone
    )


COMMANDS: Mapping[str, Row] = {
    "invitation.accept": _by_invitation(c.InvitationId, anyone=True, alone=True),
    "invitation.decline": _by_invitation(c.InvitationDecline, anyone=True),
    "invitation.resend": _by_invitation(c.InvitationId, anyone=True),
    "session.get": _read(),
    "session.pause": Row(data=c.SessionPause),
    "session.resume": Row(statuses=frozenset({PAUSED})),
    "session.withdraw": Row(statuses=OPEN),
    "session.resolve": Row(data=c.SessionResolve),
    "partner.nudge": Row(),
    "progress.get": _read(),
    "gates.get": _read(c.GatesGet),
    "stage.advance": Row(data=c.StageAdvance, statuses=ANY),
    "compact.sign": Row(data=c.CompactSign, statuses=frozenset({CREATED, INVITED, ACTIVE})),
    "compact.status": _read(),
    "message.send": Row(data=c.MessageSend, stages=CHAT),
    "message.list": _read(c.MessageList),
    "message.retry": Row(),
    "feel_heard.confirm": _in(1, c.FeelHeardConfirm),
    "emotions.record": Row(data=c.EmotionsRecord, statuses=CALM),
    "emotions.list": _read(c.Page),
    "exercises.complete": Row(data=c.ExercisesComplete, statuses=CALM),
    "event.add": Row(data=c.EventAdd),
    "event.list": _read(c.Page),
    "event.edit": Row(data=c.EventEdit),
    "event.delete": Row(data=c.EventDelete),
    "boundary.add": Row(data=c.BoundaryAdd),
    "boundary.list": _read(c.Page),
    "boundary.edit": Row(data=c.BoundaryEdit),
    "boundary.delete": Row(data=c.BoundaryDelete),
    "document.add": Row(data=c.DocumentAdd),
    "document.list": _read(c.Page),
    "document.edit": Row(data=c.DocumentEdit),
    "document.delete": Row(data=c.DocumentDelete),
    "recall.search": _read(c.RecallSearch),
    "empathy.save_draft": _in(2, c.EmpathySaveDraft),
    "empathy.draft": _read(),
    "empathy.consent": _in(2, c.EmpathyConsent),
    "empathy.partner": _read(),
    "empathy.validate": _in(2, c.EmpathyValidate),
    "empathy.feedback": _read(),
    "empathy.accept_feedback": _in(2),
    "needs.list": _read(c.NeedsList, stages=frozenset({3, 4})),
    "needs.add": _in(3, c.NeedsAdd),
    "needs.confirm": _in(3, c.NeedsConfirm),
    "needs.consent": _in(3, c.NeedsConsent),
    "common_ground.list": _read(),
    "common_ground.propose": _in(3, c.CommonGroundPropose),
    "common_ground.confirm": _in(3, c.CommonGroundConfirm),
    "strategies.list": _read(stages=frozenset({4})),
    "strategies.propose": _in(4, c.StrategiesPropose, IDEAS),
    "strategies.suggest": _in(4, c.StrategiesSuggest, IDEAS),
    "strategies.ready": _in(4, phases=IDEAS),
    "strategies.rank": _in(4, c.StrategiesRank, frozenset({RANKING})),
    "strategies.overlap": _read(stages=frozenset({4})),
    "agreement.create": _in(4, c.AgreementCreate),
    "agreement.list": _read(),
    "agreement.confirm": _in(4, c.AgreementConfirm),
    "consent.request": Row(data=c.ConsentRequest),
    "consent.pending": _read(),
    "consent.history": _read(c.Page),
    "consent.decide": Row(data=c.ConsentDecide, statuses=CALM),
    "consent.revoke": Row(data=c.ConsentRevoke, statuses=ANY),
    "shared.list": _read(),
}

INTERNAL: Mapping[str, type[msgspec.Struct]] = {
    "internal.ai_replied": c.AiReplied,
    "internal.ai_failed": c.AiFailed,
    "internal.ai_budget": c.BudgetReached,
    "internal.safety": c.Safety,
    "internal.common_ground": c.CommonGroundFound,
    "internal.timer": c.Timer,
    "internal.erase_seat": EraseSeat,
    "internal.renamed": c.Renamed,
    "internal.audited": i.Audited,
    "internal.extracted": i.Extracted,
    UNDELIVERED: Undelivered,
    "internal.delivered": i.Delivered,
    "internal.draft_checked": i.DraftChecked,
}

DIRECTORY_INTERNAL: Mapping[str, type[msgspec.Struct]] = {
    "internal.erase_account": EraseAccount,
    "internal.token_gone": i.TokenGone,
}

DIRECTORY: Mapping[str, Row] = {
    "session.create": Row(data=c.SessionCreate, statuses=ANY, sessionless=True, alone=True),
    "session.list": _read(c.SessionList, sessionless=True),
    "invitation.get": _read(c.InvitationId, sessionless=True, anyone=True),
    "account.erase": Row(statuses=ANY, sessionless=True, alone=True),
    "profile.get": _read(sessionless=True),
    "profile.update": _own(a.ProfileUpdate),
    "push_token.set": _own(a.PushTokenSet),
    "push_token.clear": _own(),
    "ably_token.get": _read(sessionless=True),
    "notifications.unread": _read(c.Page, sessionless=True),
    "notifications.read": _own(a.NotificationsRead),
    "library.list": _read(c.Page, sessionless=True),
    "library.add": _own(library.LibraryAdd),
    "library.edit": _own(library.LibraryEdit),
    "library.remove": _own(library.LibraryRemove),
    "identity.link": _read(identity.IdentityLink, sessionless=True),
    "identity.list": _read(sessionless=True),
    "identity.get": _read(identity.IdentityNamed, sessionless=True),
    "identity.unlink": _own(identity.IdentityNamed),
    "contact.list": _read(sessionless=True),
    "contact.add": _own(identity.ContactAdd),
    "contact.edit": Row(data=identity.ContactEdit, statuses=ANY, sessionless=True, alone=True),
    "contact.remove": _own(identity.ContactNamed),
    "user.list": _read(identity.UserList, sessionless=True),
    "user.get": _read(identity.UserNamed, sessionless=True),
    "user.give_role": _own(identity.UserGiveRole),
}
