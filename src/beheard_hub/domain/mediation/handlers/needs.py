"""Stage 3: own needs, what of them is shared, and the common ground of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.domain.kernel import Json, Read, Work
from beheard_hub.domain.limits import (
    COMMON_GROUND_FOUND_MAX,
    COMMON_GROUND_PROPOSED_MAX,
    NEEDS_MAX,
    NEEDS_SYNTHESISED_MAX,
)
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation.guards import common_ground_stands
from beheard_hub.domain.mediation.handlers.crossing import grant_new, request_analysis, share
from beheard_hub.domain.mediation.pace import can_advance
from beheard_hub.domain.mediation.state import CommonGround, Need
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn, WorkHandler, no
from beheard_hub.domain.mediation.vocabulary import (
    ACTIVE,
    FINAL,
    IDENTIFIED_NEED,
    SYNTHESISED,
    USER_WRITTEN,
)
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.validation import refused

STAGE = 3

# ---- finding needs


def needs_list(turn: Turn) -> Outcome:
    """needs.list: synthesises on first entry, when dirty, or on request, until something was
    shared."""
    data: c.NeedsList = turn.command.data
    me = turn.me
    shared = any(content.user_id == turn.user and content.need_id is not None
                 for content in turn.state.contents.values())  # fmt: skip
    if data.resynthesize and shared:
        return no(Code.CONFLICT, needs="already shared")
    stale = me.dirty or me.synthesised_at is None or data.resynthesize
    if stale and not shared and me.stage == STAGE and turn.state.status == ACTIVE:
        return Work("needs.synthesise", {"since": me.synthesised_at, "changes": me.changes.count})
    return _as_found(turn)


def _as_found(turn: Turn) -> Read:
    found = {"synthesizedAt": turn.me.synthesised_at, "isDirty": turn.me.dirty}
    return Read("needs.list", {"with": found})


def synthesised(turn: Turn, work: Work, result: Mapping[str, Json]) -> Outcome:
    """needs.list, with what synthesis found: unconfirmed findings are replaced, others kept. Of
    several readers the first one's result counts; what changed meanwhile is left to the next."""
    again = needs_list(turn)
    if not isinstance(again, Work):
        return again
    me = turn.me
    if again.args["since"] != work.args["since"]:
        return _as_found(turn)
    for key, need in list(me.needs.items()):
        if need.source == SYNTHESISED and not need.confirmed:
            turn.delete("IdentifiedNeed", key)
            del me.needs[key]
    room = min(NEEDS_SYNTHESISED_MAX, NEEDS_MAX - len(me.needs))
    found = list(result["needs"])[:room]
    for need in found:
        _found(turn, need)
    for question in list(result["clarifications"])[:NEEDS_SYNTHESISED_MAX]:
        _asked(turn, question)
    me.dirty = again.args["changes"] != work.args["changes"]
    me.synthesised_at = turn.now
    row = {"isSynthesisDirty": me.dirty, "synthesisLastUpdated": turn.now}
    turn.update("StageProgress", {"id": me.row.id}, **row)
    turn.tell("needs.synthesized", count=len(found))
    return {
        "needs": [turn.ref("need", key) for key in me.needs],
        "clarifications": [turn.ref("clarification", key) for key in me.clarifications],
        "synthesizedAt": turn.now,
        "isDirty": me.dirty,
    }


def _found(turn: Turn, need: Mapping[str, Any]) -> None:
    row = {
        "id": turn.ids.ordered(),
        "need": need["need"],
        "category": need["category"],
        "description": need["description"],
        "evidence": list(need["evidence"]),
        "confirmed": False,
        "aiConfidence": need["confidence"],
    }
    _keep(turn, row, SYNTHESISED)


def _asked(turn: Turn, question: Mapping[str, Any]) -> None:
    row = {
        "id": turn.ids.ordered(),
        "potentialNeed": question["potentialNeed"],
        "question": question["question"],
        "evidenceSoFar": question["evidenceSoFar"],
    }
    turn.insert("NeedClarification", vesselId=turn.me.vessel_id, createdAt=turn.now, **row)
    turn.me.clarifications.append(row["id"])
    turn.ref("clarification", row["id"], {**row, "answer": None, "answeredAt": None})


def _keep(turn: Turn, row: Mapping[str, Json], source: str) -> None:
    me = turn.me
    turn.insert("IdentifiedNeed", vesselId=me.vessel_id, source=source, createdAt=turn.now, **row)
    me.needs[row["id"]] = Need(confirmed=False, answered=False, source=source)
    turn.ref("need", row["id"], row)


def needs_add(turn: Turn) -> Outcome:
    """needs.add: in the user's own words, not confirmed yet."""
    data: c.NeedsAdd = turn.command.data
    if len(turn.me.needs) >= NEEDS_MAX:
        return no(Code.CONFLICT, limit=str(NEEDS_MAX))
    row: dict[str, Json] = {
        "id": turn.ids.ordered(),
        "need": data.need,
        "category": data.category,
        "description": data.description,
        "evidence": [],
        "confirmed": False,
        "aiConfidence": None,
    }
    _keep(turn, row, USER_WRITTEN)
    return {"need": turn.ref("need", row["id"])}


