"""The own thread: what a user writes and feels, and what the facilitator says to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from beheard_hub.domain.kernel import Json, Read
from beheard_hub.domain.limits import (
    INTENSITY_EXTREME,
    INTENSITY_HIGH,
    INTENSITY_RAISED,
    INTENSITY_RISE,
    INTENSITY_RISE_WINDOW,
    READINGS_KEPT,
    UNANSWERED_MESSAGES_MAX,
)
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation.handlers.crossing import ask_unbidden
from beheard_hub.domain.mediation.handlers.memory import extract_later
from beheard_hub.domain.mediation.handlers.record import record
from beheard_hub.domain.mediation.pace import can_advance
from beheard_hub.domain.mediation.state import Reading, Seat
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn, no
from beheard_hub.domain.mediation.views import shape, viewer_of
from beheard_hub.domain.mediation.vocabulary import (
    BODY_SCAN,
    BREATHING_EXERCISE,
    DISTRESS_WORDS,
    GROUNDING,
    PAUSE_SESSION,
    ROLE_AI,
    ROLE_USER,
)
from beheard_hub.domain.paging import page_args
from beheard_hub.domain.refusals import Code
from beheard_hub.domain.validation import refused


def paged(turn: Turn, query: str, **more: Json) -> Outcome:
    """A page of a list of the caller's own rows."""
    page = page_args(turn.command.data.cursor, turn.command.data.limit)
    if page is None:
        return refused({"cursor": "a cursor of this list"})
    return Read(query, {**page, **more})


# ---- messages


def message_send(turn: Turn) -> Outcome:
    """message.send: the message, its reading, and an answer to come."""
    data: c.MessageSend = turn.command.data
    me = turn.me
    row: dict[str, Json] = {
        "id": turn.ids.ordered(),
        "sessionId": turn.state.id,
        "senderId": turn.user,
        "role": ROLE_USER,
        "content": data.content,
        "stage": me.stage,
        "timestamp": turn.now,
    }
    turn.insert("Message", forUserId=turn.user, **row)
    if data.emotional_intensity is not None:
        reading = _reading(turn, data.emotional_intensity, data.emotional_context)
        row |= {f"emotionalReading.{key}": value for key, value in reading.items()}
    turn.mark_dirty(stage_bound=True)
    me.unanswered = [*me.unanswered, row["id"]][-UNANSWERED_MESSAGES_MAX:]
    message = turn.ref(
        "message", row["id"], shape("message", row, viewer_of(turn.state, turn.user))
    )
    turn.tell("message.created", message=message)
    if data.emotional_intensity is not None:
        _tell_reading(turn, data.emotional_context)
    turn.facilitate(me)
    return {"userMessage": message}


def message_list(turn: Turn) -> Outcome:
    """message.list: newest first."""
    return paged(turn, "message.list", stage=turn.command.data.stage)


def message_retry(turn: Turn) -> Outcome:
    """message.retry: asks again after the facilitator failed."""
    me = turn.me
    if me.ai_turn is None and not me.unanswered and me.opened >= me.stage:
        return no(Code.CONFLICT, message="nothing waits for an answer")
    turn.facilitate(me)
    return {"accepted": True}


def feel_heard(turn: Turn) -> Outcome:
    """feel_heard.confirm: only the user says so; a no lets the facilitator ask what is missing."""
    data: c.FeelHeardConfirm = turn.command.data
    turn.say("feelHeardConfirmed", data.confirmed)
    if not data.confirmed and turn.me.ai_turn is None:
        turn.open_thread(turn.me, opening=False)
    partner = turn.partner
    return lambda: {
        "confirmed": data.confirmed,
        "confirmedAt": turn.me.progress[1].gates.get("feelHeardConfirmed"),
        "canAdvance": can_advance(turn.state, turn.me),
        "partnerCompleted": partner is not None and partner.completed(1),
    }


# ---- emotions


def emotions_record(turn: Turn) -> Outcome:
    """emotions.record: support is offered, never forced."""
    data: c.EmotionsRecord = turn.command.data
    reading = _reading(turn, data.intensity, data.context)
    turn.mark_dirty(stage_bound=True)
    support = _tell_reading(turn, data.context)
    return {
        "reading": turn.ref("reading", reading["id"]),
        "offerSupport": support is not None,
        "supportType": support,
    }


def _reading(turn: Turn, intensity: int, context: str | None) -> dict[str, Any]:
    me = turn.me
    row: dict[str, Any] = {
        "id": turn.ids.ordered(),
        "intensity": intensity,
        "context": context,
        "stage": me.stage,
        "timestamp": turn.now,
    }
    turn.insert("EmotionalReading", vesselId=me.vessel_id, **row)
    me.readings = [Reading(row["id"], intensity, turn.now), *me.readings][:READINGS_KEPT]
    turn.ref("reading", row["id"], row)
    return row


def _tell_reading(turn: Turn, context: str | None) -> str | None:
    turn.tell("emotion.recorded", reading=turn.ref("reading", turn.me.readings[0].id))
    support = offered_support(turn.me, context)
    if support is not None:
        turn.tell("support.offered", supportType=support)
    return support


def offered_support(seat: Seat, context: str | None) -> str | None:
    """What to offer after the newest reading, in the order of precedence of spec 2.3."""
    newest, *earlier = seat.readings
    near = [r for r in earlier if newest.at - r.at <= INTENSITY_RISE_WINDOW]
    words = set(re.findall(r"[a-z]+", (context or "").lower()))
    offers = (
        (
            PAUSE_SESSION,
            newest.intensity >= INTENSITY_EXTREME
            and bool(earlier)
            and earlier[0].intensity >= INTENSITY_EXTREME,
        ),
        (BREATHING_EXERCISE, newest.intensity >= INTENSITY_HIGH),
        (GROUNDING, any(newest.intensity - r.intensity >= INTENSITY_RISE for r in near)),
        (BODY_SCAN, newest.intensity >= INTENSITY_RAISED and bool(words & DISTRESS_WORDS)),
    )
    return next((kind for kind, due in offers if due), None)


