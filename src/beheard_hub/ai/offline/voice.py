"""The lanes of a practice by rules, deterministic: for a hub without a model, and for tests.

What was just said is of one kind (`texts/practice.toml`): an accusation, a question, an apology...
Each lane has its lines for that; of several the one is taken that it has not said, or not for the
longest. Scenarios are not told apart: that takes a model.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from beheard_hub.ai.crisis import assess_aside
from beheard_hub.ai.offline.choosing import choose
from beheard_hub.ai.offline.facilitator import pieces
from beheard_hub.ai.offline.texts import pattern, table
from beheard_hub.facilitation import Delta, Spoken, Usage
from beheard_hub.practice.scripts import Script, tokens

TABLE = "practice"
MODEL = "offline-1"
QUOTE_CHARS_MAX = 60


class OfflineVoice:
    """`Voice` by rules."""

    async def speak(self, script: Script) -> AsyncIterator[Delta | Spoken]:
        """See the port; raises nothing of its own."""
        text = await _text(script)
        for piece in pieces(text):
            yield Delta(piece)
        asked = tokens(script.system) + sum(tokens(turn.content) for turn in script.turns)
        yield Spoken(
            text=text,
            prompt_version=f"offline/practice_{script.lane.name}/1",
            usage=Usage(input=asked, output=tokens(text)),
            model=MODEL,
        )

    async def close(self) -> None:
        """Holds nothing."""


async def _text(script: Script) -> str:
    danger = await assess_aside(script.newest)
    if danger is not None and danger.shows_resources:
        return str(table(TABLE)["danger"][script.lane.name])
    lines: Sequence[str] = table(TABLE)["lines"][kind(script.newest)][script.lane.name]
    own = [turn.content for turn in script.turns if turn.role == "assistant"]
    return choose(lines, own, script.lane.name).format(quote=_beginning(script.newest))


def kind(text: str) -> str:
    """Which kind of thing somebody said: the first row of the table that fits."""
    found = (name for name in table(TABLE)["kinds"] if pattern(TABLE, "kinds", name).search(text))
    return next(found, "other")


def _beginning(text: str) -> str:
    """The first words, to be quoted."""
    one_line = " ".join(text.split())
    if len(one_line) <= QUOTE_CHARS_MAX:
        return one_line
    return one_line[:QUOTE_CHARS_MAX].rsplit(" ", 1)[0] + " ..."
