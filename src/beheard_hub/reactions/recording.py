"""What one reaction leaves on record, whatever becomes of it: audit entries, and what it cost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from beheard_hub.ai.bundles import Assembled, provenance
from beheard_hub.domain.kernel import Command, Json
from beheard_hub.domain.mediation.internal import (
    AiReplied,
    Audited,
    DraftChecked,
    Extracted,
    ModelCall,
)
from beheard_hub.metering import Bill, Used
from beheard_hub.ports import Mailbox
from beheard_hub.reactions.tools import Tools

Recorded = TypeVar("Recorded", AiReplied, Extracted, DraftChecked)


class Trail:
    """Entries of the audit log, and the calls that stand on the bill."""

    def __init__(self, bill: Bill) -> None:
        self.entries: list[tuple[str, str, Mapping[str, Any]]] = []
        self._bill = bill
        self._handed = (0, 0)
        """How many entries and calls something else carries."""

    def note(self, action: str, outcome: str, target: Mapping[str, Any]) -> None:
        """Implements `Noted`."""
        self.entries.append((action, outcome, target))

    def handed_over(self, data: Recorded) -> Recorded:
        """`data` with all of it, which then needs no command of its own."""
        entries, used = self._left()
        self._handed = (len(self.entries), len(self._bill.entries))
        return msgspec.structs.replace(data, audit=entries, used=used)

    def rest(self) -> Audited | None:
        """What nothing else carries; None where there is nothing."""
        entries, used = self._left()
        return Audited(entries=entries, used=used) if entries or used else None

    def _left(self) -> tuple[tuple[Any, ...], tuple[ModelCall, ...]]:
        entries, calls = self._handed
        return tuple(self.entries[entries:]), tuple(map(_call, self._bill.entries[calls:]))


def _call(used: Used) -> ModelCall:
    return ModelCall(
        call=used.call,
        model=used.model,
        input=used.usage.input,
        output=used.usage.output,
        cached=used.usage.cached,
    )


@contextlib.contextmanager
def recording(
    tools: Tools, mailbox: Mailbox, session_id: str, user_id: str
) -> Iterator[tuple[Tools, Trail]]:
    """Tools whose notes and costs go on record in the end, also after a failure or a cancel."""
    with tools.budgets.charging(user_id, session_id) as bill:
        trail = Trail(bill)
        try:
            yield msgspec.structs.replace(tools, noted=trail.note), trail
        finally:
            rest = trail.rest()
            if rest is not None:
                command = Command(
                    id=tools.ids.ordered(),
                    name="internal.audited",
                    user_id=user_id,
                    session_id=session_id,
                    data=rest,
                )
                mailbox.submit_internal(session_id, command)


# ---- what the audit log learns: ids and provenance, no text


def note_sent(tools: Tools, assembled: Assembled, **more: Json) -> None:
    """A bundle is about to go to a model."""
    refused = [msgspec.to_builtins(item) for item in assembled.refused]
    items = provenance(assembled.bundle)
    tools.noted("ai.bundle", "SENT", {"items": items, "refused": refused, **more})


def note_items(tools: Tools, items: Sequence[tuple[str, str]], source: str) -> None:
    """The same for (type, id) that go to a model without a bundle; nothing for nothing."""
    sent = [{"source": source, "type": type_, "id": id_} for type_, id_ in items]
    if sent:
        tools.noted("ai.bundle", "SENT", {"items": sent})
