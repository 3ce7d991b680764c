"""Machines that are network namespaces of this one, each with an address and a cable of its own.

It needs root and `ip` (iproute2, Linux).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

BRIDGE = "beheard0"
NETWORK = "10.77.0"
HERE = f"{NETWORK}.1"
"""Where the database is, and the people are."""
READY_SECONDS_MAX = 120.0


def ip(words: str) -> None:
    """Runs the command. Raises CalledProcessError."""
    subprocess.run(["ip", *words.split()], check=True, capture_output=True)


def answers(address: str, port: int) -> None:
    """Waits until somebody listens there. Raises TimeoutError."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while True:
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), 1).close()
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody listens at {address}:{port}")
        time.sleep(0.2)


class Machine:
    """One of them; `hides` are folders of which it sees nothing."""

    def __init__(self, number: int, hides: Sequence[Path]) -> None:
        self.number, self.hides = number, hides
        self.name, self.cable = f"beheard-m{number}", f"beheard-c{number}"
        self.address = f"{NETWORK}.{10 + number}"
        self.processes: list[subprocess.Popen[bytes]] = []

    def connect(self) -> None:
        """Makes it, with its cable."""
        ip(f"netns add {self.name}")
        ip(f"link add {self.cable} type veth peer name eth0 netns {self.name}")
        ip(f"link set {self.cable} master {BRIDGE} up")
        ip(f"-n {self.name} addr add {self.address}/24 dev eth0")
        for link in ("lo", "eth0"):
            ip(f"-n {self.name} link set {link} up")
        ip(f"-n {self.name} route add default via {HERE}")

    def begin(self, command: Sequence[str | Path], variables: Mapping[str, str], log: Path) -> None:
        """Starts a process on it."""
        hiding = " ".join(f"mount -t tmpfs none '{path}' &&" for path in self.hides)
        inside = ["unshare", "--mount", "sh", "-c", f'{hiding} exec "$@"', "sh", *map(str, command)]
        with log.open("ab") as file:
            self.processes.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", self.name, *inside],
                    env=dict(variables),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                )
            )

    def cut(self) -> None:
        """Nothing goes through its cable, either way, and nobody is told."""
        ip(f"link set {self.cable} down")

    def mend(self) -> None:
        """The cable is whole again."""
        ip(f"link set {self.cable} up")

    def lose_power(self) -> None:
        """Every process on it is gone."""
        while pids := self._pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in self.processes:
                process.wait()
        self.processes.clear()

    def _pids(self) -> list[int]:
        found = subprocess.run(
            ["ip", "netns", "pids", self.name], check=False, capture_output=True, text=True
        )
        return [int(pid) for pid in found.stdout.split()]

    def remove(self) -> None:
        """Ends it."""
        self.lose_power()
        for words in (f"link del {self.cable}", f"netns del {self.name}"):
            with contextlib.suppress(subprocess.CalledProcessError):  # it was never made
                ip(words)
