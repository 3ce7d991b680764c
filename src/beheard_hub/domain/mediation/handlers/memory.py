"""Memory extraction: what a user's messages leave in the own vessel (spec 06, the last step of a
turn).

It begins with a reminder in the commit of an answer in stage 1 or 2, so it survives a crash and
holds up nobody. Its result is taken once: after a reminder is settled, or a session has ended,
nothing more is taken. What was not found stays where it is, in the message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beheard_hub.domain.kernel import Due
from beheard_hub.domain.limits import EXTRACTED_EVENTS_MAX
from beheard_hub.domain.mediation import internal as i
from beheard_hub.domain.mediation.handlers.record import record
from beheard_hub.domain.mediation.state import Seat
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn
from beheard_hub.domain.mediation.vocabulary import AI_EXTRACT, EXTRACTING_STAGES


def extract_later(turn: Turn, seat: Seat, stage: int, message_ids: Sequence[str]) -> None:
    """Asks for the extraction of messages that were just answered; each is answered once."""
    if stage not in EXTRACTING_STAGES or not message_ids:
        return
    due = Due(
        id=turn.ids.ordered(),
        kind=AI_EXTRACT,
        at=turn.now,
        user_id=seat.user_id,
        payload={"messageIds": list(message_ids)},
    )
    seat.extracting = [*seat.extracting, due.id]
    turn.dues.append(due)


def extracted(turn: Turn) -> Outcome:
    """internal.extracted: events, and the needs and emotions of each message."""
    data: i.Extracted = turn.command.data
    record(turn, data.audit, data.used)
    seat = turn.state.seat(turn.user)
    if seat is None or data.reminder_id not in seat.extracting:
        return None  # settled before
    turn.done.append(data.reminder_id)
    seat.extracting = [key for key in seat.extracting if key != data.reminder_id]
    for message in data.messages:
        turn.update(
            "Message",
            {"id": message.id},
            extractedNeeds=list(message.needs),
            extractedEmotions=list(message.emotions),
        )
    _keep(turn, seat, data.events)
    return None


def _keep(turn: Turn, seat: Seat, events: Sequence[i.ExtractedEvent]) -> None:
    """Events enter the vessel while it has room for those that the user adds."""
    kept = events[: max(0, EXTRACTED_EVENTS_MAX - len(seat.events))]
    for event in kept:
        key = turn.ids.ordered()
        turn.insert(
            "UserEvent",
            id=key,
            vesselId=seat.vessel_id,
            description=event.description,
            attributedTo=event.attributed_to,
            emotions=list(event.emotions),
            timestamp=event.at,
        )
        seat.events = [*seat.events, key]
    if kept:
        turn.mark_dirty()


MEMORY: Mapping[str, Handler] = {"internal.extracted": extracted}
