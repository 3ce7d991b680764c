"""Every reachable gate state, walked breadth first through the real `decide`.

Bounded data: one need each, at most one proposed item of common ground, one live agreement, two
rounds of ranking. Two states with the same `key` behave alike as far as gates go: ids, times and
texts are left out, and facts of a stage are dropped once both have latched gates there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, TypeAlias

import msgspec

from beheard_hub.domain.kernel import Command, Work, Worked
from beheard_hub.domain.mediation.commands import CommonGroundFound
from beheard_hub.domain.mediation.guards import feedback_came, feedback_consent
from beheard_hub.domain.mediation.kind import MEDIATION
from beheard_hub.domain.mediation.state import Seat, State
from beheard_hub.domain.mediation.vocabulary import ACTIVE, AGREED, GRANTED, PAUSED, PROPOSED
from beheard_hub.domain.refusals import Refusal
from tests.unit.domain.play import START, A, B, CountingIds, idea

Key: TypeAlias = Any
Move: TypeAlias = tuple[str, str, Mapping[str, Any]]
"""(user, command, data)"""

IDS = CountingIds()
NUMBERS = count()


# ---- one step


def step(state: State, move: Move) -> State | None:
    """The state after a command and all work that it needs, or None where it is refused."""
    user, name, data = move
    if name == "analyse":
        return _analysed(state)
    clean = MEDIATION.validate(name, data)
    assert not isinstance(clean, Refusal), (name, clean)
    command = Command(id=f"w{next(NUMBERS)}", name=name, user_id=user, data=clean)
    decision = MEDIATION.decide(state, command, START, IDS)
    while isinstance(decision.answer, Work):
        done = Worked(command, decision.answer, _work(decision.answer))
        again = Command(id="w", name="internal.worked", user_id=user, data=done)
        decision = MEDIATION.decide(decision.state, again, START, IDS)
    return None if isinstance(decision.answer, Refusal) else decision.state


def _work(work: Work) -> dict[str, Any]:
    args = work.args
    if work.kind == "needs.share":
        words = {"need": "n", "category": "SAFETY", "description": "d"}
        common = [{**words, "mine": args["needIds"], "theirs": args["partnerContentIds"]}]
        needs = [{"id": key, **words} for key in args["needIds"]]
        return {"needs": needs, "common": common if args["analyse"] else None}
    return {"items": [idea()] * args["count"]}


def _analysed(state: State) -> State | None:
    sides = [list(state.shared_needs(user)) for user in (A, B)]
    words = {"need": "n", "category": "SAFETY", "description": "d"}
    items = ({**words, "sourceContentIds": sides[0] + sides[1]},) if all(sides) else ()
    data = CommonGroundFound(
        reminder_id=state.analysis, content_ids=tuple(sides[0] + sides[1]), items=items
    )
    command = Command(id="x", name="internal.common_ground", user_id="", data=data)
    return MEDIATION.decide(state, command, START, IDS).state


# ---- the alphabet


def moves(state: State) -> Iterator[Move]:
    """Commands of both users that can matter for gates here."""
    if state.analysis is not None:
        yield A, "analyse", {}
    for seat in state.seats:
        for name, data in _moves_of(state, seat):
            yield seat.user_id, name, data


def _moves_of(state: State, seat: Seat) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for consent_id, consent in seat.consents.items():
        if consent.decision == GRANTED and _stands(state, seat, consent_id):
            yield "consent.revoke", {"consentRecordId": consent_id}
    if state.status == PAUSED:
        yield "session.resume", {}
        return
    yield "session.pause", {}
    yield "stage.advance", {"fromStage": seat.stage, "toStage": seat.stage + 1}
    yield from MOVES[seat.stage](state, seat)


def _stands(state: State, seat: Seat, consent_id: str) -> bool:
    newest = seat.newest_attempt
    if newest is not None and newest.consent_id == consent_id:
        return True
    if any(c.active and c.consent_id == consent_id and c.need_id for c in state.contents.values()):
        return True
    said = _said(state, seat)
    return said is not None and feedback_consent(seat, said.id) == consent_id


def _said(state: State, seat: Seat) -> Any:
    """What the seat said of the partner's newest attempt."""
    partner = state.partner_of(seat.user_id)
    newest = partner.newest_attempt if partner is not None else None
    return seat.validations.get(newest.id) if newest is not None else None


def _stage0(state: State, seat: Seat) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "compact.sign", {"agreed": True}


def _stage1(state: State, seat: Seat) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "feel_heard.confirm", {"confirmed": True}
    yield "feel_heard.confirm", {"confirmed": False}


def _stage2(state: State, seat: Seat) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for ready in (True, False):
        if seat.draft is None or seat.draft.ready is not ready:
            yield "empathy.save_draft", {"content": "you", "readyToShare": ready}
    if seat.draft is not None:
        yield "empathy.consent", {"draftId": seat.draft.id, "finalContent": "you"}
    yield "empathy.validate", {"validated": True}
    yield "empathy.validate", {"validated": False}
    told = {"validated": False, "feedback": "not quite", "consentToShareFeedback": True}
    yield "empathy.validate", told
    yield "empathy.accept_feedback", {}


