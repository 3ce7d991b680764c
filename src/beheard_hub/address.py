"""Where a running hub listens, for whoever has its data directory."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

ADDRESS_FILE = "hub.json"
"""In the data directory while the hub serves: where to find it and its processes."""


class Address(msgspec.Struct, frozen=True):
    """Where a running hub listens, and its processes: for operators and fault tests."""

    url: str
    gateways: list[str]
    host_pids: list[int]
    gateway_pids: list[int | None]
    postgres_pid: int | None
    ray_session: str | None
    """Folder of Ray's session, with Ray's own logs; None without Ray."""
    embedder_pids: list[int] = []
    control: str = ""
    """The operator's door, a unix socket."""


def write_address(path: Path, address: Address) -> None:
    """Puts the address file in its place at once, for its owner only: it names what to kill."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(address))
    draft.replace(path)
