"""The lanes of a practice, spoken by a model (spec 08)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from beheard_hub.ai.anthropic.models import LARGE, manner_of
from beheard_hub.ai.anthropic.transport import Transport, Whole
from beheard_hub.ai.anthropic.wording import Request
from beheard_hub.facilitation import Delta, Spoken
from beheard_hub.practice.scripts import Script

VERSION = "1"
"""Of the way in which a script becomes a request; its texts are the scenario's own."""
_CACHED = {"type": "ephemeral"}


class AnthropicVoice:
    """`Voice` with the model that the scenario names, else the large one."""

    def __init__(self, transport: Transport, *, model: str | None = None) -> None:
        """A model id; None = `LARGE`."""
        self._transport = transport
        self._model = model or LARGE

    async def speak(self, script: Script) -> AsyncIterator[Delta | Spoken]:
        """See the port."""
        asking = self.request(script)
        async with aclosing(self._transport.stream(asking)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Whole):
                    yield Spoken(
                        text=piece.text,
                        prompt_version=asking.label,
                        usage=piece.usage,
                        model=asking.model,
                    )
                else:
                    yield piece

    def request(self, script: Script) -> Request:
        """The request of a script. Prompt and conversation are marked for the provider's cache:
        the next exchange begins with the same."""
        lane, call = script.lane, f"practice_{script.lane.name}"
        model = script.model or self._model
        system = f"Call: {call} v{VERSION}\n\n{script.system}"
        *earlier, last = ({"role": turn.role, "content": turn.content} for turn in script.turns)
        body: dict[str, Any] = {
            "model": model,
            "system": [{"type": "text", "text": system, "cache_control": _CACHED}],
            "messages": [*earlier, {"role": last["role"], "content": [_block(last["content"])]}],
            **manner_of(model).parameters(lane.temperature, lane.answer_tokens_max),
        }
        return Request(call=call, label=f"anthropic/{call}/{VERSION}", model=model, body=body)

    async def close(self) -> None:
        """Ends all connections."""
        await self._transport.close()


def _block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": _CACHED}
