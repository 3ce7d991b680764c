"""What a client makes of a snapshot and the events after it: the rules of spec 2.4, read as a
client would. Only what an event tells is carried on; the rest of a snapshot is not compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from tests.histories.log import Shown, Told


class Picture(msgspec.Struct):
    """What a client shows of a session."""

    progress: Mapping[str, Any]
    """stage, status, gates, canAdvance"""
    partner_stage: int | None
    status: str | None
    """None after an event that leaves it to the next snapshot."""


PROGRESS = ("stage", "status", "gates", "canAdvance")
JOINED_AT_STAGE = 0


def pictured(snapshot: Shown) -> Picture:
    """What a fresh client shows."""
    state = snapshot.state
    partner = state["partner"]
    return Picture(
        {field: state["progress"][field] for field in PROGRESS},
        partner["stage"] if partner is not None else None,
        _plain(state["session"]["status"]),
    )


def _plain(status: str) -> str:
    """WAITING is ACTIVE as it looks to one of the two; no event tells it apart."""
    return "ACTIVE" if status == "WAITING" else status


def _progress(picture: Picture, data: Mapping[str, Any]) -> None:
    picture.progress = {field: data[field] for field in PROGRESS}


def _advanced(picture: Picture, data: Mapping[str, Any]) -> None:
    picture.partner_stage = data["toStage"]


def _joined(picture: Picture, data: Mapping[str, Any]) -> None:
    picture.partner_stage, picture.status = JOINED_AT_STAGE, "ACTIVE"


def _status(status: str) -> Callable[[Picture, Mapping[str, Any]], None]:
    def becomes(picture: Picture, data: Mapping[str, Any]) -> None:
        picture.status = status

    return becomes


RULES: Mapping[str, Callable[[Picture, Mapping[str, Any]], None]] = {
    "progress.changed": _progress,
    "partner.advanced": _advanced,
    "partner.joined": _joined,
    "session.paused": _status("PAUSED"),
    "session.resumed": _status("ACTIVE"),
    "session.resolved": _status("RESOLVED"),
    "session.abandoned": _status("ABANDONED"),
}


def followed(snapshot: Shown, events: Iterable[Told]) -> Picture:
    """What a client shows that got this snapshot and then these events."""
    picture = pictured(snapshot)
    for event in events:
        if (rule := RULES.get(event.name)) is not None:
            rule(picture, event.data)
    return picture
