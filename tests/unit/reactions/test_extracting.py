"""Memory extraction: what it reads, what of it is believed, and that a failure costs nobody."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from beheard_hub.domain.kernel import Due
from beheard_hub.facilitation import (
    Extraction,
    FacilitatorFailed,
    Noticed,
    ToldEvent,
    Usage,
)
from beheard_hub.metering import used
from beheard_hub.ports import StoreUnavailable
from beheard_hub.reactions.extracting import EVENTS_PER_MESSAGE_MAX, QUOTE_CHARS_MAX, extract
from tests.unit.reactions.fakes import ANA, SESSION, START, World, at, message

SAID = "He forgot my birthday. I cried in the car, and nobody came."


def due(*ids: str) -> Due:
    payload = {"messageIds": list(ids)}
    return Due(id="x1", kind="ai_extract", at=START, user_id=ANA, payload=payload)


def told(quote: str, **more: Any) -> ToldEvent:
    given: dict[str, Any] = {"message_id": "m1", "attributed_to": "OTHER", "emotions": ["sadness"]}
    return ToldEvent(quote=quote, **(given | more))


async def extracted(*events: ToldEvent, messages: tuple[Noticed, ...] = ()) -> Any:
    world = World(bundle__told=[message(1, SAID)])
    world.facilitator.extraction = Extraction(events, messages)
    await extract(world.tools, world.box, SESSION, due("m1"))
    [command] = world.box.commands
    assert (command.name, command.user_id) == ("internal.extracted", ANA)
    assert command.id == command.data.reminder_id == "x1"
    return command.data


async def test_it_sees_the_answered_words_and_nothing_else() -> None:
    world = World(bundle__told=[message(1, SAID)])
    world.hear(message(1, SAID, answered=True), message(2, "something else"))
    await extract(world.tools, world.box, SESSION, due("m1"))
    [bundle] = world.facilitator.bundles
    assert [item.text for item in bundle.items] == [SAID]
    assert world.reads.queries() == {"bundle.told", "bundle.people"}
    assert {(actor.role, actor.id) for actor, _ in world.reads.asked} == {("ai", ANA)}
    [(action, outcome, target)] = world.box.commands[-1].data.audit
    assert (action, outcome) == ("ai.bundle", "SENT")
    assert [item["id"] for item in target["items"]] == ["m1"]


async def test_an_event_is_the_users_own_words() -> None:
    done = await extracted(told("He forgot my birthday."))
    [event] = done.events
    assert msgspec.structs.asdict(event) == {
        "description": "He forgot my birthday.",
        "attributed_to": "OTHER",
        "emotions": ["sadness"],
        "at": at(1),
    }


@pytest.mark.parametrize(
    "invented",
    [
        told("He always forgets my birthday."),
        told("he forgot my birthday."),
        told(" I cried in the car"),
        told(""),
        told("He forgot my birthday.", message_id="m2"),
        told("He forgot my birthday.", attributed_to="PARTNER"),
    ],
    ids=["other words", "other case", "not trimmed", "nothing", "other message", "nobody known"],
)
async def test_what_does_not_stand_there_is_dropped(invented: ToldEvent) -> None:
    done = await extracted(invented, told("I cried in the car", attributed_to="SELF"))
    assert [event.description for event in done.events] == ["I cried in the car"]


async def test_events_are_few_and_none_comes_twice() -> None:
    words = [SAID[:end] for end in range(5, 5 + 3 * EVENTS_PER_MESSAGE_MAX) if SAID[end - 1] != " "]
    done = await extracted(told(words[0]), *map(told, words))
    found = [event.description for event in done.events]
    assert len(found) == len(set(found)) == EVENTS_PER_MESSAGE_MAX


async def test_a_quote_fits_into_its_row() -> None:
    long = "x" * (QUOTE_CHARS_MAX + 1)
    world = World(bundle__told=[message(1, long)])
    world.facilitator.extraction = Extraction([told(long), told(long[:-1])], [])
    await extract(world.tools, world.box, SESSION, due("m1"))
    assert [len(event.description) for event in world.box.commands[0].data.events] == [
        QUOTE_CHARS_MAX
    ]


async def test_needs_and_emotions_are_words_and_no_sentences() -> None:
    emotions = ["Anger", "anger", "a feeling that he does not care at all", "left out", "", "x1"]
    noticed = Noticed(
        message_id="m1", needs=["RECOGNITION", "REVENGE", "SAFETY"], emotions=emotions
    )
    done = await extracted(messages=(noticed, Noticed(message_id="m9", needs=["SAFETY"])))
    [words] = done.messages
    assert (words.id, words.needs) == ("m1", ["SAFETY", "RECOGNITION"])
    assert words.emotions == ["anger", "left out"]


async def test_a_failure_leaves_nothing_and_is_not_tried_again() -> None:
    world = World(bundle__told=[message(1, SAID)])
    world.facilitator.down = FacilitatorFailed("overloaded")
    world.reactor.committed(SESSION, [due("m1")])
    await world.idle()
    [done] = world.box.named("internal.extracted")
    assert (done.reminder_id, done.events, done.messages) == ("x1", (), ())
    assert done.audit, "that it was sent is on record"


async def test_a_database_that_is_away_is_waited_for() -> None:
    world = World(bundle__told=[message(1, SAID)])
    world.reads.down = StoreUnavailable("57P03")
    world.reactor.committed(SESSION, [due("m1")])
    await world.idle()
    assert not world.box.commands
    world.reads.down = None
    world.clock.seconds += 2
    world.reactor.committed(SESSION, [due("m1")])
    await world.idle()
    assert world.box.named("internal.extracted")


async def test_erased_messages_are_sent_nowhere() -> None:
    world = World(bundle__told=[])
    await extract(world.tools, world.box, SESSION, due("m1"))
    assert world.box.named("internal.extracted")[0].messages == ()
    assert not world.facilitator.bundles


async def test_what_it_cost_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(bundle__told=[message(1, SAID)])

    async def costly(bundle: object) -> Extraction:
        used(call="extract", model="small-1", usage=Usage(input=10, output=5, cached=80))
        return Extraction([], [])

    monkeypatch.setattr(world.facilitator, "extract", costly)
    await extract(world.tools, world.box, SESSION, due("m1"))
    [call] = world.box.commands[0].data.used
    assert (call.call, call.model) == ("extract", "small-1")
    assert (call.input, call.output, call.cached) == (10, 5, 80)
    assert len(world.box.commands) == 1, "no command beside"
