"""One hub on several machines, none of which sees the files of the others.

Ray's head, the supervisor and its gateway are on the first, and on two more a node of Ray with
session hosts, and a gateway on its own. The database is outside.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex

from beheard_hub.gateway.auth import KEY_FILE, LocalKey
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.runtime import SystemClock
from beheard_hub.settings import process_environment
from chaos.machine import BRIDGE, HERE, NETWORK, READY_SECONDS_MAX, Machine, answers, ip

PORT, RAY_PORT, POSTGRES_PORT = 8787, 6379, 5432
HOSTS_EACH = 2
RAY_STARTS_MAX = 3
CERTIFICATES = (
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=links"
    " -keyout ca-key.pem -out ca.pem",
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=beheard-host"
    " -addext subjectAltName=DNS:beheard-host -addext basicConstraints=critical,CA:FALSE"
    " -CA ca.pem -CAkey ca-key.pem -keyout host-key.pem -out host.pem",
)
"""As docs/operations.md says."""


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
        ip(f"link add {BRIDGE} type bridge")
        ip(f"addr add {HERE}/24 dev {BRIDGE}")
        ip(f"link set {BRIDGE} up")
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
        answers(self.first.address, RAY_PORT)
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
            ip(f"link del {BRIDGE}")

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


@contextlib.contextmanager
def spread() -> Iterator[Machines]:
    """The hub on its machines, until the end of the block. What went wrong leaves its logs."""
    folder = Path(tempfile.mkdtemp(prefix="beheard-machines-"))
    folder.chmod(0o755)
    machines = Machines(folder)
    try:
        try:
            machines.start()
            yield machines
        finally:
            machines.stop()
    except BaseException:
        say(f"logs are in {folder}")
        raise
    shutil.rmtree(folder)


def say(text: str) -> None:
    """Shows progress."""
    print(f"  {text}", file=sys.stderr, flush=True)
