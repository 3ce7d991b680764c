"""The lanes of a practice by rules: of the right kind, not twice, paid for by their length."""

from __future__ import annotations

from itertools import pairwise

import pytest

from beheard_hub.ai.offline.texts import table
from beheard_hub.ai.offline.voice import MODEL, OfflineVoice, kind
from beheard_hub.domain.practice.protocol import LANES
from beheard_hub.facilitation import Delta, Spoken
from beheard_hub.practice.scripts import Line, script, tokens

ROWS = table("practice")


async def speak(lane: str, *said: tuple[str, str]) -> Spoken:
    """What is said after these messages; its pieces are the whole."""
    lines = [Line(number, role, text) for number, (role, text) in enumerate(said, 1)]
    shown = ""
    async for piece in OfflineVoice().speak(script(LANES[lane], "prompt", None, lines)):
        if isinstance(piece, Delta):
            shown += piece.text
        else:
            assert piece.text == shown
            return piece
    raise AssertionError("nothing was said")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You never listen to me.", "accusation"),
        ("I am sorry about Sunday.", "apology"),
        ("Could you tell me before you leave?", "request"),
        ("What was it like for you?", "question"),
        ("It sounds like you were alone with it.", "reflection"),
        ("I feel so tired of this.", "feeling"),
        ("I won't be shouted at.", "limit"),
        ("We were at the lake.", "other"),
    ],
)
def test_what_is_said_is_of_one_kind(text: str, expected: str) -> None:
    assert kind(text) == expected


def test_every_kind_has_lines_for_every_lane() -> None:
    assert ROWS["lines"].keys() == {*ROWS["kinds"], "other"}
    for name, lines in {**ROWS["lines"], "danger": ROWS["danger"]}.items():
        assert lines.keys() == set(LANES), name


@pytest.mark.parametrize("lane", LANES)
async def test_a_line_is_not_said_twice_in_a_row(lane: str) -> None:
    said, answers = [], []
    for number in range(5):
        said.append(("user", f"You always do that, {number}."))
        if lane == "coach":
            said.append(("partner", "Do I?"))
        spoken = await speak(lane, *said)
        answers.append(spoken.text.split('"')[-1])
        said.append((lane, spoken.text))
    assert all(one != two for one, two in pairwise(answers))


async def test_the_same_script_is_answered_alike_and_costs_what_it_is_long() -> None:
    first, again = [await speak("partner", ("user", "What now?")) for _ in range(2)]
    assert (first.text, first.usage, first.model) == (again.text, again.usage, MODEL)
    assert first.usage.output == tokens(first.text)
    longer = await speak("partner", ("user", "What now? " * 20))
    assert longer.usage.input > first.usage.input


@pytest.mark.parametrize("lane", LANES)
async def test_the_play_stops_where_somebody_is_in_danger(lane: str) -> None:
    spoken = await speak(lane, ("user", "I want to kill myself tonight."))
    assert spoken.text == ROWS["danger"][lane]
