"""What each device sent and heard, as the log that `tests.histories` judges."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
from tests.histories.log import Answered, Entry, Listened, Sent, Shown, Told

_decode = msgspec.json.Decoder().decode


class Ear:
    """Writes down one device of one person, over all its connections.

    It hears the raw frames, before the client library sorts out repeats and holes. What leaves is
    told by the sender; what the library sends again after a reconnect follows from its promise: all
    that is unanswered, and the subscriptions from where they stand.
    """

    def __init__(self, log: list[Entry]) -> None:
        self._log = log
        self._unanswered: dict[str, tuple[str, str]] = {}
        """Command id → its session and name."""
        self._sessions: dict[str, int | None] = {}
        """Session → newest seq that came in."""
        self._of: dict[str, str] = {}
        self.client = ""
        """Id of the connection."""
        self.user_id = ""

    def sends(self, session_id: str, command_id: str, name: str) -> None:
        """A command is handed to the client library."""
        self._unanswered[command_id] = (session_id, name)
        self._of[command_id] = session_id
        self._sent(command_id)

    def listens(self, session_id: str, after: int | None) -> None:
        """A stream of events is opened."""
        self._sessions[session_id] = after
        self._log.append(Listened(now(), self.client, self.user_id, session_id, after))

    def newest(self, session_id: str) -> int:
        """The newest seq that came in."""
        return self._sessions.get(session_id) or 0

    def took(self, raw: str | bytes) -> None:
        """A frame came in."""
        frame: Mapping[str, Any] = _decode(raw)
        match frame["type"]:
            case "hello":
                self._greeted(frame)
            case "ack":
                self._answered(frame, "")
            case "error" if "id" in frame:
                self._answered(frame, frame["code"])
            case "event":
                self._sessions[frame["sessionId"]] = frame["seq"]
                self._log.append(Told(*self._who(frame), frame["name"], frame["data"]))
            case "snapshot":
                self._sessions[frame["sessionId"]] = frame["seq"]
                self._log.append(Shown(*self._who(frame), frame["state"]))

    def _who(self, frame: Mapping[str, Any]) -> tuple[float, str, str, str, int]:
        return now(), self.client, self.user_id, frame["sessionId"], frame["seq"]

    def _greeted(self, hello: Mapping[str, Any]) -> None:
        if hello["connectionId"] == self.client:
            return
        self.client, self.user_id = hello["connectionId"], hello["userId"]
        for session_id, after in self._sessions.items():
            self.listens(session_id, after)
        for command_id in self._unanswered:
            self._sent(command_id)

    def _sent(self, command_id: str) -> None:
        session_id, name = self._unanswered[command_id]
        self._log.append(Sent(now(), self.client, self.user_id, session_id, command_id, name))

    def _answered(self, frame: Mapping[str, Any], code: str) -> None:
        session_id = self._of[frame["id"]]
        if not frame.get("retryable"):
            self._unanswered.pop(frame["id"], None)
        self._log.append(
            Answered(
                now(), self.client, self.user_id, session_id, frame["id"], code,
                frame.get("seq", 0), frame.get("duplicate", False), frame.get("data"),
            )
        )  # fmt: skip

    def gave_up(self, command_id: str) -> None:
        """Its sender waits no longer: the library will not send it again."""
        self._unanswered.pop(command_id, None)


def now() -> float:
    """Seconds of the clock of all entries."""
    return time.monotonic()
