"""Stage 4: ideas, one pool without authors, rankings, their overlap, agreements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from beheard_hub.domain.kernel import Json, Read, Ref, Work
from beheard_hub.domain.limits import (
    AGREEMENTS_OPEN_MAX,
    FOLLOW_UP_MAX,
    LIBRARY_IDEAS_ADDED,
    STRATEGIES_PER_USER_MAX,
    SUGGESTIONS_PER_USER_MAX,
)
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation.guards import (
    agreement_stands,
    overlap_ids,
    overlap_is_known,
)
from beheard_hub.domain.mediation.handlers.crossing import grant_new
from beheard_hub.domain.mediation.protocol import IDEAS
from beheard_hub.domain.mediation.state import Agreement, Ranking, State
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn, WorkHandler, no
from beheard_hub.domain.mediation.views import shape, viewer_of
from beheard_hub.domain.mediation.vocabulary import (
    ABANDONED,
    AGREED,
    AI_SUGGESTED,
    CURATED,
    NEGOTIATING,
    PROPOSED,
    RANKING,
    REVEALING,
    STRATEGY_PROPOSAL,
    USER_SUBMITTED,
)
from beheard_hub.domain.refusals import Code
from beheard_hub.domain.validation import refused

# ---- ideas


def strategies_list(turn: Turn) -> Outcome:
    """strategies.list"""
    state = turn.state
    shown = {"aiSuggestionsAvailable": state.phase in IDEAS, "phase": state.phase}
    return Read("strategies.list", {"with": shown})


def propose(turn: Turn) -> Outcome:
    """strategies.propose: a random id, because a time-ordered one tells who was when."""
    data: c.StrategiesPropose = turn.command.data
    me, state = turn.me, turn.state
    if me.own_ideas >= STRATEGIES_PER_USER_MAX:
        return no(Code.CONFLICT, limit=str(STRATEGIES_PER_USER_MAX))
    key = turn.ids.random()
    idea: dict[str, Json] = {
        "description": data.description,
        "needsAddressed": list(data.needs_addressed),
        "duration": data.duration,
        "measureOfSuccess": data.measure_of_success,
    }
    consent_id = grant_new(turn, STRATEGY_PROPOSAL, key)
    ref = _store(turn, key, idea, USER_SUBMITTED, turn.user, consent_id)
    me.ideas[key] = state.round
    me.own_ideas += 1
    visible = {**me.ideas, **state.opened_pool}
    return {"strategy": ref, "totalStrategies": len(visible)}


def _store(
    turn: Turn,
    key: str,
    idea: Mapping[str, Any],
    source: str,
    author: str | None,
    consent_id: str | None = None,
) -> Ref:
    row = {
        "id": key,
        "description": idea["description"],
        "needsAddressed": list(idea["needsAddressed"]),
        "duration": idea["duration"],
        "measureOfSuccess": idea["measureOfSuccess"],
    }
    turn.insert(
        "StrategyProposal",
        sessionId=turn.state.id,
        createdByUserId=author,
        source=source,
        consentRecordId=consent_id,
        round=turn.state.round,
        **row,
    )
    return turn.ref("strategy", key, row)


def suggest(turn: Turn) -> Outcome:
    """strategies.suggest: seen by the asker only until the pool opens."""
    data: c.StrategiesSuggest = turn.command.data
    me = turn.me
    if len(me.ideas) - me.own_ideas + data.count > SUGGESTIONS_PER_USER_MAX:
        return no(Code.CONFLICT, limit=str(SUGGESTIONS_PER_USER_MAX))
    return Work("strategies.suggest", {"count": data.count, "focusNeeds": list(data.focus_needs)})


def suggested(turn: Turn, work: Work, result: Mapping[str, Json]) -> Outcome:
    """strategies.suggest, with what was found."""
    again = suggest(turn)
    if not isinstance(again, Work):
        return again
    refs = []
    for idea in list(result["suggestions"])[: work.args["count"]]:
        key = turn.ids.random()
        refs.append(_store(turn, key, idea, AI_SUGGESTED, turn.user))
        turn.me.ideas[key] = turn.state.round
    return {"suggestions": refs, "source": "AI_GENERATED"}


# ---- ready, rank, overlap


def ready(turn: Turn) -> Outcome:
    """strategies.ready: when both are, library ideas join so that "not mine" is not "yours"."""
    if _partner_ready(turn):
        return Work("strategies.library", {"count": LIBRARY_IDEAS_ADDED})
    _be_ready(turn)
    return {"ready": True, "partnerReady": False, "canStartRanking": False}


def _partner_ready(turn: Turn) -> bool:
    return turn.partner is not None and turn.partner.ready_round == turn.state.round


def _be_ready(turn: Turn) -> None:
    me, state = turn.me, turn.state
    if me.ready_round != state.round:
        me.ready_round = state.round
        turn.update("StageProgress", {"id": me.row.id}, strategiesReadyRound=state.round)
        turn.tell("partner.strategies_ready")


def ready_with_library(turn: Turn, work: Work, result: Mapping[str, Json]) -> Outcome:
    """strategies.ready of the second one, with ideas that nobody has seen: the pool opens."""
    state = turn.state
    items = list(result["items"])[:LIBRARY_IDEAS_ADDED]
    if not _partner_ready(turn):
        return ready(turn)
    if not items and not state.pool:
        return no(Code.SERVICE_UNAVAILABLE)
    _be_ready(turn)
    for idea in items:
        key = turn.ids.random()
        _store(turn, key, idea, CURATED, None)
        state.library_ideas[key] = state.round
    _enter_phase(turn, RANKING, state.round)
    turn.tell("strategies.ranking_open")
    return {"ready": True, "partnerReady": True, "canStartRanking": True}


def _enter_phase(turn: Turn, phase: str, number: int) -> None:
    state = turn.state
    columns: dict[str, Json] = {"strategyPhase": phase}
    if number != state.round:
        columns["strategyRound"] = number
    state.phase, state.round = phase, number
    turn.session(**columns)


def rank(turn: Turn) -> Outcome:
    """strategies.rank: overwritten at will until both are in; then compared at once."""
    data: c.StrategiesRank = turn.command.data
    me, state = turn.me, turn.state
    if not set(data.ranked_ids) <= set(state.pool):
        return no(Code.NOT_FOUND)
    columns: dict[str, Json] = {"rankedIds": list(data.ranked_ids), "submittedAt": turn.now}
    if me.ranking is not None and me.ranking.round == state.round:
        key = me.ranking.id
        turn.update("StrategyRanking", {"id": key}, **columns)
    else:
        key = turn.ids.ordered()
        of = {"sessionId": state.id, "userId": turn.user, "round": state.round}
        turn.insert("StrategyRanking", id=key, **of, **columns)
        turn.tell("partner.ranking_submitted")
    me.ranking = Ranking(state.round, data.ranked_ids, turn.now, key)
    theirs = turn.other.ranking
    both = theirs is not None and theirs.round == state.round
    if both:
        _compare(turn)
    return {
        "submitted": True,
        "submittedAt": turn.now,
        "partnerSubmitted": both,
        "awaitingReveal": not both,
    }


def _compare(turn: Turn) -> None:
    """The overlap; without one, another round is collected, in its own number from now on."""
    if overlap_ids(turn.state):
        _enter_phase(turn, REVEALING, turn.state.round)
    else:
        _enter_phase(turn, NEGOTIATING, turn.state.round + 1)
    turn.tell("strategies.overlap_ready")


def overlap(turn: Turn) -> Outcome:
    """strategies.overlap: of the newest round in which both ranked, without what was taken back:
    not even its author finds it there."""
    state = turn.state
    with_phase = {"phase": state.phase}
    if state.phase == NEGOTIATING:
        return {"overlap": [], **with_phase}
    rounds = [seat.ranking.round for seat in state.seats if seat.ranking is not None]
    if rounds != [state.round, state.round]:
        return no(Code.PARTNER_NOT_READY)
    return {"overlap": [Ref("strategy", key) for key in overlap_ids(state)], **with_phase}


# ---- agreements


def agreement_create(turn: Turn) -> Outcome:
    """agreement.create: agreed by whoever writes it."""
    data: c.AgreementCreate = turn.command.data
    state = turn.state
    if not overlap_is_known(state, turn.me, turn.partner):
        return no(Code.GATE_NOT_SATISFIED, overlap="rankings were not compared yet")
    if data.strategy_id is not None and data.strategy_id not in state.opened_pool:
        return no(Code.NOT_FOUND)
    if sum(a.status == PROPOSED for a in state.agreements.values()) >= AGREEMENTS_OPEN_MAX:
        return no(Code.CONFLICT, limit=str(AGREEMENTS_OPEN_MAX))
    when = data.follow_up_date
    if when is not None and not turn.now < when <= turn.now + FOLLOW_UP_MAX:
        return refused({"followUpDate": f"within {FOLLOW_UP_MAX.days} days from now"})
    ref = _propose(
        turn,
        Agreement(
            status=PROPOSED,
            by_a=state.letter(turn.user) == "A",
            by_b=state.letter(turn.user) == "B",
            strategy_id=data.strategy_id,
            follow_up=when,
            type=data.type,
        ),
        description=data.description,
        duration=data.duration,
        measureOfSuccess=data.measure_of_success,
    )
    return {"agreement": ref, "awaitingPartnerConfirmation": True}


def _propose(turn: Turn, agreement: Agreement, **texts: Json) -> Ref:
    key = turn.ids.ordered()
    row: dict[str, Json] = {
        "id": key,
        **texts,
        "type": agreement.type,
        "status": agreement.status,
        "agreedByA": agreement.by_a,
        "agreedByB": agreement.by_b,
        "followUpDate": agreement.follow_up,
        "staleInput": False,
    }
    turn.insert(
        "Agreement",
        sharedVesselId=turn.state.shared_vessel_id,
        proposalId=agreement.strategy_id,
        createdAt=turn.now,
        **row,
    )
    turn.state.agreements[key] = agreement
    if turn.state.phase == REVEALING:
        _enter_phase(turn, AGREED, turn.state.round)
    turn.tell("agreement.proposed", agreementId=key)
    shown = shape("agreement", row, viewer_of(turn.state, turn.user))
    return turn.ref("agreement", key, shown)


def agreement_list(turn: Turn) -> Outcome:
    """agreement.list"""
    return Read("agreement.list")


def agreement_confirm(turn: Turn) -> Outcome:
    """agreement.confirm: yes, no, or no with another wording."""
    data: c.AgreementConfirm = turn.command.data
    agreement = turn.state.agreements.get(data.agreement_id)
    if agreement is None:
        return no(Code.NOT_FOUND)
    if data.confirmed and data.modification is not None:
        return refused({"modification": "only together with confirmed: false"})
    mine = agreement.by_a if turn.state.letter(turn.user) == "A" else agreement.by_b
    if agreement.status != PROPOSED or (data.confirmed and mine):
        return no(Code.CONFLICT, agreement="already answered")
    if data.confirmed:
        ref = _agree(turn, data.agreement_id, agreement)
    else:
        ref = _decline(turn, data.agreement_id, agreement, data.modification)
    return {
        "agreement": ref,
        "sessionCanResolve": agreement_stands(turn.state, turn.me, turn.partner),
    }


def _agree(turn: Turn, key: str, agreement: Agreement) -> Ref:
    state = turn.state
    columns = {"agreedByA": True, "agreedByB": True, "status": AGREED, "agreedAt": turn.now}
    turn.update("Agreement", {"id": key}, **columns)
    state.agreements[key] = msgspec.structs.replace(agreement, status=AGREED, by_a=True, by_b=True)
    if state.phase != AGREED:
        _enter_phase(turn, AGREED, _last_opened(state))
    turn.tell("agreement.confirmed", agreementId=key)
    return turn.ref("agreement", key)


def _last_opened(state: State) -> int:
    """Ideas of a round that never came to its ranking stay their authors' own."""
    return state.round - 1 if state.phase == NEGOTIATING else state.round


def _decline(turn: Turn, key: str, agreement: Agreement, modification: str | None) -> Ref:
    turn.update("Agreement", {"id": key}, status=ABANDONED)
    turn.state.agreements[key] = msgspec.structs.replace(agreement, status=ABANDONED)
    if modification is None:
        return turn.ref("agreement", key)
    letter = turn.state.letter(turn.user)
    other = msgspec.structs.replace(agreement, by_a=letter == "A", by_b=letter == "B", stale=False)
    return _propose(turn, other, description=modification, duration=None, measureOfSuccess=None)


STRATEGIES: Mapping[str, Handler] = {
    "strategies.list": strategies_list,
    "strategies.propose": propose,
    "strategies.suggest": suggest,
    "strategies.ready": ready,
    "strategies.rank": rank,
    "strategies.overlap": overlap,
    "agreement.create": agreement_create,
    "agreement.list": agreement_list,
    "agreement.confirm": agreement_confirm,
}

STRATEGIES_WORKED: Mapping[str, WorkHandler] = {
    "strategies.suggest": suggested,
    "strategies.library": ready_with_library,
}
