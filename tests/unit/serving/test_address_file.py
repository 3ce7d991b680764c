"""The address file: whole at every moment, and for the hub's own user only."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from beheard_hub.address import ADDRESS_FILE, Address, write_address

ADDRESS = Address(
    url="http://127.0.0.1:1", gateways=[], host_pids=[7], gateway_pids=[None], postgres_pid=None,
    ray_session=None,
)  # fmt: skip


def test_it_is_for_its_owner_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / ADDRESS_FILE
    for stale in (path, path.with_suffix(".new")):
        stale.write_text("of an earlier hub")
        stale.chmod(0o644)
    old_mask = os.umask(0)
    try:
        write_address(path, ADDRESS)
    finally:
        os.umask(old_mask)
    assert path.stat().st_mode & 0o777 == 0o600
    assert msgspec.json.decode(path.read_bytes(), type=Address) == ADDRESS
    assert [found.name for found in tmp_path.iterdir()] == [ADDRESS_FILE]
