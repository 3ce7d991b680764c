"""Which models, and what each of them may be told beside the prompt.

Newer models take no temperature and think before they speak unless told otherwise; what they think
counts against `max_tokens`. Here nobody waits for thoughts: an answer is short and its first word
is due within seconds. So thinking is off where a model allows that, and where it does not, there is
room for it beside the answer. A model without a row is told nothing that it might refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

LARGE = "claude-sonnet-5-5"
"""For words. The newest of its line that can answer without thinking first: with 800 tokens for an
answer and 20 seconds to its first word, one that always thinks would be cut off or late."""
SMALL = "claude-haiku-5-5"
"""For mechanics."""

THINKING_TOKENS = 4_000


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How a family of models is asked."""

    prefix: str
    """Of its ids; the longest that fits decides."""
    thinking: str | None = None
    """The type that turns thinking off; None = nothing is said about it."""
    effort: str | None = None
    temperature: bool = False
    """Whether a temperature may be sent at all."""
    room: int = 0
    """Tokens beside the answer, for thoughts that cannot be turned off."""

    def parameters(self, temperature: float, max_tokens: int) -> Mapping[str, Any]:
        """What the request says beside model, system and messages."""
        found: dict[str, Any] = {"max_tokens": max_tokens + self.room}
        if self.thinking is not None:
            found["thinking"] = {"type": self.thinking}
        if self.effort is not None:
            found["output_config"] = {"effort": self.effort}
        if self.temperature:
            found["extra_body"] = {"temperature": temperature}
        return found


MANNERS: tuple[Manner, ...] = (
    Manner(prefix="claude-haiku-5-5", thinking="disabled", effort="low"),
    Manner(prefix="claude-sonnet-5-5", thinking="between_tools", effort="medium"),
    Manner(prefix="claude-sonnet-5", thinking="disabled"),
    Manner(prefix="claude-opus-4-8"),
    Manner(prefix="claude-opus-4-7"),
    Manner(prefix="claude-opus-4-6", temperature=True),
    Manner(prefix="claude-sonnet-4-6", temperature=True),
    Manner(prefix="claude-haiku-4-5", temperature=True),
    Manner(prefix="claude-opus-4-5", temperature=True),
    Manner(prefix="claude-sonnet-4-5", temperature=True),
    Manner(prefix="claude-opus-5-5", effort="low", room=THINKING_TOKENS),
    Manner(prefix="", room=THINKING_TOKENS),
)


def manner_of(model: str) -> Manner:
    """The row of a model's family."""
    fitting = [manner for manner in MANNERS if model.startswith(manner.prefix)]
    return max(fitting, key=lambda manner: len(manner.prefix))
