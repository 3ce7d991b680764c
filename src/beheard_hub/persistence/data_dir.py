"""The data directory: one hub at a time, and the secrets that the hub makes for itself."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
from pathlib import Path
from types import TracebackType

from beheard_hub.settings import SetupError

PID_FILE = "hub.pid"
CLUSTER_SECRET = "cluster-secret"  # noqa: S105 (a file name)
"""File of the secret that proves hosts and gateways to each other."""
DERIVING_ITERATIONS = 200_000
SECRET_BYTES = 32


class DataDirectory:
    """A claimed data directory (`BEHEARD_DATA_DIR`, spec 09).

    The claim is a lock on the pid file, which the kernel drops with the process however it dies; so
    a pid file left by a kill -9 hinders nobody. Children started with `exec` do not inherit it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock: int | None = None

    def claim(self) -> None:
        """Makes the directory (mode 0700) if need be and takes the lock.

        Raises SetupError when another hub holds it or the directory cannot be used.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / PID_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as wrong:
            raise SetupError(
                f"The data directory {self.path} cannot be used: {wrong.strerror}.",
                "Choose another one with BEHEARD_DATA_DIR.",
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = os.read(lock, 32).decode("ascii", "replace").strip()
            os.close(lock)
            raise SetupError(
                f"Another hub (process {pid or 'unknown'}) uses the data directory {self.path}.",
                "End it, or choose another directory with BEHEARD_DATA_DIR.",
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
        self._lock = lock

    def release(self) -> None:
        """Gives the directory up; harmless when it was not claimed."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> DataDirectory:
        self.claim()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def secret(self, name: str) -> str:
        """The secret kept in the file `name`, made at first use (mode 0600): 64 hex digits."""
        return kept_secret(self.path / name)


def kept_secret(path: Path) -> str:
    """The secret in `path`, made if there is none; two makers at once get the same one."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()


def derived_secret(master: str, purpose: str) -> str:
    """A secret for one purpose made from another one, which may be a password that somebody chose:
    PBKDF2 with HMAC-SHA256, 64 hex digits."""
    return hashlib.pbkdf2_hmac(
        "sha256", master.encode(), purpose.encode(), DERIVING_ITERATIONS
    ).hex()
