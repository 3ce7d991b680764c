"""``python -m chaos.machines --strikes N --seed S``: one hub on several machines, under load.

The machines are network namespaces of this one, each with an address and a cable of its own, and
without the files of the others: Ray's head, the supervisor and its gateway on the first, and on two
more a node of Ray with session hosts, and a gateway on its own. The database and the people are
outside. Cables are cut and mended, machines lose their power and come back. At the end what was
acked is laid beside the database, as in every plan. It needs root and `ip` (iproute2, Linux).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from secrets import token_hex

import asyncpg
import uvloop

from beheard_hub.domain.sharding import shard_of
from beheard_hub.gateway.auth import KEY_FILE, LocalKey
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.runtime import SystemClock
from beheard_hub.settings import process_environment
from beheard_hub.testing.hub_process import HubProcess
from chaos.hub import SQL, HubUnderFire, Struck
from chaos.judgement import judged
from chaos.people import Load, at_work
from chaos.recorder import now
from chaos.report import report, show

BRIDGE = "beheard0"
NETWORK = "10.77.0"
HERE = f"{NETWORK}.1"
"""Where the database is, and the people are."""
PORT, RAY_PORT, POSTGRES_PORT = 8787, 6379, 5432
HOSTS_EACH = 2
PAIRS = 10
THINK_SECONDS = 0.05
CUT_SECONDS = (0.5, 8.0)
DARK_SECONDS = 2.0
"""How long a machine without power stays away."""
READY_SECONDS_MAX = 120.0
RAY_STARTS_MAX = 3
SPREAD_SECONDS_MAX = 180.0
ON_MACHINE = (SQL / "on_machine.sql").read_text()
CERTIFICATES = (
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=links"
    " -keyout ca-key.pem -out ca.pem",
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=beheard-host"
    " -addext subjectAltName=DNS:beheard-host -addext basicConstraints=critical,CA:FALSE"
    " -CA ca.pem -CAkey ca-key.pem -keyout host-key.pem -out host.pem",
)
"""As docs/operations.md says."""


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True)


def _answers(address: str, port: int) -> None:
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
        _ip(f"netns add {self.name}")
        _ip(f"link add {self.cable} type veth peer name eth0 netns {self.name}")
        _ip(f"link set {self.cable} master {BRIDGE} up")
        _ip(f"-n {self.name} addr add {self.address}/24 dev eth0")
        for link in ("lo", "eth0"):
            _ip(f"-n {self.name} link set {link} up")
        _ip(f"-n {self.name} route add default via {HERE}")

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
        _ip(f"link set {self.cable} down")

    def mend(self) -> None:
        """The cable is whole again."""
        _ip(f"link set {self.cable} up")

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
                _ip(words)


class Machines:
    """A hub that is spread over them. Made by :func:`spread`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ray_files = Path(tempfile.gettempdir()) / "ray"
        ray_files.mkdir(exist_ok=True)
        self.first = Machine(1, [])
        self.others = [Machine(number, [folder / "data", ray_files]) for number in (2, 3)]
        self.postgres = EmbeddedPostgres(folder / "database")
        self.variables: dict[str, str] = {}
        """Environment of every process of the hub."""
        self._starts = itertools.count()

    @property
    def machines(self) -> list[Machine]:
        """All of them."""
        return [self.first, *self.others]

    def start(self) -> None:
        """Network, database, certificates, Ray, the hub, and gateways on the others."""
        _ip(f"link add {BRIDGE} type bridge")
        _ip(f"addr add {HERE}/24 dev {BRIDGE}")
        _ip(f"link set {BRIDGE} up")
        for machine in self.machines:
            machine.connect()
        url = self._database()
        for line in CERTIFICATES:
            subprocess.run(
                ["openssl", *line.split()],
                check=True, cwd=self.folder, capture_output=True,
            )  # fmt: skip
        (self.folder / "data").mkdir(mode=0o700)
        LocalKey.open(self.folder / "data", SystemClock())
        self.variables = {
            **process_environment(),
            "BEHEARD_FACILITATOR": "offline",
            "BEHEARD_LIMITS": "off",
            "BEHEARD_PORT": str(PORT),
            "BEHEARD_HOSTS": str(HOSTS_EACH * len(self.others)),
            "BEHEARD_CLUSTER_SECRET": token_hex(32),
            "BEHEARD_LINK_BIND": "node",
            "BEHEARD_LINK_CERT": str(self.folder / "host.pem"),
            "BEHEARD_LINK_KEY": str(self.folder / "host-key.pem"),
            "BEHEARD_LINK_CA": str(self.folder / "ca.pem"),
            "DATABASE_URL": url,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": token_hex(32),
            "RAY_ADDRESS": f"{self.first.address}:{RAY_PORT}",
        }
        head = ["--head", f"--port={RAY_PORT}", "--num-cpus=0", "--include-dashboard=false"]
        self._ray(self.first, head)
        _answers(self.first.address, RAY_PORT)
        for machine in self.others:
            self._node(machine)
        self._hub(self.first, "serve", self.folder / "data")
        self._says(self.first, self.folder / "serve.log", "\nready ")
        for machine in self.others:
            self._gateway(machine)

    def power(self, machine: Machine) -> None:
        """A machine comes back: its node of Ray and its gateway. Raises TimeoutError."""
        self._node(machine)
        self._gateway(machine)

    def _node(self, machine: Machine) -> None:
        """Ray gives up where the machine is busy, and is started again, as an init would."""
        options = [f"--address={self.variables['RAY_ADDRESS']}", f"--num-cpus={HOSTS_EACH}"]
        started = "Ray runtime started"
        for _ in range(RAY_STARTS_MAX - 1):
            with contextlib.suppress(TimeoutError):
                self._says(machine, self._ray(machine, options), started)
                return
        self._says(machine, self._ray(machine, options), started)

    def _gateway(self, machine: Machine) -> None:
        own = self.folder / machine.name
        own.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(self.folder / "data" / KEY_FILE, own / KEY_FILE)
        self._hub(machine, "gateway", own)

    def _hub(self, machine: Machine, command: str, data_dir: Path) -> None:
        own = {"BEHEARD_DATA_DIR": str(data_dir), "BEHEARD_HOST": machine.address}
        program = [sys.executable, "-m", "beheard_hub", command]
        machine.begin(program, self.variables | own, self.folder / f"{command}.log")

    def _says(self, machine: Machine, log: Path, words: str) -> None:
        """Waits for these words of the newest process there. Raises TimeoutError with its log."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while words not in (said := log.read_text()):
            if machine.processes[-1].poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"{log.name} does not say {words!r}:\n{said[-2000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Nothing is left of it."""
        for machine in reversed(self.machines):
            machine.remove()
        self.postgres.stop()
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip(f"link del {BRIDGE}")

    def _database(self) -> str:
        """An embedded server that listens on the network too; its owner's URL there."""
        self.postgres.start()
        self.postgres.stop()
        with (self.postgres.cluster / "postgresql.conf").open("a") as file:
            file.write(f"listen_addresses = '{HERE}'\n")
        with (self.postgres.cluster / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {NETWORK}.0/24 scram-sha-256\n")
        local = self.postgres.start()
        return local.partition("?")[0].replace("@/", f"@{HERE}:{POSTGRES_PORT}/")

    def _ray(self, machine: Machine, options: Sequence[str]) -> Path:
        """Starts a node; where it says what comes of it."""
        program = Path(sys.executable).with_name("ray")
        node = [f"--node-ip-address={machine.address}", "--object-store-memory=83886080", "--block"]
        log = self.folder / f"{machine.name}-ray-{next(self._starts)}.log"
        machine.begin([program, "start", *options, *node], self.variables, log)
        return log


class SpreadHub(HubUnderFire):
    """The hub on those machines, as the plans know one."""

    def __init__(self, machines: Machines) -> None:
        super().__init__(HubProcess(machines.folder / "data"))
        self.machines = machines
        self.urls = [f"ws://{machine.address}:{PORT}/v1/ws" for machine in machines.machines]

    async def database(self) -> asyncpg.Connection:
        """As the owner."""
        return await asyncpg.connect(self.machines.variables["DATABASE_URL"])

    async def sessions_on(self, machine: Machine, load: Load) -> set[str]:
        """Sessions of the load that live there."""
        shards = await self._shards_on(machine)
        everybody = {person.session_id for person in load.people}
        return {session for session in everybody if shard_of(session) in shards}

    async def spread(self) -> None:
        """Waits until every machine has a part of the sessions again. Raises TimeoutError."""
        async with asyncio.timeout(SPREAD_SECONDS_MAX):
            while not all([await self._shards_on(m) for m in self.machines.others]):
                await asyncio.sleep(1)

    async def _shards_on(self, machine: Machine) -> set[int]:
        connection = await self.database()
        try:
            rows = await connection.fetch(ON_MACHINE, f"tcp:{machine.address}:%")
        finally:
            await connection.close()
        return {row["shard"] for row in rows}


async def cable_cut(hub: SpreadHub, machine: Machine, load: Load, rng: Random) -> Struck:
    """A machine is cut off from all others, and comes back as if nothing had been."""
    struck = Struck("cable_cut", now(), await hub.sessions_on(machine, load))
    machine.cut()
    try:
        await asyncio.sleep(rng.uniform(*CUT_SECONDS))
    finally:
        machine.mend()
    return struck


async def power_lost(hub: SpreadHub, machine: Machine, load: Load, rng: Random) -> Struck:
    """A machine is off at once, and is started again."""
    struck = Struck("power_lost", now(), await hub.sessions_on(machine, load))
    await asyncio.to_thread(machine.lose_power)
    await asyncio.sleep(DARK_SECONDS)
    await asyncio.to_thread(hub.machines.power, machine)
    return struck


FAULTS = (cable_cut, power_lost)


@contextlib.contextmanager
def spread() -> Iterator[Machines]:
    """The hub on its machines, until the end of the block. What went wrong leaves its logs."""
    folder = Path(tempfile.mkdtemp(prefix="beheard-machines-"))
    folder.chmod(0o755)
    machines = Machines(folder)
    try:
        machines.start()
        yield machines
    except BaseException:
        say(f"logs are in {folder}")
        raise
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        machines.stop()


async def run(machines: Machines, seed: int, strikes: int) -> int:
    """Strikes and judges; 1 where a promise was broken."""
    rng, hub, began = Random(seed), SpreadHub(machines), time.monotonic()
    done: list[Struck] = []
    async with _everybody(hub, rng) as load:
        await load.everybody_gets(3)
        for number in range(strikes):
            await hub.spread()
            fault, machine = rng.choice(FAULTS), rng.choice(machines.others)
            struck = await fault(hub, machine, load, rng)
            done.append(struck)
            await load.everybody_gets(1)
            struck.seconds = load.first_acks_seconds(struck)
            say(f"{number + 1}/{strikes} {struck.fault} of {len(struck.sessions)} sessions")
        await load.everybody_gets(3)
    made = report(seed, time.monotonic() - began, load, done, await judged(hub, load, None))
    show("machines", made)
    return 0 if made.kept else 1


@contextlib.asynccontextmanager
async def _everybody(hub: SpreadHub, rng: Random) -> AsyncIterator[Load]:
    async with at_work(
        hub.urls, hub.token, seats=(), pairs=PAIRS, think_seconds=THINK_SECONDS, rng=rng
    ) as load:
        yield load


def say(text: str) -> None:
    """Shows progress."""
    print(f"  {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m chaos.machines", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--strikes", type=int, default=10, help="how many faults")
    given = parser.parse_args(arguments)
    if os.geteuid() != 0 or shutil.which("ip") is None:
        say("network namespaces need root and ip (iproute2)")
        return 2
    say(f"a hub on three machines and a database (seed {given.seed})")
    with spread() as machines:
        return uvloop.run(run(machines, given.seed, given.strikes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
