"""An exchange: the participant's message, and what each lane makes of it.

No lane is named here: who speaks first and who next are `protocol.LANES`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from beheard_hub.domain.practice import commands as c
from beheard_hub.domain.practice import internal as i
from beheard_hub.domain.practice.elapse import end
from beheard_hub.domain.practice.protocol import FIRST_LANE, LANES
from beheard_hub.domain.practice.state import Exchange
from beheard_hub.domain.practice.telemetry import FALLS
from beheard_hub.domain.practice.turn import Handler, Outcome, Turn
from beheard_hub.domain.practice.views import quota
from beheard_hub.domain.practice.vocabulary import BY_QUOTA, EXCHANGE, EXHAUSTED, OPEN, ROLE_USER
from beheard_hub.domain.refusals import Code, Refusal


def send(turn: Turn) -> Outcome:
    """practice.send: begins an exchange. One that failed stays as it is; its lanes say no more."""
    data: c.PracticeSend = turn.command.data
    state = turn.state
    if state.exchange is not None and not state.exchange.failed:
        return Refusal(Code.CONFLICT)
    if state.quota.level == EXHAUSTED:
        return Refusal(Code.QUOTA_EXHAUSTED)
    number, message = turn.say(ROLE_USER, data.content, {"clientId": turn.command.id})
    turn.count("message_sent")
    _ask(turn, number, FIRST_LANE)
    return {"userMessage": message}


def retry(turn: Turn) -> Outcome:
    """practice.retry: asks the lane that failed once more, also where the quota was used up by the
    lane before it: the exchange was let in."""
    exchange = turn.state.exchange
    if exchange is None or not exchange.failed:
        return Refusal(Code.CONFLICT, message="Nothing has failed.")
    _ask(turn, exchange.message_id, exchange.lane)
    return {"accepted": True}


def _ask(turn: Turn, message_id: int, lane: str) -> None:
    reminder = turn.remind(EXCHANGE, turn.now, messageId=str(message_id), lane=lane)
    turn.state.exchange = Exchange(message_id, lane, reminder)


def replied(turn: Turn) -> Outcome:
    """internal.practice_replied: words and cost in one commit, once per reminder."""
    data: i.Replied = turn.command.data
    turn.done.append(data.reminder_id)
    if _is_late(turn, data.reminder_id):
        _charge(turn, data)
        return None
    exchange = _asked_by(turn, data.reminder_id)
    if exchange is None:
        return None
    assert data.lane == exchange.lane, "a reminder asks one lane"
    assert data.content.strip(), "a call that said nothing is a failure"
    made = {"model": data.model, "answers": str(exchange.message_id)}
    turn.say(data.lane, data.content, made, data.message_id)
    _charge(turn, data)
    following = LANES[exchange.lane].then
    if following is not None:
        _ask(turn, exchange.message_id, following)
        return None
    turn.state.exchange = None
    turn.tell("practice.exchange_complete")
    if turn.state.quota.level == EXHAUSTED:
        end(turn, BY_QUOTA, turn.now)
    return None


def failed(turn: Turn) -> Outcome:
    """internal.practice_failed: nothing is stored; the participant may ask again."""
    data: i.Failed = turn.command.data
    turn.done.append(data.reminder_id)
    exchange = _asked_by(turn, data.reminder_id)
    if not _is_late(turn, data.reminder_id) and exchange is not None:
        turn.state.exchange = msgspec.structs.replace(exchange, reminder=None)
        turn.tell("practice.failed", lane=exchange.lane, retryable=data.retryable)
        turn.count("stream_error", lane=exchange.lane, retryable=data.retryable)
    return None


def _asked_by(turn: Turn, reminder_id: str) -> Exchange | None:
    """The exchange, if that reminder is the one that asks now."""
    exchange = turn.state.exchange
    return exchange if exchange is not None and exchange.reminder == reminder_id else None


def _is_late(turn: Turn, reminder_id: str) -> bool:
    """Whether that was the call under way when the session ended; only once."""
    if turn.state.late != reminder_id:
        return False
    turn.state.late = None
    return True


def _charge(turn: Turn, data: i.Replied) -> None:
    state, before = turn.state, turn.state.quota
    state.quota = before.charged(data.input_tokens, data.output_tokens)
    turn.insert(
        "UsageLog",
        id=turn.ids.ordered(),
        userId=state.user_id,
        invitationId=state.invitation_id,
        sessionId=int(state.id),
        model=data.model,
        streamType=data.lane,
        inputTokens=data.input_tokens,
        outputTokens=data.output_tokens,
        timestamp=turn.now,
    )
    turn.count(
        "stream_completed",
        lane=data.lane,
        inputTokens=data.input_tokens,
        outputTokens=data.output_tokens,
    )
    level = state.quota.level
    if level != before.level and state.status in OPEN:
        turn.tell("practice.quota", **quota(state.quota))
        left = {"remaining": state.quota.remaining, "total": state.quota.tokens}
        turn.count(FALLS[level], **left)


EXCHANGES: Mapping[str, Handler] = {
    "practice.send": send,
    "practice.retry": retry,
    "internal.practice_replied": replied,
    "internal.practice_failed": failed,
}
