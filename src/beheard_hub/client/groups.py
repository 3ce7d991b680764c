"""Typed commands of one session, grouped as a person thinks of them.

Every method sends one command and returns the struct of its reply. What is left None is left out.
All may raise the errors of `errors.py`; for waiting and cancelling see :meth:`Hub.command`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from beheard_hub.client import commands as c
from beheard_hub.client import replies as r

if TYPE_CHECKING:
    from beheard_hub.client.hub import Hub

R = TypeVar("R")


def camel(name: str) -> str:
    """``emotional_intensity`` to ``emotionalIntensity``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def request(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Data of a command: camelCase names, without what is None."""
    return {camel(name): value for name, value in fields.items() if value is not None}


def need_answer(need_id: str, confirmed: bool, adjustment: str | None = None) -> dict[str, Any]:
    """One answer for :meth:`Needs.confirm`; `adjustment` replaces the description."""
    return request({"need_id": need_id, "confirmed": confirmed, "adjustment": adjustment})


def ground_answer(common_ground_id: str, confirmed: bool) -> dict[str, Any]:
    """One answer for :meth:`CommonGroundGroup.confirm`."""
    return request({"common_ground_id": common_ground_id, "confirmed": confirmed})


class Group:
    """Commands that belong together; made by :class:`Session`."""

    def __init__(self, hub: Hub, session_id: str) -> None:
        self._hub = hub
        self._session_id = session_id

    async def _do(self, row: c.Command[R], **fields: Any) -> R:
        return await self._hub.typed(row, request(fields), session_id=self._session_id)


class Compact(Group):
    """Stage 0: the agreement about how the two will talk."""

    async def sign(self) -> r.CompactSigned:
        return await self._do(c.COMPACT_SIGN, agreed=True)

    async def status(self) -> r.CompactStatus:
        return await self._do(c.COMPACT_STATUS)


class Messages(Group):
    """The private conversation with the facilitator."""

    async def send(
        self,
        content: str,
        *,
        emotional_intensity: int | None = None,
        emotional_context: str | None = None,
    ) -> r.MessageSent:
        """Returns once the message is committed; the answer follows as events."""
        return await self._do(
            c.MESSAGE_SEND,
            content=content,
            emotional_intensity=emotional_intensity,
            emotional_context=emotional_context,
        )

    async def list(
        self, *, stage: int | None = None, cursor: str | None = None, limit: int | None = None
    ) -> r.MessagePage:
        return await self._do(c.MESSAGE_LIST, stage=stage, cursor=cursor, limit=limit)

    async def retry(self) -> r.Accepted:
        return await self._do(c.MESSAGE_RETRY)


class Emotions(Group):
    """Readings and exercises."""

    async def record(self, intensity: int, *, context: str | None = None) -> r.EmotionRecorded:
        """`intensity` 1 to 10."""
        return await self._do(c.EMOTIONS_RECORD, intensity=intensity, context=context)

    async def list(self, *, cursor: str | None = None, limit: int | None = None) -> r.EmotionPage:
        return await self._do(c.EMOTIONS_LIST, cursor=cursor, limit=limit)

    async def exercise_done(
        self,
        exercise_type: str,
        *,
        completed: bool = True,
        intensity_before: int | None = None,
        intensity_after: int | None = None,
    ) -> r.ExerciseLogged:
        return await self._do(
            c.EXERCISES_COMPLETE,
            exercise_type=exercise_type,
            completed=completed,
            intensity_before=intensity_before,
            intensity_after=intensity_after,
        )


class Empathy(Group):
    """Stage 2: saying what the other may feel."""

    async def save_draft(self, content: str, *, ready_to_share: bool = False) -> r.DraftSaved:
        return await self._do(c.EMPATHY_SAVE_DRAFT, content=content, ready_to_share=ready_to_share)

    async def draft(self) -> r.DraftShown:
        return await self._do(c.EMPATHY_DRAFT)

    async def consent(
        self, draft_id: str, *, final_content: str | None = None
    ) -> r.EmpathyConsented:
        return await self._do(c.EMPATHY_CONSENT, draft_id=draft_id, final_content=final_content)

    async def partner(self) -> r.PartnerEmpathy:
        return await self._do(c.EMPATHY_PARTNER)

    async def validate(
        self,
        validated: bool,
        *,
        attempt_id: str | None = None,
        feedback: str | None = None,
        consent_to_share_feedback: bool | None = None,
    ) -> r.EmpathyValidated:
        return await self._do(
            c.EMPATHY_VALIDATE,
            validated=validated,
            attempt_id=attempt_id,
            feedback=feedback,
            consent_to_share_feedback=consent_to_share_feedback,
        )

    async def feedback(self) -> r.EmpathyFeedback:
        return await self._do(c.EMPATHY_FEEDBACK)

    async def accept_feedback(self) -> r.Accepted:
        return await self._do(c.EMPATHY_ACCEPT_FEEDBACK)


class Needs(Group):
    """Stage 3: what is behind it."""

    async def list(self, *, resynthesize: bool | None = None) -> r.NeedsShown:
        return await self._do(c.NEEDS_LIST, resynthesize=resynthesize)

    async def add(self, need: str, category: str, description: str) -> r.NeedAdded:
        return await self._do(c.NEEDS_ADD, need=need, category=category, description=description)

    async def confirm(self, confirmations: Sequence[Mapping[str, Any]]) -> r.NeedsConfirmed:
        """Answers as made by :func:`need_answer`."""
        return await self._do(c.NEEDS_CONFIRM, confirmations=list(confirmations))

    async def consent(self, need_ids: Sequence[str]) -> r.NeedsConsented:
        return await self._do(c.NEEDS_CONSENT, need_ids=list(need_ids))


class CommonGroundGroup(Group):
    """Stage 3: what both need."""

    async def list(self) -> r.CommonGroundShown:
        return await self._do(c.COMMON_GROUND_LIST)

    async def propose(self, need: str, category: str, description: str) -> r.CommonGroundProposed:
        return await self._do(
            c.COMMON_GROUND_PROPOSE, need=need, category=category, description=description
        )

    async def confirm(self, confirmations: Sequence[Mapping[str, Any]]) -> r.CommonGroundConfirmed:
        """Answers as made by :func:`ground_answer`."""
        return await self._do(c.COMMON_GROUND_CONFIRM, confirmations=list(confirmations))


class Strategies(Group):
    """Stage 4: ideas, ranked apart and laid over one another."""

    async def list(self) -> r.StrategiesShown:
        return await self._do(c.STRATEGIES_LIST)

    async def propose(
        self,
        description: str,
        *,
        needs_addressed: Sequence[str] | None = None,
        duration: str | None = None,
        measure_of_success: str | None = None,
    ) -> r.StrategyProposed:
        return await self._do(
            c.STRATEGIES_PROPOSE,
            description=description,
            needs_addressed=needs_addressed,
            duration=duration,
            measure_of_success=measure_of_success,
        )

    async def suggest(
        self, *, count: int | None = None, focus_needs: Sequence[str] | None = None
    ) -> r.StrategiesSuggested:
        return await self._do(c.STRATEGIES_SUGGEST, count=count, focus_needs=focus_needs)

    async def ready(self) -> r.StrategiesReady:
        return await self._do(c.STRATEGIES_READY)

    async def rank(self, ranked_ids: Sequence[str]) -> r.StrategiesRanked:
        """Best first."""
        return await self._do(c.STRATEGIES_RANK, ranked_ids=list(ranked_ids))

    async def overlap(self) -> r.StrategyOverlap:
        return await self._do(c.STRATEGIES_OVERLAP)


class Agreements(Group):
    """Stage 4: what the two will try."""

    async def create(
        self,
        description: str,
        type: Literal["MICRO_EXPERIMENT", "COMMITMENT", "CHECK_IN"],  # noqa: A002
        *,
        strategy_id: str | None = None,
        duration: str | None = None,
        measure_of_success: str | None = None,
        follow_up_date: datetime | str | None = None,
    ) -> r.AgreementCreated:
        return await self._do(
            c.AGREEMENT_CREATE,
            description=description,
            type=type,
            strategy_id=strategy_id,
            duration=duration,
            measure_of_success=measure_of_success,
            follow_up_date=follow_up_date,
        )

    async def list(self) -> r.AgreementPage:
        return await self._do(c.AGREEMENT_LIST)

    async def confirm(
        self, agreement_id: str, confirmed: bool, *, modification: str | None = None
    ) -> r.AgreementAnswered:
        return await self._do(
            c.AGREEMENT_CONFIRM,
            agreement_id=agreement_id,
            confirmed=confirmed,
            modification=modification,
        )


class Consent(Group):
    """What crosses, and what comes back."""

    async def request(self, content_type: str, original_content_id: str) -> r.ConsentRequested:
        return await self._do(
            c.CONSENT_REQUEST, content_type=content_type, original_content_id=original_content_id
        )

    async def pending(self) -> r.ConsentsPending:
        return await self._do(c.CONSENT_PENDING)

    async def history(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> r.ConsentHistory:
        return await self._do(c.CONSENT_HISTORY, cursor=cursor, limit=limit)

    async def decide(
        self,
        consent_request_id: str,
        decision: Literal["GRANTED", "DENIED"],
        *,
        edited_content: str | None = None,
    ) -> r.ConsentDecided:
        return await self._do(
            c.CONSENT_DECIDE,
            consent_request_id=consent_request_id,
            decision=decision,
            edited_content=edited_content,
        )

    async def revoke(self, consent_record_id: str) -> r.ConsentRevoked:
        return await self._do(c.CONSENT_REVOKE, consent_record_id=consent_record_id)

    async def shared(self) -> r.SharedContent:
        return await self._do(c.SHARED_LIST)
