"""Status of a session, the step from stage to stage, the compact, and the way to an end."""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.domain.kernel import Json, Read, Ref
from beheard_hub.domain.limits import NUDGE_INTERVAL, PAUSE_AGE_MAX
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation.elapse import abandon
from beheard_hub.domain.mediation.guards import agreement_stands
from beheard_hub.domain.mediation.machine import blocked, step
from beheard_hub.domain.mediation.pace import can_advance
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn, no
from beheard_hub.domain.mediation.views import gates, partner_progress, progress
from beheard_hub.domain.mediation.vocabulary import (
    ACTIVE,
    AGREED,
    AGREEMENT,
    NO_SHARED_AGREEMENT,
    PAUSED,
    RESOLVED,
)
from beheard_hub.domain.refusals import Code


def get(turn: Turn) -> Outcome:
    """session.get"""
    return Read("session.get", {"ids": [turn.state.id]})


def pause(turn: Turn) -> Outcome:
    """session.pause: the reason stays with the one who paused."""
    data: c.SessionPause = turn.command.data
    state = turn.state
    turn.hush(ended=False)
    state.status, state.paused_at, state.paused_by = PAUSED, turn.now, turn.user
    turn.session(status=PAUSED, pausedAt=turn.now, pausedById=turn.user)
    if data.reason is not None:
        _keep_reason(turn, data.reason)
    turn.remind("pause_limit", turn.now + PAUSE_AGE_MAX)
    _tell_paused(turn)
    return {"session": Ref("session", state.id), "pausedAt": turn.now}


def _keep_reason(turn: Turn, reason: str) -> None:
    key = {"sessionId": turn.state.id, "userId": turn.user}
    if turn.me.has_private:
        turn.update("SessionPrivate", key, pauseReason=reason)
    else:
        turn.insert("SessionPrivate", id=turn.ids.ordered(), pauseReason=reason, **key)
        turn.me.has_private = True


def _tell_paused(turn: Turn) -> None:
    for seat in turn.state.seats:
        turn.tell_one(seat, "session.paused", by="me" if seat.user_id == turn.user else "partner")


def resume(turn: Turn) -> Outcome:
    """session.resume: either may; what waited for the facilitator goes on."""
    state = turn.state
    state.status, state.paused_at, state.paused_by = ACTIVE, None, None
    turn.session(status=ACTIVE, pausedAt=None, pausedById=None)
    turn.tell("session.resumed")
    for seat in state.seats:
        turn.facilitate(seat)
    return {"session": Ref("session", state.id), "resumedAt": turn.now}


def withdraw(turn: Turn) -> Outcome:
    """session.withdraw: the partner is told without a reason."""
    abandon(turn)
    return {"session": Ref("session", turn.state.id)}


def nudge(turn: Turn) -> Outcome:
    """partner.nudge: at most once in six hours."""
    me = turn.me
    if me.nudged_at is not None and turn.now < me.nudged_at + NUDGE_INTERVAL:
        return {"nudged": False, "nextAllowedAt": me.nudged_at + NUDGE_INTERVAL}
    me.nudged_at = turn.now
    turn.insert(
        "hub.Nudge",
        id=turn.ids.ordered(),
        sessionId=turn.state.id,
        userId=turn.user,
        at=turn.now,
    )
    turn.tell("partner.nudged")
    return {"nudged": True, "nextAllowedAt": turn.now + NUDGE_INTERVAL}


# ---- resolving


def resolve(turn: Turn) -> Outcome:
    """session.resolve: with an agreement by one, without one by both."""
    data: c.SessionResolve = turn.command.data
    if data.without_agreement:
        return _resolve_without(turn)
    if not agreement_stands(turn.state, turn.me, turn.partner):
        return no(Code.GATE_NOT_SATISFIED, agreement="an agreement of both is needed")
    return _resolved(turn, AGREEMENT)


