"""Bytes of a link, without any socket: messages to frames and back (docs/decisions/0001).

A frame is four bytes, big-endian, and a payload. The topmost bit of the four says that the payload
goes on in the next frame; the other 31 are its length, at most 256 KB. Joined payloads are one
MessagePack array of messages.
"""

from __future__ import annotations

from collections.abc import Sequence

from beheard_hub.domain.limits import LINK_FRAME_BYTES_MAX

CONTINUES = 0x8000_0000
PAYLOAD_BYTES_MAX = LINK_FRAME_BYTES_MAX - 4
ARRAY_HEADER_BYTES = 5
MESSAGES_BYTES_MAX = 16 * LINK_FRAME_BYTES_MAX
"""Of one list of messages, joined: far above any page, a bound for a peer gone wrong."""


class MalformedFrame(Exception):
    """What came is not a frame of ours; the link is not worth keeping."""


def next_frames(parts: Sequence[bytes]) -> tuple[bytes, int]:
    """Frames for as many encoded messages from the front as fit into one, and their number.

    A message that is larger than a frame goes alone, in several.
    """
    size = ARRAY_HEADER_BYTES
    count = 0
    for part in parts:
        if count and size + len(part) > PAYLOAD_BYTES_MAX:
            break
        size += len(part)
        count += 1
    payload = b"".join((b"\xdd", count.to_bytes(4, "big"), *parts[:count]))
    if len(payload) <= PAYLOAD_BYTES_MAX:
        return len(payload).to_bytes(4, "big") + payload, count
    frames = []
    for at in range(0, len(payload), PAYLOAD_BYTES_MAX):
        piece = payload[at : at + PAYLOAD_BYTES_MAX]
        more = CONTINUES if at + PAYLOAD_BYTES_MAX < len(payload) else 0
        frames += [(len(piece) | more).to_bytes(4, "big"), piece]
    return b"".join(frames), count


class FrameReader:
    """Collects received bytes and gives out complete payloads."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._joined: list[bytes] = []
        self._joined_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Payloads that are complete with `data`. Raises MalformedFrame."""
        buffer = self._buffer
        buffer += data
        payloads = []
        at = 0
        while len(buffer) - at >= 4:
            header = int.from_bytes(buffer[at : at + 4], "big")
            length = header & ~CONTINUES
            if length > PAYLOAD_BYTES_MAX:
                raise MalformedFrame
            if len(buffer) - at - 4 < length:
                break
            piece = bytes(buffer[at + 4 : at + 4 + length])
            at += 4 + length
            if (whole := self._join(piece, bool(header & CONTINUES))) is not None:
                payloads.append(whole)
        if at:
            del buffer[:at]
        return payloads

    def _join(self, piece: bytes, more: bool) -> bytes | None:
        if not more and not self._joined:
            return piece
        self._joined.append(piece)
        self._joined_bytes += len(piece)
        if self._joined_bytes > MESSAGES_BYTES_MAX:
            raise MalformedFrame
        if more:
            return None
        whole = b"".join(self._joined)
        self._joined, self._joined_bytes = [], 0
        return whole
