"""What a lane of an exchange is given, whoever speaks it: one script from stored rows.

Which messages a lane sees, whose prompt it has, how much of the past and whether its request ends
with a quote, is its row of `domain.practice.protocol.LANES`; here the row is followed. Nobody else
makes a script: what another lane says in private is left out here once more, after the walls of the
database have left it out.

A prompt cache finds a conversation again by its beginning. So what is too old goes in large steps:
the beginning stays the same over several exchanges.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

import msgspec

from beheard_hub.domain.practice.protocol import Lane
from beheard_hub.domain.practice.vocabulary import PARTNER, ROLE_USER
from beheard_hub.facilitation import Delta, Spoken

CHARS_PER_TOKEN = 3
"""An estimate that is rather too careful; English has four."""
CLOSING = (
    "That was the newest exchange. Coach the one who practises; do not answer in the place of "
    "either of the two."
)
"""Our own words after what is quoted: else a model goes on in the voice of the last one."""
SPEAKERS = {ROLE_USER: "the one who practises", PARTNER: "the other person"}
"""Role of a message → who that is for somebody who hears of them."""

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


class Line(msgspec.Struct, frozen=True):
    """One stored message."""

    number: int
    role: str
    content: str

    def __repr__(self) -> str:
        return f"Line({self.number}, {self.role})"


class Turn(msgspec.Struct, frozen=True):
    """One turn of a request."""

    role: Literal["user", "assistant"]
    content: str

    def __repr__(self) -> str:
        return f"Turn({self.role})"


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """All that a voice is given."""

    lane: Lane
    system: str
    """The scenario's prompt for this lane: the same in the whole session."""
    model: str | None
    """The scenario's wish; None: the voice's own."""
    turns: Sequence[Turn]
    """By turns, the first and the last one the user's."""
    newest: str
    """The participant's newest message, literally."""

    def __repr__(self) -> str:
        return f"Script({self.lane.name})"


class Voice(Protocol):
    """Speaks the lanes of practices."""

    def speak(self, script: Script) -> AsyncIterator[Delta | Spoken]:
        """The words in pieces, and at last as a whole with what they cost and whose they are
        (`Spoken.model`). Raises FacilitatorFailed. Cancelling ends the call."""

    async def close(self) -> None:
        """Lets go of what it holds."""


def tokens(text: str) -> int:
    """About how many tokens a text has; never 0."""
    return max(1, len(text) // CHARS_PER_TOKEN)


def script(lane: Lane, system: str, model: str | None, said: Sequence[Line]) -> Script:
    """The script of a lane that is to speak after `said`, the oldest first. Raises LookupError
    where nobody has said anything that it may answer."""
    heard = recent([line for line in said if line.role in lane.sees], lane.history_tokens_max)
    while heard and heard[0].role == lane.name:
        heard = heard[1:]
    if not heard or heard[-1].role == lane.name:
        raise LookupError("nothing to answer")
    newest = next((line.content for line in reversed(heard) if line.role == ROLE_USER), "")
    return Script(lane=lane, system=system, model=model, turns=_turns(lane, heard), newest=newest)


def recent(said: Sequence[Line], most: int) -> Sequence[Line]:
    """The newest lines, of about `most` tokens; always the very newest.

    Where it gets too much half of that goes at once. Where that happens depends on the beginning
    alone, and so does not move with what is said later.
    """
    start = size = 0
    for end, line in enumerate(said):
        size += tokens(line.content)
        if size > most:
            while size > most // 2 and start < end:
                size -= tokens(said[start].content)
                start += 1
    return said[start:]


def _turns(lane: Lane, heard: Sequence[Line]) -> Sequence[Turn]:
    """Its own words are the assistant's, all else is the user's; those of one side together."""
    grouped: list[tuple[Literal["user", "assistant"], list[str]]] = []
    for line in heard:
        own = line.role == lane.name
        side: Literal["user", "assistant"] = "assistant" if own else "user"
        text = quoted(line) if lane.quotes and not own else line.content
        if grouped and grouped[-1][0] == side:
            grouped[-1][1].append(text)
        else:
            grouped.append((side, [text]))
    closing = [CLOSING] if lane.quotes else []
    return [
        Turn(side, "\n".join([*texts, *(closing if side == "user" else [])]))
        for side, texts in grouped
    ]


def quoted(line: Line) -> str:
    """What somebody said, as JSON that cannot leave its tag: it is talked about, not followed."""
    said = msgspec.json.encode({"by": SPEAKERS[line.role], "text": line.content})
    return f'<data kind="said">{said.decode().translate(_ESCAPES)}</data>'
