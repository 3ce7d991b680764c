"""What each device of a practice heard, as the log that `tests.histories` judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from tests.histories.practice_log import Asked, Entry, Greeted, Heard, Pictured, Piece, Replied

_decode = msgspec.json.Decoder().decode


class StageEar:
    """Writes down one device, over all its connections: the raw frames, before the client library
    sorts out repeats and holes."""

    def __init__(self, device: str, log: list[Entry]) -> None:
        self.device = device
        self.user_id = ""
        """Whom the hub takes it for; another one after a merger."""
        self.newest: dict[str, int] = {}
        """Session → the newest seq that came in."""
        self._log = log
        self._connection = ""
        self._asked: dict[str, tuple[str, str]] = {}
        """Command id → its session and name."""

    def asks(self, session_id: str, command_id: str, name: str) -> None:
        """A command is handed to the client library."""
        self._asked[command_id] = (session_id, name)
        self._log.append(Asked(self.device, session_id, command_id, name))

    def took(self, raw: str | bytes) -> None:
        """A frame came in."""
        frame: Mapping[str, Any] = _decode(raw)
        match frame["type"]:
            case "hello":
                self.user_id = frame["userId"]
                if frame["connectionId"] != self._connection:
                    self._connection = frame["connectionId"]
                    self._log.append(Greeted(self.device))
            case "ack":
                self._replied(frame, "")
            case "error" if "id" in frame:
                self._replied(frame, frame["code"])
            case "snapshot":
                self._log.append(Pictured(*self._place(frame), frame["state"]))
            case "event":
                self._log.append(Heard(*self._place(frame), frame["name"], frame["data"]))
            case "delta":
                self._log.append(
                    Piece(
                        self.device, frame["sessionId"], frame["messageId"], frame["text"],
                        frame.get("reset", False),
                    )
                )  # fmt: skip

    def _place(self, frame: Mapping[str, Any]) -> tuple[str, str, int]:
        session_id, seq = frame["sessionId"], frame["seq"]
        self.newest[session_id] = seq
        return self.device, session_id, seq

    def _replied(self, frame: Mapping[str, Any], code: str) -> None:
        if frame["id"] not in self._asked:  # of no account here
            return
        session_id, name = self._asked[frame["id"]]
        self._log.append(
            Replied(self.device, session_id, frame["id"], name, code, frame.get("data"))
        )
