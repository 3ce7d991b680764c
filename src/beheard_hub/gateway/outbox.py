"""What waits to be written to one socket: bounded, in order, deltas merged while they wait.

Pure: `connection.py` takes from it as fast as its socket lets it. A reader that is slower than
`Bounds` allows makes it overflow, and nobody else notices.
"""

from __future__ import annotations

from collections import deque

from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.frames import Codec, Delta, Outgoing

DELTA_FRAME_BYTES = 200
"""About what a delta weighs beside its text; deltas are encoded only when they leave."""


class _Waiting:
    __slots__ = ("delta", "payload", "size")

    def __init__(self, payload: str | bytes | None, delta: Delta | None, size: int) -> None:
        self.payload = payload
        self.delta = delta
        self.size = size


class Outbox:
    """Frames of one connection on their way out."""

    __slots__ = ("_bounds", "_bytes", "_codec", "_deltas", "_queue", "overflowed")

    def __init__(self, codec: Codec, bounds: Bounds) -> None:
        self._codec = codec
        self._bounds = bounds
        self._queue: deque[_Waiting] = deque()
        self._deltas: dict[str, _Waiting] = {}
        self._bytes = 0
        self.overflowed = False
        """Once true it stays so: the connection must be closed 4408."""

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def size_bytes(self) -> int:
        """Encoded size of what waits (of deltas: about)."""
        return self._bytes

    @property
    def crowded(self) -> bool:
        """More than half full: whoever can wait, should."""
        return (
            len(self._queue) * 2 > self._bounds.outbox_frames_max
            or self._bytes * 2 > self._bounds.outbox_bytes_max
        )

    def put(self, frame: Outgoing) -> None:
        """Queues a frame, or drops it and sets `overflowed`."""
        if isinstance(frame, Delta):
            self._put_delta(frame)
            return
        payload = self._codec.encode(frame)
        self._append(_Waiting(payload, None, _size(payload)))

    def _put_delta(self, delta: Delta) -> None:
        size = DELTA_FRAME_BYTES + _size(delta.text)
        waiting = self._deltas.get(delta.message_id)
        if waiting is None or waiting.delta is None or _begins_and_ends(waiting.delta, delta):
            entry = _Waiting(None, delta, size)
            self._deltas[delta.message_id] = entry
            self._append(entry)
            return
        size = size if delta.reset else waiting.size + size - DELTA_FRAME_BYTES
        self._bytes += size - waiting.size
        waiting.delta, waiting.size = waiting.delta.absorbing(delta), size
        self._check()

    def _append(self, entry: _Waiting) -> None:
        self._queue.append(entry)
        self._bytes += entry.size
        self._check()

    def _check(self) -> None:
        if (
            len(self._queue) > self._bounds.outbox_frames_max
            or self._bytes > self._bounds.outbox_bytes_max
        ):
            self.overflowed = True
            self.clear()

    def take(self) -> str | bytes | None:
        """The oldest frame, encoded, or None."""
        if not self._queue:
            return None
        entry = self._queue.popleft()
        self._bytes -= entry.size
        if entry.delta is None:
            return entry.payload
        if self._deltas[entry.delta.message_id] is entry:
            del self._deltas[entry.delta.message_id]
        return self._codec.encode(entry.delta)

    def clear(self) -> None:
        """Forgets what waits."""
        self._queue.clear()
        self._deltas.clear()
        self._bytes = 0


def _begins_and_ends(waiting: Delta, later: Delta) -> bool:
    """Whether the later takes back what the waiting one may have begun. A first piece also says
    that the answer before it is over; that must be told, though nothing of the text is left."""
    return later.reset and not later.text and not waiting.reset


def _size(payload: str | bytes) -> int:
    """Bytes of a text are taken as its characters where they are ASCII, else counted."""
    if isinstance(payload, bytes) or payload.isascii():
        return len(payload)
    return len(payload.encode())