def _resolve_without(turn: Turn) -> Outcome:
    state = turn.state
    if turn.me.stage < 1:
        return no(Code.INVALID_STAGE, yours=str(turn.me.stage), needed="1")
    if state.close_proposed_by in (None, turn.user):
        if state.close_proposed_by is None:
            state.close_proposed_by = turn.user
            turn.session(closeProposedById=turn.user)
            turn.tell("session.close_proposed")
        return _resolution(turn, follow_up=False)
    return _resolved(turn, NO_SHARED_AGREEMENT)


def _resolved(turn: Turn, outcome: str) -> Outcome:
    state = turn.state
    state.status, state.resolved_at, state.outcome = RESOLVED, turn.now, outcome
    turn.session(status=RESOLVED, resolvedAt=turn.now, outcome=outcome)
    turn.hush(ended=True)
    follow_up = False
    for key, agreement in state.agreements.items():
        if agreement.status == AGREED and agreement.follow_up is not None:
            turn.remind("follow_up", max(agreement.follow_up, turn.now), agreementId=key)
            follow_up = True
    turn.tell("session.resolved")
    return _resolution(turn, follow_up=follow_up)


def _resolution(turn: Turn, *, follow_up: bool) -> Mapping[str, Json]:
    state = turn.state
    return {
        "resolved": state.status == RESOLVED,
        "resolvedAt": state.resolved_at,
        "outcome": state.outcome,
        "agreements": [
            Ref("agreement", key) for key, a in state.agreements.items() if a.status == AGREED
        ],
        "followUpScheduled": follow_up,
    }


# ---- stages


def advance(turn: Turn) -> Outcome:
    """stage.advance: always an ack; being blocked is an answer, not an error."""
    data: c.StageAdvance = turn.command.data
    reason = blocked(turn, data.from_stage, data.to_stage)
    if reason is None:
        step(turn, data.to_stage)
        return lambda: {"success": True, "newProgress": progress(turn.state, turn.me)}
    return {
        "success": False,
        "newProgress": progress(turn.state, turn.me),
        "blockedReason": reason[0],
        "unsatisfiedGates": list(reason[1]),
    }


def progress_get(turn: Turn) -> Outcome:
    """progress.get"""
    me = turn.me
    reply: dict[str, Json] = {
        "sessionId": turn.state.id,
        "myProgress": progress(turn.state, me),
        "partnerProgress": partner_progress(turn.partner),
        "canAdvance": can_advance(turn.state, me),
        "advanceBlockedReason": None,
    }
    reason = blocked(turn, me.stage, me.stage + 1)
    if reason is not None:
        reply["advanceBlockedReason"] = reason[0]
    return reply


def gates_get(turn: Turn) -> Outcome:
    """gates.get: only the caller's own."""
    data: c.GatesGet = turn.command.data
    return gates(turn.me, data.stage)


# ---- the compact


def compact_sign(turn: Turn) -> Outcome:
    """compact.sign: once."""
    if turn.me.has_gate(0, "compactSigned"):
        return no(Code.CONFLICT, compact="already signed")
    turn.say("compactSigned", True)
    turn.tell("partner.signed_compact", signedAt=turn.now)
    partner = turn.partner
    signed = partner is not None and partner.has_gate(0, "compactSigned")
    return lambda: {
        "signed": True,
        "signedAt": turn.now,
        "partnerSigned": signed,
        "canAdvance": can_advance(turn.state, turn.me),
    }


def compact_status(turn: Turn) -> Outcome:
    """compact.status: the partner's time only after the caller signed."""
    mine = turn.me.progress[0].gates.get("compactSigned")
    theirs = None
    if turn.partner is not None:
        theirs = turn.partner.progress[0].gates.get("compactSigned")
    return {
        "mySigned": mine is not None,
        "mySignedAt": mine,
        "partnerSigned": theirs is not None,
        "partnerSignedAt": theirs if mine is not None else None,
        "canAdvance": can_advance(turn.state, turn.me),
    }


SESSIONS: Mapping[str, Handler] = {
    "session.get": get,
    "session.pause": pause,
    "session.resume": resume,
    "session.withdraw": withdraw,
    "session.resolve": resolve,
    "partner.nudge": nudge,
    "stage.advance": advance,
    "progress.get": progress_get,
    "gates.get": gates_get,
    "compact.sign": compact_sign,
    "compact.status": compact_status,
}
