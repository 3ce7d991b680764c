"""The example of the README, run as a newcomer would: as a program of its own, ended by Ctrl-C."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path

from .conftest import Town

README = Path(__file__).parents[2] / "README.md"
PATIENCE_SECONDS = 90
SAID = b"USER: We argued about money again."


def listening() -> None:
    """A shell that starts tests in the background has them ignore Ctrl-C, and their children too;
    at a newcomer's terminal nothing does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def test_the_example_runs(town: Town, tmp_path: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    program = tmp_path / "example.py"
    program.write_text(example)
    alice, bob = town.person("Alice"), town.person("Bob")
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-u", str(program), town.hub.websocket_url, alice.token, bob.token,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, preexec_fn=listening,
    )  # fmt: skip
    assert running.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            printed = b""
            while not (SAID in printed and b"AI: " in printed.partition(SAID)[2]):
                line = await running.stdout.readline()
                assert line, "it ended before the facilitator had spoken"
                printed += line
            running.send_signal(signal.SIGINT)
            _, complaints = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    assert (running.returncode, complaints) == (0, b"")