def needs_confirm(turn: Turn) -> Outcome:
    """needs.confirm: every presented need is answered; what was shared is not rewritten."""
    data: c.NeedsConfirm = turn.command.data
    refusal = _unconfirmable(turn, data.confirmations)
    if refusal is not None:
        return refusal
    me = turn.me
    for answer in data.confirmations:
        columns: dict[str, Json] = {"confirmed": answer.confirmed, "answeredAt": turn.now}
        if answer.adjustment is not None:
            columns["description"] = answer.adjustment
        turn.update("IdentifiedNeed", {"id": answer.need_id}, **columns)
        need = me.needs[answer.need_id]
        me.needs[answer.need_id] = Need(answer.confirmed, True, need.source)
    confirmed = [need.confirmed for need in me.needs.values()]
    return {
        "updated": [turn.ref("need", answer.need_id) for answer in data.confirmations],
        "allConfirmed": all(confirmed),
        "canProceedToCommonGround": any(confirmed),
    }


def _unconfirmable(turn: Turn, answers: Sequence[c.NeedAnswer]) -> Refusal | None:
    me = turn.me
    shared = set(turn.state.shared_needs(turn.user).values())
    answered = {answer.need_id for answer in answers}
    if not answered <= set(me.needs):
        return no(Code.NOT_FOUND)
    if len(answered) < len(answers):
        return refused({"confirmations": "no need twice"})
    if any(key not in answered and not need.answered for key, need in me.needs.items()):
        return refused({"confirmations": "every presented need must be answered, yes or no"})
    for answer in answers:
        if answer.need_id in shared and (not answer.confirmed or answer.adjustment is not None):
            return no(Code.CONFLICT, need="shared; take the consent back first")
    return None


# ---- sharing them


def needs_consent(turn: Turn) -> Outcome:
    """needs.consent: literally what the user confirmed; the texts are fetched first."""
    data: c.NeedsConsent = turn.command.data
    me, state = turn.me, turn.state
    if not set(data.need_ids) <= set(me.needs):
        return no(Code.NOT_FOUND)
    if not all(me.needs[key].confirmed for key in data.need_ids):
        return no(Code.GATE_NOT_SATISFIED, needs="only confirmed needs can be shared")
    own = state.shared_needs(turn.user)
    wanted = [key for key in data.need_ids if key not in own.values()]
    if not wanted:
        return no(Code.CONFLICT, needs="already shared")
    theirs = sorted(state.shared_needs(turn.other.user_id))
    return Work(
        "needs.share",
        {
            "needIds": wanted,
            "analyse": bool(theirs),
            "partnerContentIds": theirs,
            "ownContentIds": sorted(own),
        },
    )


def needs_shared(turn: Turn, work: Work, result: Mapping[str, Json]) -> Outcome:
    """needs.consent, with the texts. What was analysed counts only if the lists are still those."""
    again = needs_consent(turn)
    if not isinstance(again, Work):
        return again
    if again.args["needIds"] != work.args["needIds"]:
        return again
    contents = {}
    for need in result["needs"]:
        consent_id = grant_new(turn, IDENTIFIED_NEED, need["id"])
        text = f"{need['need']}: {need['description']}"
        contents[need["id"]] = share(
            turn, consent_id, IDENTIFIED_NEED, text, need["id"], need["category"]
        )
    ready = False
    if again.args != work.args or (again.args["analyse"] and result["common"] is None):
        request_analysis(turn)
    elif again.args["analyse"]:
        own = {need: key for key, need in turn.state.shared_needs(turn.user).items()}
        items = [
            {**item, "sourceContentIds": [own.get(n, n) for n in item["mine"]] + item["theirs"]}
            for item in result["common"]
        ]
        _ground(turn, items)
        ready = True
    turn.tell("partner.needs_shared")
    return {
        "consented": True,
        "sharedAt": turn.now,
        "waitingForPartner": not again.args["partnerContentIds"],
        "commonGroundReady": ready,
    }


# ---- common ground


def _ground(turn: Turn, items: Sequence[Mapping[str, Any]]) -> None:
    """Replaces what nobody confirmed by what was found; every item stands on both sides."""
    state = turn.state
    kept = 0
    for key, item in list(state.common_ground.items()):
        if item.stale or item.proposed_by is not None:
            continue
        if item.by_a or item.by_b:
            kept += 1
            continue
        state.common_ground[key] = msgspec.structs.replace(item, stale=True)
        turn.update("CommonGround", {"id": key}, stale=True)
    known = {frozenset(i.sources) for i in state.common_ground.values() if not i.stale}
    for found in items[: COMMON_GROUND_FOUND_MAX - kept]:
        sources = tuple(found["sourceContentIds"])
        sides = {state.contents[key].user_id for key in sources if key in state.contents}
        if len(sides) == len(state.seats) and frozenset(sources) not in known:
            _add_ground(turn, found, sources)
    turn.tell("common_ground.ready")


