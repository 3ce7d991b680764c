"""Sessions as they stand when a run begins: played once without a host, copied with new ids."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from tests.unit.domain.play import Play

STAGES = (0, 1, 2)


@cache
def _template(stage: int) -> bytes:
    play = Play().to_stage(stage)
    return msgspec.json.encode((play.session_id, play.tables.tables))


def session(number: int, stage: int, couple: tuple[str, str]) -> tuple[str, dict[str, Any]]:
    """A session of two at a stage: its id, and its rows by table."""
    text = _template(stage).decode()
    for old, new in (("alice", couple[0]), ("bob", couple[1])):
        text = text.replace(f'"{old}"', f'"{new}"')
    for letter in "ir":
        text = text.replace(f'"{letter}0', f'"{letter}{number}-0')
    session_id, tables = msgspec.json.decode(text)
    return session_id, tables
