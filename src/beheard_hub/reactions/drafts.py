"""A look at an empathy draft that has rested: a hint where it shows no curiosity (spec 06).

It reads the draft, and nothing else of anybody. It is tried once per version: who gets no hint
loses nothing, because nothing depends on it.
"""

from __future__ import annotations

import asyncio

from beheard_hub import telemetry
from beheard_hub.domain.kernel import Command, Due
from beheard_hub.domain.mediation.internal import DraftChecked
from beheard_hub.facilitation import FacilitatorFailed
from beheard_hub.ports import Mailbox
from beheard_hub.reactions.budgets import BudgetReached
from beheard_hub.reactions.recording import recording
from beheard_hub.reactions.tools import Tools, as_ai

WRITTEN_IN = 2
"""The stage whose contract lets the facilitator see a draft."""

_log = telemetry.logger("reactions")


async def look(tools: Tools, mailbox: Mailbox, session_id: str, due: Due) -> None:
    """Runs one ``draft_check`` reminder and puts what came of it into the mailbox: no hint, where
    the facilitator failed or the budget is spent. Raises StoreUnavailable: it is tried again."""
    assert due.user_id is not None, "a draft is one user's"
    data = DraftChecked(reminder_id=due.id)
    with recording(tools, mailbox, session_id, due.user_id) as (noting, trail):
        try:
            await tools.budgets.check(due.user_id)
            async with asyncio.timeout(tools.answer_seconds_max):
                data = await _looked(noting, session_id, due)
        except (FacilitatorFailed, BudgetReached, TimeoutError) as failure:
            _log.warning(
                "draft_check_failed", reminder_id=due.id, session_id=session_id,
                error=type(failure).__name__,
            )  # fmt: skip
        data = trail.handed_over(data)
    mailbox.submit_internal(
        session_id,
        Command(
            id=due.id,
            name="internal.draft_checked",
            user_id=due.user_id,
            session_id=session_id,
            data=data,
        ),
    )


async def _looked(tools: Tools, session_id: str, due: Due) -> DraftChecked:
    actor = as_ai(session_id, due.user_id or "", WRITTEN_IN)
    rows = await tools.reads.read(actor, "bundle.draft", {})
    found = [row for row in rows if row["id"] == due.payload["draftId"]]
    if not found or found[0]["version"] != due.payload["version"]:
        return DraftChecked(reminder_id=due.id)
    item = {"source": "user", "type": "draft", "id": found[0]["id"]}
    tools.noted("ai.bundle", "SENT", {"items": [item]})
    check = await tools.facilitator.check_draft(found[0]["text"])
    return DraftChecked(
        reminder_id=due.id,
        version=found[0]["version"],
        hint=None if check.curious else check.hint or None,
        prompt_version=check.prompt_version,
        items=(item,),
    )
