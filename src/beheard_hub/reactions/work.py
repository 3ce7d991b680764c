"""Work outside the turn: one function a row, results exactly as docs/architecture.md lists them.

A command that needs stored text or a model waits here while its session goes on; what comes back is
checked again by the domain, because the partner may have taken something back meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.ai.bundles import Assembled
from beheard_hub.ai.memory_intent import Intent
from beheard_hub.domain.kernel import Json, Work
from beheard_hub.facilitation import CommonItem, Item, SharedNeed, Transformation
from beheard_hub.ports import Actor
from beheard_hub.reactions import (
    administration,
    channels,
    identity,
    inbox,
    practice_work,
    retrieval,
    suggesting,
)
from beheard_hub.reactions.recording import note_items, note_sent
from beheard_hub.reactions.tools import Tools, as_ai

Result = Mapping[str, Json]
Handler = Callable[[Tools, str, str, Mapping[str, Any]], Awaitable[Result]]
"""(tools, session id, user id, args of the work) → its result."""

OWN_WORDS_MAX = 200
SYNTHESIS = tuple(
    {"query": name, "limit": 50}
    for name in ("user_event", "emotional_reading", "need", "clarification")
)
"""What need synthesis reads beside the own words, all of it open in stage 2."""
PATTERN_READINGS_MAX = 10


class Gone(Exception):
    """A text that the work needs is not there any more (erased, or never the user's)."""


async def relationship(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Result:
    """Whether inviter and caller share a relationship already."""
    directory = await tools.sessions.load_directory(args["callerId"])
    shared = [
        row for row in directory.facts["relationships"] if row["partnerId"] == args["inviterId"]
    ]
    found = shared[0] if shared else {"id": None, "openSessionId": None}
    return {"relationshipId": found["id"], "openSessionId": found["openSessionId"]}


async def draft_text(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Result:
    """The stored draft, literally."""
    row = await _one(tools, as_ai(session_id, user_id, 2), "work.draft", args["draftId"])
    return {"content": row["content"]}


async def synthesise(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Result:
    """Needs from the own words of stages 1 and 2, under the stage-2 contract (spec 2.3).

    A need without one literal quote of the user is dropped, and one that they confirmed already.
    """
    actor = as_ai(session_id, user_id, 2)
    plan = retrieval.checked(2, Intent.OFFER_CONTINUITY, SYNTHESIS, standing=False)
    assembled = await retrieval.fetch(tools, actor, plan, gates={})
    rows = await tools.reads.read(actor, "work.own_words", {"limit": OWN_WORDS_MAX})
    words = [_own_message(row) for row in rows]
    items = sorted([*assembled.bundle.items, *words], key=lambda item: (item.created_at, item.id))
    bundle = msgspec.structs.replace(assembled.bundle, items=items)
    note_sent(tools, Assembled(bundle, assembled.refused))
    found = await tools.facilitator.synthesise_needs(bundle)
    kept = {i.fields["need"] for i in items if i.type == "need" and i.fields["confirmed"]}
    needs = [
        need
        for need in found.needs
        if need.need not in kept and _literal(need.evidence, [item.text for item in words])
    ]
    return {
        "needs": [
            {
                "need": need.need,
                "category": need.category,
                "description": need.description,
                "evidence": list(need.evidence),
                "confidence": need.confidence,
            }
            for need in needs
        ],
        "clarifications": [
            {
                "potentialNeed": question.potential_need,
                "question": question.question,
                "evidenceSoFar": question.evidence_so_far,
            }
            for question in found.clarifications
            if question.potential_need not in kept
        ],
    }


async def share_needs(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Result:
    """The confirmed texts, and with `analyse` the common ground of what both now share.

    Raises Gone unless every need is there and confirmed.
    """
    actor = as_ai(session_id, user_id, 3)
    wanted = list(args["needIds"])
    rows = await tools.reads.read(actor, "work.needs", {"ids": wanted})
    if {row["id"] for row in rows} != set(wanted):
        raise Gone
    needs = [{key: row[key] for key in ("id", "need", "category", "description")} for row in rows]
    if not args["analyse"]:
        return {"needs": needs, "common": []}
    sharing = [
        SharedNeed(content_id=n["id"], mine=True, text=need_text(n), category=n["category"])
        for n in needs
    ]
    standing = tools.revocations.standing
    sharing += [
        need
        for need in await standing(session_id, lambda: _shared_needs(tools, actor))
        if need.content_id not in wanted
        and (need.mine or need.content_id in args["partnerContentIds"])
    ]
    found = await _compare(tools, sharing)
    return {"needs": needs, "common": [_common(item, sharing) for item in found]}


async def _compare(tools: Tools, sharing: Sequence[SharedNeed]) -> Sequence[CommonItem]:
    note_items(tools, [("consented_content", need.content_id) for need in sharing], "shared")
    return await tools.facilitator.common_ground(sharing)


async def any_member(tools: Tools, session_id: str) -> str:
    """Somebody to read as what both may see. Raises Gone for a session that is not there."""
    [loaded] = await tools.sessions.load([(session_id, ())])
    if loaded is None:
        raise Gone
    return str(loaded.facts["members"][0]["userId"])


async def common_ground(
    tools: Tools, session_id: str, user_id: str
) -> tuple[Sequence[str], Sequence[Result]]:
    """All active consented needs of both, and what they have in common, read as a member."""
    actor = as_ai(session_id, user_id, 3)
    sharing = await tools.revocations.standing(
        session_id, lambda: _shared_needs(tools, actor, own_by_need=False)
    )
    found = await _compare(tools, sharing)
    items = [
        {
            "need": item.need,
            "category": item.category,
            "description": item.description,
            "sourceContentIds": list(item.source_content_ids),
        }
        for item in found
    ]
    return [need.content_id for need in sharing], items


async def preview(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """How a piece of the own vessel would look to the partner.

    A confirmed need crosses literally (spec 2.3, needs.consent); the rest is transformed.
    """
    kind, actor = args["contentType"], as_ai(session_id, user_id, 2)
    text = await _ORIGINALS[kind](tools, actor, args["originalContentId"])
    made = Transformation(can_transform=True, text=text)
    if kind not in _LITERAL:
        plan = retrieval.checked(2, Intent.AVOID_RECALL, (), standing=False)
        assembled = await retrieval.fetch(tools, actor, plan, gates={})
        note_items(tools, [(kind.lower(), args["originalContentId"])], "user")
        made = await tools.facilitator.transform(kind, text, assembled.bundle)
    return {
        "preview": made.text if made.can_transform else None,
        "description": DESCRIPTIONS[kind],
        "clarifications": list(made.clarifications),
    }


async def grant(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """The text that is about to cross: the user's edit with its warnings, or the preview; None
    where neither is there, because nothing crosses that the user did not see, and where a need was
    worded anew since its preview, because it crosses literally as confirmed.
    """
    actor = as_ai(session_id, user_id, 2)
    row = await _one(tools, actor, "work.consent", args["recordId"])
    edited = args["edited"]
    text = row["text"] if edited is None else edited
    if edited is None and args["contentType"] in _LITERAL:
        now = await _ORIGINALS[args["contentType"]](tools, actor, row["targetId"])
        text = text if text == now else None
    warnings = [] if edited is None else list(tools.facilitator.heat(edited))
    return {"text": text, "warnings": warnings, "category": row.get("category")}


async def look(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """An item of the library and its contributor. Raises Gone where it is not there."""
    found = await administration.look(tools, session_id, user_id, args)
    if found is None:
        raise Gone
    return found


WORK: Mapping[str, Handler] = {
    "invitation.relationship": relationship,
    "draft.text": draft_text,
    "needs.synthesise": synthesise,
    "needs.share": share_needs,
    "consent.preview": preview,
    "consent.grant": grant,
    "strategies.suggest": suggesting.suggest,
    "strategies.library": suggesting.add_ideas,
    "notifications.find": inbox.find,
    "ably.token": channels.token_request,
    "library.look": look,
    **identity.WORK,
    **practice_work.WORK,
}

SHARED = frozenset({"needs.share", "strategies.suggest"})
"""Work that puts what the two share before a model: begun anew when something is taken back."""
ONCE = frozenset({"needs.synthesise"})
"""Work that several who wait for the same have done once."""

DESCRIPTIONS: Mapping[str, str] = {
    "EVENT_SUMMARY": "A summary of something that happened",
    "EMOTIONAL_PATTERN": "How the intensity of your feelings moved",
    "BOUNDARY": "A boundary of yours",
    "IDENTIFIED_NEED": "A need of yours",
}
_LITERAL = frozenset({"IDENTIFIED_NEED"})

CALLING: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "needs.synthesise": lambda args: True,
    "needs.share": lambda args: bool(args["analyse"]),
    "consent.preview": lambda args: args["contentType"] not in _LITERAL,
    "strategies.suggest": lambda args: True,
}
"""Work that asks the facilitator → with which arguments it does."""


def calls_a_model(work: Work) -> bool:
    """Whether it needs the facilitator so that it may be refused when a budget is spent. Ideas for
    the pool are not among it: `strategies.ready` is always accepted."""
    needed = CALLING.get(work.kind)
    return needed is not None and needed(work.args)


async def run(tools: Tools, session_id: str, user_id: str, work: Work) -> Result:
    """Does one piece of work. Raises Gone, FacilitatorFailed, StoreUnavailable."""
    return await WORK[work.kind](tools, session_id, user_id, work.args)


def need_text(need: Mapping[str, Any]) -> str:
    """What crosses of a need: literally the need and the description that were confirmed."""
    return f"{need['need']}: {need['description']}"


# ---- the texts behind a request for consent


async def _event(tools: Tools, actor: Actor, wanted: str) -> str:
    return str((await _one(tools, actor, "work.event", wanted))["text"])


async def _boundary(tools: Tools, actor: Actor, wanted: str) -> str:
    return str((await _one(tools, actor, "work.boundary", wanted))["text"])


async def _need(tools: Tools, actor: Actor, wanted: str) -> str:
    return need_text(await _one(tools, actor, "work.needs", wanted))


async def _pattern(tools: Tools, actor: Actor, wanted: str) -> str:
    args = {"id": wanted, "limit": PATTERN_READINGS_MAX}
    rows = await tools.reads.read(actor, "work.reading_pattern", args)
    if not rows:
        raise Gone
    path = ", ".join(str(row["intensity"]) for row in reversed(rows))
    return f"My intensity over my last readings was {path} of 10."


_ORIGINALS: Mapping[str, Callable[[Tools, Actor, str], Awaitable[str]]] = {
    "EVENT_SUMMARY": _event,
    "EMOTIONAL_PATTERN": _pattern,
    "BOUNDARY": _boundary,
    "IDENTIFIED_NEED": _need,
}


# ---- reading


async def _one(tools: Tools, actor: Actor, query: str, wanted: str) -> Mapping[str, Any]:
    rows = await tools.reads.read(actor, query, {"ids": [wanted]})
    if not rows:
        raise Gone
    return rows[0]


async def _shared_needs(
    tools: Tools, actor: Actor, *, own_by_need: bool = True
) -> list[SharedNeed]:
    """Active consented needs of both, by content id; own ones by their need's id if asked."""
    rows = await tools.reads.read(actor, "work.shared_needs", {})
    return [
        SharedNeed(
            content_id=row["originalNeedId"] if row["mine"] and own_by_need else row["id"],
            mine=row["mine"],
            text=row["text"],
            category=row["category"] or "",
        )
        for row in rows
    ]


def _own_message(row: Mapping[str, Any]) -> Item:
    return Item(
        source="user",
        type="message",
        id=row["id"],
        created_at=row["createdAt"],
        consent="not_applicable",
        stage=row["stage"],
        text=row["text"],
        fields={"role": "USER"},
    )


def _literal(evidence: Sequence[str], words: Sequence[str]) -> bool:
    """Whether there is a quote, and every quote stands in the user's own words (spec 06)."""
    return bool(evidence) and all(any(quote in word for word in words) for quote in evidence)


# ---- results


def _common(item: CommonItem, sharing: Sequence[SharedNeed]) -> Result:
    mine = {need.content_id for need in sharing if need.mine}
    return {
        "need": item.need,
        "category": item.category,
        "description": item.description,
        "mine": [id_ for id_ in item.source_content_ids if id_ in mine],
        "theirs": [id_ for id_ in item.source_content_ids if id_ not in mine],
    }