def _add_ground(
    turn: Turn, item: Mapping[str, Any], sources: tuple[str, ...], by: str | None = None
) -> str:
    key = turn.ids.ordered()
    letter = turn.state.letter(by) if by is not None else ""
    row: dict[str, Json] = {
        "id": key,
        "need": item["need"],
        "category": item["category"],
        "description": item["description"],
        "confirmedByA": letter == "A",
        "confirmedByB": letter == "B",
    }
    turn.insert(
        "CommonGround",
        sharedVesselId=turn.state.shared_vessel_id,
        sourceContentIds=list(sources),
        proposedById=by,
        createdAt=turn.now,
        **row,
    )
    turn.state.common_ground[key] = CommonGround(letter == "A", letter == "B", sources, by)
    return key


def common_ground_found(turn: Turn) -> Outcome:
    """internal.common_ground: counts only if the active needs are still those it was made from."""
    data: c.CommonGroundFound = turn.command.data
    state = turn.state
    if data.reminder_id is not None:
        turn.done.append(data.reminder_id)
    if state.analysis is None or state.analysis != data.reminder_id:
        return None
    state.analysis = None
    active = {key for seat in state.seats for key in state.shared_needs(seat.user_id)}
    if state.status in FINAL:
        return None
    if set(data.content_ids) == active:
        _ground(turn, data.items)
    else:
        request_analysis(turn)
    return None


def common_ground_list(turn: Turn) -> Outcome:
    """common_ground.list"""
    state = turn.state
    both = len(state.seats) == 2 and all(state.shared_needs(s.user_id) for s in state.seats)
    shown = {
        "analysisComplete": both and state.analysis is None,
        "bothConfirmed": common_ground_stands(state, turn.me, turn.partner),
    }
    return Read("common_ground.list", {"with": shown})


def common_ground_propose(turn: Turn) -> Outcome:
    """common_ground.propose: confirmed by whoever names it."""
    data: c.CommonGroundPropose = turn.command.data
    mine = [g for g in turn.state.common_ground.values() if g.proposed_by == turn.user]
    if len(mine) >= COMMON_GROUND_PROPOSED_MAX:
        return no(Code.CONFLICT, limit=str(COMMON_GROUND_PROPOSED_MAX))
    item = {"need": data.need, "category": data.category, "description": data.description}
    key = _add_ground(turn, item, (), by=turn.user)
    shown = {
        "id": key,
        **item,
        "confirmedByMe": True,
        "confirmedByPartner": False,
        "confirmedAt": None,
    }
    return {"commonGround": turn.ref("common_ground", key, shown)}


def common_ground_confirm(turn: Turn) -> Outcome:
    """common_ground.confirm: what both confirmed is final."""
    data: c.CommonGroundConfirm = turn.command.data
    state, letter = turn.state, turn.state.letter(turn.user)
    for answer in data.confirmations:
        item = state.common_ground.get(answer.common_ground_id)
        if item is None or item.stale:
            return no(Code.NOT_FOUND)
        if item.final and not answer.confirmed:
            return no(Code.CONFLICT, commonGround="both confirmed it")
    for answer in data.confirmations:
        _confirm(turn, answer, letter)
    live = [item for item in state.common_ground.values() if not item.stale]
    updated = [turn.ref("common_ground", answer.common_ground_id) for answer in data.confirmations]
    return lambda: {
        "updated": updated,
        "allConfirmedByMe": all(i.by_a if letter == "A" else i.by_b for i in live),
        "allConfirmedByBoth": all(i.final for i in live),
        "canAdvance": can_advance(state, turn.me),
    }


def _confirm(turn: Turn, answer: c.CommonGroundAnswer, letter: str) -> None:
    key = answer.common_ground_id
    item = turn.state.common_ground[key]
    before = item.final
    item = (
        msgspec.structs.replace(item, by_a=answer.confirmed)
        if letter == "A"
        else msgspec.structs.replace(item, by_b=answer.confirmed)
    )
    turn.state.common_ground[key] = item
    columns: dict[str, Json] = {f"confirmedBy{letter}": answer.confirmed}
    if item.final and not before:
        columns["confirmedAt"] = turn.now
        turn.tell("common_ground.confirmed", id=key)
    turn.update("CommonGround", {"id": key}, **columns)


NEEDS: Mapping[str, Handler] = {
    "needs.list": needs_list,
    "needs.add": needs_add,
    "needs.confirm": needs_confirm,
    "needs.consent": needs_consent,
    "common_ground.list": common_ground_list,
    "common_ground.propose": common_ground_propose,
    "common_ground.confirm": common_ground_confirm,
    "internal.common_ground": common_ground_found,
}

NEEDS_WORKED: Mapping[str, WorkHandler] = {
    "needs.synthesise": synthesised,
    "needs.share": needs_shared,
}