def emotions_list(turn: Turn) -> Outcome:
    """emotions.list"""
    return paged(turn, "emotions.list")


def exercises_complete(turn: Turn) -> Outcome:
    """exercises.complete: private; worth a question when it did not help."""
    data: c.ExercisesComplete = turn.command.data
    turn.insert(
        "EmotionalExerciseCompletion",
        id=turn.ids.ordered(),
        sessionId=turn.state.id,
        userId=turn.user,
        type=data.exercise_type,
        completed=data.completed,
        completedAt=turn.now,
        intensityBefore=data.intensity_before,
        intensityAfter=data.intensity_after,
    )
    before, after = data.intensity_before, data.intensity_after
    helped = before is not None and after is not None and after < before
    return {"logged": True, "postExerciseCheckIn": data.completed and not helped}


# ---- the facilitator's side


def ai_replied(turn: Turn) -> Outcome:
    """internal.ai_replied: the answer is stored, and what was written meanwhile gets the next."""
    data: c.AiReplied = turn.command.data
    turn.done.append(data.reminder_id)
    record(turn, data.audit, data.used)
    seat = turn.state.seat(turn.user)
    if seat is None or seat.ai_turn != data.reminder_id:
        return None  # hushed meanwhile: what it said was never shown as said
    seat.ai_turn = None
    if data.safety is not None:
        turn.tell("safety.resources", seat, **data.safety)
    if data.message is not None:
        _store_answer(turn, seat, data)
    if data.consent is not None:
        ask_unbidden(turn, data.consent)
    if data.support_type is not None:
        turn.tell("support.offered", seat, supportType=data.support_type)
    if data.offer_feel_heard and not seat.has_gate(1, "feelHeardConfirmed") and seat.stage == 1:
        turn.tell("feel_heard.offered", seat)
    if data.message is not None:
        turn.facilitate(seat)
    return None


def _store_answer(turn: Turn, seat: Seat, data: c.AiReplied) -> None:
    said = data.message or {}
    bundle = {**(said.get("bundle") or {}), "answers": list(data.answered)}
    _say(turn, seat, said["id"], said["content"], data.stage, said.get("promptVersion"), bundle)
    answered = set(data.answered)
    seat.unanswered = [m for m in seat.unanswered if m not in answered]
    seat.opened = max(seat.opened, data.stage)
    if not data.opening:
        extract_later(turn, seat, data.stage, data.answered)


def speak(
    turn: Turn,
    content: str,
    prompt_version: str | None = None,
    items: Sequence[Mapping[str, Json]] = (),
) -> None:
    """The facilitator says something in the caller's thread that answers no message, made from
    `items`."""
    bundle: dict[str, Json] = {"items": list(items), "answers": []}
    _say(turn, turn.me, turn.ids.ordered(), content, turn.me.stage, prompt_version, bundle)


def _say(
    turn: Turn,
    seat: Seat,
    key: str,
    content: str,
    stage: int,
    prompt_version: str | None,
    bundle: Mapping[str, Json],
) -> None:
    row: dict[str, Json] = {
        "id": key,
        "sessionId": turn.state.id,
        "senderId": None,
        "role": ROLE_AI,
        "content": content,
        "stage": stage,
        "timestamp": turn.now,
    }
    turn.insert(
        "Message", forUserId=seat.user_id, promptVersion=prompt_version, bundle=bundle, **row
    )
    shown = shape("message", row, viewer_of(turn.state, seat.user_id))
    turn.tell("message.created", seat, message=turn.ref("message", key, shown))


def ai_failed(turn: Turn) -> Outcome:
    """internal.ai_failed: nothing is stored; the user may ask again."""
    data: c.AiFailed = turn.command.data
    if _settled(turn, data.reminder_id) is not None:
        turn.tell("message.failed", retryable=data.retryable)
    return None


def ai_budget(turn: Turn) -> Outcome:
    """internal.ai_budget: a clear word instead of an answer, or beside a refusal. What waits goes
    on waiting, and may be asked for again (message.retry)."""
    data: c.BudgetReached = turn.command.data
    if data.reminder_id is None:
        seat = turn.state.seat(turn.user)
        seat = None if seat is None or seat.erased else seat
    else:
        seat = _settled(turn, data.reminder_id)
    if seat is not None:
        turn.tell("ai.budget_reached", seat, resetsAt=data.resets_at)
    return None


def _settled(turn: Turn, reminder_id: str) -> Seat | None:
    turn.done.append(reminder_id)
    seat = turn.state.seat(turn.user)
    if seat is None or seat.ai_turn != reminder_id:
        return None
    seat.ai_turn = None
    return seat


def safety(turn: Turn) -> Outcome:
    """internal.safety: resources at once; the partner never learns of it."""
    data: c.Safety = turn.command.data
    seat = turn.state.seat(turn.user)
    if seat is not None:
        turn.tell("safety.resources", seat, severity=data.severity, resources=data.resources)
    return None


THREAD: Mapping[str, Handler] = {
    "message.send": message_send,
    "message.list": message_list,
    "message.retry": message_retry,
    "feel_heard.confirm": feel_heard,
    "emotions.record": emotions_record,
    "emotions.list": emotions_list,
    "exercises.complete": exercises_complete,
    "internal.ai_replied": ai_replied,
    "internal.ai_failed": ai_failed,
    "internal.ai_budget": ai_budget,
    "internal.safety": safety,
}
