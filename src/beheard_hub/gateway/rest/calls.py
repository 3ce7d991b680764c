"""One request's ear at the router: a `Sink` that waits for the answer to its command."""

from __future__ import annotations

import asyncio

from beheard_hub.domain.refusals import Code
from beheard_hub.gateway import frames


class Call:
    """One command, one answer. `closed` is set when the client went away: the router then forgets
    the command, applied or not, instead of sending it again."""

    def __init__(self) -> None:
        self.closed = False
        self.answer: asyncio.Future[frames.Ack | frames.Error]
        self.answer = asyncio.get_running_loop().create_future()

    @property
    def crowded(self) -> bool:
        """Never: a call waits for one frame."""
        return False

    def deliver(self, frame: frames.Outgoing) -> None:
        """Takes the answer."""
        if isinstance(frame, frames.Ack | frames.Error) and not self.answer.done():
            self.answer.set_result(frame)

    def answered(self) -> None:
        """The answer has been delivered."""

    def end(self) -> None:
        """The gateway goes: nothing was applied, or the id will tell."""
        self.deliver(frames.error_frame(Code.SERVICE_UNAVAILABLE))
