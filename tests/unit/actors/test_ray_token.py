"""A Ray of our own runs nothing for strangers: it asks for the token of the data directory."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from beheard_hub.actors.ray_cluster import TOKEN_VARIABLES, RayOptions, start_ray
from beheard_hub.persistence.data_dir import kept_secret
from beheard_hub.settings import process_environment

START = """
import asyncio, sys
from pathlib import Path
import ray
from beheard_hub import telemetry
from beheard_hub.actors.ray_cluster import RayOptions, start_ray, stop_ray
from beheard_hub.settings import process_environment
telemetry.configure()
async def serve():
    await start_ray(RayOptions(cpus=1, token_file=Path(sys.argv[1])), process_environment())
    print("at", ray.get_runtime_context().gcs_address, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await stop_ray()
asyncio.run(serve())
"""
"""Ray remembers a token for as long as its process lives, and lives as long as the thread that has
started it: so it has a process of its own, in one loop."""
ASK = """
import sys
from ray._raylet import GcsClient
print(len(GcsClient(address=sys.argv[1]).internal_kv_keys(b"", None)))
"""


def unasked() -> dict[str, str]:
    """An environment that says nothing of tokens."""
    return {k: v for k, v in process_environment().items() if k not in TOKEN_VARIABLES}


def ask(address: str, **more: str) -> subprocess.CompletedProcess[str]:
    """What somebody gets who knows the address."""
    command = [sys.executable, "-c", ASK, address]
    return subprocess.run(command, env={**unasked(), **more}, capture_output=True, text=True)


def test_who_has_no_token_is_refused(tmp_path: Path) -> None:
    token = kept_secret(tmp_path / "ray-token")
    owner = subprocess.Popen(
        [sys.executable, "-c", START, str(tmp_path / "ray-token")],
        env=unasked(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert owner.stdout is not None
        address = next(line for line in owner.stdout if line.startswith("at ")).split()[1]
        friend = ask(address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token)
        assert int(friend.stdout) > 0
        for stranger in (
            ask(address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0" * 64),
            ask(address, RAY_AUTH_MODE="disabled"),
        ):
            assert stranger.returncode != 0
            assert "AuthenticationError" in stranger.stderr
        assert not [line for line in command_lines() if token in line]
    finally:
        _, said = owner.communicate()
    assert owner.returncode == 0
    assert "disabled" not in said, "Ray's advice to open itself to everybody is not passed on"


def command_lines() -> list[str]:
    """Of every process of the machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            found.append(path.read_text(errors="replace"))
    assert any("raylet" in line for line in found)
    return found


@pytest.mark.parametrize("name", TOKEN_VARIABLES)
async def test_what_the_operator_chose_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def nobody(**_options: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("ray.init", nobody)
    environ = {name: "theirs"}
    with pytest.raises(ConnectionError):
        await start_ray(RayOptions(token_file=tmp_path / "t"), environ)
    assert [key for key in environ if key in TOKEN_VARIABLES] == [name]
    assert environ[name] == "theirs"
