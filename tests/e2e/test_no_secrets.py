"""Secrets of a running hub stand in no command line and in no log, and their files are closed."""

from __future__ import annotations

from . import haystacks
from .conftest import ABLY, Town

FILES = ("cluster-secret", "postgres-owner", "ray-token", "token-key.pem")
PROCESSES = (b"beheard_hub", b"gcs_server", b"raylet", b"postgres")


def command_lines() -> list[bytes]:
    """Of every process of the machine."""
    found = []
    for path in haystacks.PROC.glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:  # it ended meanwhile
            continue
    return found


async def test_no_command_line_and_no_log_holds_a_secret(town: Town) -> None:
    secrets = [ABLY["ABLY_API_KEY"].partition(":")[2]]
    for name in FILES:
        path = town.hub.data_dir / name
        assert path.stat().st_mode & 0o777 == 0o600, name
        secrets += [line for line in path.read_text().splitlines() if "-----" not in line]
    lines = command_lines()
    for process in PROCESSES:
        assert any(process in line for line in lines), process
    places = [*lines, *(path.read_bytes() for path in haystacks.logs(town))]
    for secret in secrets:
        assert len(secret) > 8
        assert not any(secret.encode() in place for place in places)
