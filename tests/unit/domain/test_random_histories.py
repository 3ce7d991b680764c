"""Random histories of both users with all commands: every promise, and nothing lost by a crash.

Each word that a user writes carries that user's canary: it may stand in rows, never in a state, and
never in what the other one is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from beheard_hub.domain.kernel import Command, Read, Work
from beheard_hub.domain.mediation.commands import AiFailed, BudgetReached, Safety, Timer
from beheard_hub.domain.mediation.kind import MEDIATION
from beheard_hub.domain.mediation.protocol import COMMANDS
from beheard_hub.domain.mediation.reads import READS
from beheard_hub.domain.mediation.state import Seat, pack, unpack
from beheard_hub.domain.refusals import Refusal
from tests.unit.domain import promises
from tests.unit.domain.play import A, B, Play

Draw = Callable[[Sequence[Any]], Any]
"""Picks one of several; evenly, so that deep places are reached."""
STRANGER = "mallory"


def canary(user: str) -> str:
    return f"canary-{user}"


class Watched(Play):
    """Checks everything after every turn."""

    def decide(self, command: Command) -> Any:
        before = self.state
        answer = super().decide(command)
        after = self.state
        promises.hold(after)
        promises.keep(before, after)
        assert self.loaded() == after, command.name
        packed = pack(after)
        assert unpack(packed) == after
        assert b"canary" not in packed
        for notice in self.last.notices:
            assert notice.user_id in MEDIATION.members(after)
            other = B if notice.user_id == A else A
            assert canary(other) not in repr(notice.data)
            if other == command.user_id and command.name in COMMANDS:
                assert "Ref" not in repr(notice.data), "no text of the caller for the partner"
        if isinstance(answer, Read):
            assert answer.query in READS
        if isinstance(answer, Refusal):
            assert "canary" not in repr(answer)
        for user in MEDIATION.members(after):
            shown = MEDIATION.snapshot(after, user, {})
            assert b"canary" not in msgspec.json.encode(shown)
        return answer


# ---- drawing commands


def _one(draw: Draw, ids: Any) -> str:
    """One of these ids, rarely one of nothing."""
    known = list(ids)
    return str(draw(known * 6 + ["i0000000"]))


def _seat(play: Play, user: str) -> Seat:
    seat = play.state.seat(user) or play.state.a
    assert seat is not None
    return seat


def _text(user: str) -> str:
    return f"I wrote {canary(user)} here"


def _words(user: str) -> dict[str, Any]:
    return {"need": _text(user), "category": "SAFETY", "description": _text(user)}


Maker = Callable[[Draw, Play, str], Mapping[str, Any]]
FLAG = (True, True, True, False)

MAKERS: Mapping[str, Maker] = {
    "invitation.accept": lambda d, p, u: {"invitationId": p.invitation_id},
    "invitation.decline": lambda d, p, u: {
        "invitationId": p.invitation_id, "reason": _text(u),
    },
    "invitation.resend": lambda d, p, u: {"invitationId": p.invitation_id},
    "session.pause": lambda d, p, u: {"reason": _text(u)},
    "session.resolve": lambda d, p, u: {"withoutAgreement": not d(FLAG)},
    "gates.get": lambda d, p, u: {"stage": d(range(5))},
    "stage.advance": lambda d, p, u: {
        "fromStage": _seat(p, u).stage, "toStage": _seat(p, u).stage + 1,
    },
    "compact.sign": lambda d, p, u: {"agreed": True},
    "message.send": lambda d, p, u: {
        "content": _text(u), "emotionalIntensity": d([None, 3, 9]),
    },
    "feel_heard.confirm": lambda d, p, u: {"confirmed": d(FLAG)},
    "emotions.record": lambda d, p, u: {"intensity": d(range(1, 11)), "context": _text(u)},
    "exercises.complete": lambda d, p, u: {"exerciseType": "GROUNDING", "completed": True},
    "event.add": lambda d, p, u: {"description": _text(u), "attributedTo": "SELF"},
    "event.edit": lambda d, p, u: {
        "eventId": _one(d, _seat(p, u).events), "description": _text(u),
    },
    "event.delete": lambda d, p, u: {"eventId": _one(d, _seat(p, u).events)},
    "boundary.add": lambda d, p, u: {"description": _text(u), "nonNegotiable": True},
    "boundary.edit": lambda d, p, u: {
        "boundaryId": _one(d, _seat(p, u).boundaries), "nonNegotiable": False,
    },
    "boundary.delete": lambda d, p, u: {"boundaryId": _one(d, _seat(p, u).boundaries)},
    "document.add": lambda d, p, u: {"title": _text(u), "content": _text(u), "type": "note"},
    "document.edit": lambda d, p, u: {
        "documentId": _one(d, _seat(p, u).documents), "title": _text(u),
    },
    "document.delete": lambda d, p, u: {"documentId": _one(d, _seat(p, u).documents)},
    "recall.search": lambda d, p, u: {"query": "rest"},
    "empathy.save_draft": lambda d, p, u: {"content": _text(u), "readyToShare": d(FLAG)},
    "empathy.consent": lambda d, p, u: {
        "draftId": _draft_id(p, u), "finalContent": d([None, _text(u)]),
    },
    "empathy.validate": lambda d, p, u: {
        "validated": d(FLAG), "feedback": _text(u), "consentToShareFeedback": d(FLAG),
    },
    "needs.list": lambda d, p, u: {"resynthesize": d(FLAG)},
    "needs.add": lambda d, p, u: _words(u),
    "needs.confirm": lambda d, p, u: {
        "confirmations": [
            {"needId": key, "confirmed": d(FLAG)} for key in _seat(p, u).needs or ["none"]
        ]
    },
    "needs.consent": lambda d, p, u: {"needIds": [_one(d, _seat(p, u).needs)]},
    "common_ground.propose": lambda d, p, u: _words(u),
    "common_ground.confirm": lambda d, p, u: {
        "confirmations": [
            {"commonGroundId": _one(d, p.state.common_ground), "confirmed": d(FLAG)}
        ]
    },
    "strategies.propose": lambda d, p, u: {"description": _text(u)},
    "strategies.suggest": lambda d, p, u: {"count": 2},
    "strategies.rank": lambda d, p, u: {
        "rankedIds": d(_orders(p))
    },
    "agreement.create": lambda d, p, u: {
        "description": _text(u), "type": "COMMITMENT", "strategyId": _maybe(d, p.state.pool),
    },
    "agreement.confirm": lambda d, p, u: _agreement_answer(d, p, u),
    "consent.request": lambda d, p, u: _consent_request(d, p, u),
    "consent.decide": lambda d, p, u: {
        "consentRequestId": _one(d, _pending(p, u) or _seat(p, u).consents),
        "decision": d(["GRANTED", "DENIED"]),
        "editedContent": d([None, _text(u)]),
    },
    "consent.revoke": lambda d, p, u: {"consentRecordId": _one(d, _seat(p, u).consents)},
}  # fmt: skip
"""Commands with data; all others have none that is needed."""


def _pending(play: Play, user: str) -> list[str]:
    found = _seat(play, user).consents.items()
    return [key for key, consent in found if consent.decision is None]


def _orders(play: Play) -> list[list[str]]:
    """Some rankings of the pool."""
    pool = sorted(play.state.pool)
    return [pool[n:][:3] for n in range(len(pool))] or [["none"]]


def _draft_id(play: Play, user: str) -> str:
    draft = _seat(play, user).draft
    return draft.id if draft is not None else "none"


def _maybe(draw: Draw, ids: Any) -> str | None:
    return None if draw(FLAG) else _one(draw, ids)


def _agreement_answer(draw: Draw, play: Play, user: str) -> Mapping[str, Any]:
    yes = draw(FLAG)
    other = None if yes else draw([None, _text(user)])
    key = _one(draw, play.state.agreements)
    return {"agreementId": key, "confirmed": yes, "modification": other}


def _consent_request(draw: Draw, play: Play, user: str) -> Mapping[str, Any]:
    seat = _seat(play, user)
    kind, ids = draw(
        [
            ("EVENT_SUMMARY", seat.events),
            ("BOUNDARY", seat.boundaries),
            ("IDENTIFIED_NEED", list(seat.needs)),
            ("EMOTIONAL_PATTERN", [r.id for r in seat.readings]),
        ]
    )
    return {"contentType": kind, "originalContentId": _one(draw, ids)}


# ---- what the hub itself does meanwhile


def _hub(draw: Draw, play: Play) -> None:
    user = draw([A, B])
    seat = play.state.seat(user)
    what = draw(["answer", "answer", "fail", "budget", "safety", "analyse", "time"])
    if what == "analyse":
        play.analyse()
    elif what == "time":
        play.now += timedelta(days=draw([1, 1, 8, 31]))
        data = Timer(reminder_id="none", kind="inactivity")
        play.internal("internal.timer", "", data)
    elif what == "safety":
        play.internal("internal.safety", user, Safety(severity="urgent"))
    elif seat is not None and seat.ai_turn is not None:
        if what == "answer":
            play.answer(user, offer_feel_heard=True, support_type="GROUNDING")
        elif what == "fail":
            play.internal("internal.ai_failed", user, AiFailed(reminder_id=seat.ai_turn))
        else:
            spent = BudgetReached(reminder_id=seat.ai_turn, resets_at=play.now)
            play.internal("internal.ai_budget", user, spent)


def _user_step(draw: Draw, play: Watched, waiting: list[tuple[Work, Command]]) -> None:
    user = draw([A, A, A, B, B, B, STRANGER])
    seat = _seat(play, user)
    fitting = [
        name
        for name, row in COMMANDS.items()
        if (row.stages is None or seat.stage in row.stages) and play.state.status in row.statuses
    ]
    likely = [name for name in fitting if COMMANDS[name].stages is not None]
    pool = [*fitting, *likely * 4, *["stage.advance"] * 6, *COMMANDS]
    name = draw(pool)
    if name == "session.withdraw" and draw(FLAG):
        return
    if user == STRANGER and COMMANDS[name].by_invitation and play.state.b is None:
        return  # an open invitation is for whoever holds it; here that is B
    make = MAKERS.get(name)
    data = make(draw, play, user) if make is not None else {}
    answer = play.ask(user, name, **data)
    while isinstance(answer, Work):
        if draw([False, False, False, True]):
            waiting.append((answer, play.command))  # others go on meanwhile
            return
        answer = play.finish(answer)


STAGES = (-1, 0, 1, 2, 2, 3, 3, 4, 4, 5, 6)
"""Where histories begin; 5 is an open pool, 6 a known overlap."""


def _begun(stage: int) -> Watched:
    play = Watched(inviteName="somebody")
    if stage >= 0:
        play.to_stage(min(stage, 4))
    if stage >= 5:
        play.open_pool()
    if stage >= 6:
        play.rank()
    for user in (A, B) if stage >= 0 else ():
        play.do(user, "event.add", description=_text(user), attributedTo="SELF")
        play.do(user, "boundary.add", description=_text(user), nonNegotiable=False)
        play.do(user, "emotions.record", intensity=4)
        if stage >= 2:
            event = _seat(play, user).events[0]
            asked = {"contentType": "EVENT_SUMMARY", "originalContentId": event}
            play.do(user, "consent.request", **asked)
    if stage == 2:
        play.attempt(A)
        play.attempt(B)
        told = {"validated": False, "feedback": _text(B), "consentToShareFeedback": True}
        play.do(B, "empathy.validate", **told)
    return play


@settings(max_examples=120)
@given(seed=st.integers(0, 2**64))
def test_random_histories_keep_every_promise(seed: int) -> None:
    draw = Random(seed).choice
    play = _begun(draw(STAGES))
    waiting: list[tuple[Work, Command]] = []
    for _ in range(draw(range(10, 60))):
        kind = draw(["user"] * 8 + ["hub", "late"])
        if kind == "user":
            _user_step(draw, play, waiting)
        elif kind == "hub":
            _hub(draw, play)
        elif waiting:
            work, command = waiting.pop(0)
            play.finish(work, command)
    assert_events_have_no_hole(play)


def assert_events_have_no_hole(play: Play) -> None:
    for user in (A, B):
        seqs = [
            event["seq"]
            for event in play.tables.rows(
                "hub.SessionEvent", sessionId=play.session_id, userId=user
            )
        ]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) == len(play.told[user])