def _stage3(state: State, seat: Seat) -> Iterator[tuple[str, Mapping[str, Any]]]:
    words = {"need": "n", "category": "SAFETY", "description": "d"}
    if not seat.needs:
        yield "needs.add", words
    for key in seat.needs:
        for yes in (True, False):
            yield "needs.confirm", {"confirmations": [{"needId": key, "confirmed": yes}]}
        yield "needs.consent", {"needIds": [key]}
    if not any(g.proposed_by for g in state.common_ground.values()):
        yield "common_ground.propose", words
    for key, item in state.common_ground.items():
        if not item.stale:
            for yes in (True, False):
                answer = {"commonGroundId": key, "confirmed": yes}
                yield "common_ground.confirm", {"confirmations": [answer]}


def _stage4(state: State, seat: Seat) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "strategies.ready", {}
    pool = sorted(state.pool)
    if pool:
        yield "strategies.rank", {"rankedIds": pool[:1]}
    if pool and state.round == 1:
        yield "strategies.rank", {"rankedIds": pool[1:2]}
    live = [(k, a) for k, a in state.agreements.items() if a.status in (PROPOSED, AGREED)]
    if not live:
        yield "agreement.create", {"description": "walks", "type": "CHECK_IN"}
    for key, _ in live:
        yield "agreement.confirm", {"agreementId": key, "confirmed": True}
        yield "agreement.confirm", {"agreementId": key, "confirmed": False}
        other = {"agreementId": key, "confirmed": False, "modification": "runs"}
        yield "agreement.confirm", other
    yield "session.resolve", {}


MOVES: tuple[Callable[[State, Seat], Iterator[tuple[str, Mapping[str, Any]]]], ...] = (
    _stage0, _stage1, _stage2, _stage3, _stage4,
)  # fmt: skip


# ---- what makes two states the same


def key(state: State) -> Key:
    """All that gates can depend on, and nothing else."""
    seats = state.seats
    latched = {n for n in range(5) if all(n in s.progress and _shut(s, n) for s in seats)}
    return (
        state.status,
        tuple(_seat_key(state, seat, latched) for seat in seats),
        () if 3 in latched else _ground_key(state),
        (state.phase, state.round),
        tuple(sorted(
            (a.status, a.by_a, a.by_b) for a in state.agreements.values()
            if a.status in (PROPOSED, AGREED)
        )),
    )  # fmt: skip


def _shut(seat: Seat, stage: int) -> bool:
    return seat.progress[stage].latched or seat.completed(stage)


def _ground_key(state: State) -> Key:
    items = sorted(
        (g.by_a, g.by_b, bool(g.sources), bool(g.proposed_by))
        for g in state.common_ground.values()
        if not g.stale
    )
    proposed = any(g.proposed_by for g in state.common_ground.values())
    return tuple(items), proposed, state.analysis is not None


def _seat_key(state: State, seat: Seat, latched: set[int]) -> Key:
    rows = tuple(
        (n, row.status, tuple(sorted(row.gates)), row.latched)
        for n, row in sorted(seat.progress.items())
        if n not in latched or n == seat.stage
    )
    ranking = seat.ranking
    ranked = ranking is not None and ranking.round == state.round
    top = sorted(state.pool).index(ranking.ids[0]) if ranking is not None and ranked else None
    return (
        rows,
        () if 2 in latched else _empathy_key(state, seat),
        () if 3 in latched else _needs_key(state, seat),
        (seat.ready_round == state.round, seat.ready_round is not None, ranking is not None, top),
    )


def _empathy_key(state: State, seat: Seat) -> Key:
    said = _said(state, seat)
    shared = said is not None and feedback_consent(seat, said.id)
    return (
        seat.draft is not None and seat.draft.ready,
        seat.draft is not None,
        seat.newest_attempt is not None,
        seat.active_attempt is not None,
        seat.feedback_accepted_at is not None,
        feedback_came(seat, state.partner_of(seat.user_id)),
        None if said is None else (said.validated, said.feedback_shared),
        bool(shared) and seat.granted(str(shared)),
    )


def _needs_key(state: State, seat: Seat) -> Key:
    return (
        tuple((n.confirmed, n.answered) for n in seat.needs.values()),
        bool(state.shared_needs(seat.user_id)),
        any(c.user_id == seat.user_id and c.need_id for c in state.contents.values()),
    )


# ---- the walk


class Walk(msgspec.Struct):
    """All states found: a representative of each, and which lead to which."""

    states: dict[Key, State]
    before: dict[Key, set[Key]]

    def reaching(self, goal: Callable[[State], bool]) -> set[Key]:
        """Keys from which some sequence of commands leads to a goal."""
        found = {k for k, state in self.states.items() if goal(state)}
        queue = deque(found)
        while queue:
            for earlier in self.before.get(queue.popleft(), ()):
                if earlier not in found:
                    found.add(earlier)
                    queue.append(earlier)
        return found


def walk(first: State, check: Callable[[State, Move, State], None]) -> Walk:
    """Visits everything reachable; `check` sees every step."""
    found = Walk({key(first): first}, {})
    queue = deque(found.states.items())
    while queue:
        here, state = queue.popleft()
        if state.status not in (ACTIVE, PAUSED):
            continue
        for move in moves(state):
            after = step(state, move)
            if after is None:
                continue
            check(state, move, after)
            there = key(after)
            if there not in found.states:
                found.states[there] = after
                queue.append((there, after))
            if there != here:
                found.before.setdefault(there, set()).add(here)
    return found
