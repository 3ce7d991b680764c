"""What a process of a running hub is told by the one that starts it; and their clock and ids."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uuid_utils

from beheard_hub import settings


class Runtime(msgspec.Struct, frozen=True):
    """Passed to hosts and gateways; holds secrets, so it travels by pipe or Ray call, never by
    command line or log."""

    environ: Mapping[str, str]
    """The settings as variables, as the first process resolved them."""
    runtime_url: str
    """Database URL of the login role."""
    secret: str
    """Proves hosts and gateways to each other."""
    data_dir: str

    def __repr__(self) -> str:
        return "Runtime"

    @property
    def settings(self) -> settings.Settings:
        """The settings again, typed."""
        return settings.load(self.environ)

    @property
    def path(self) -> Path:
        """The data directory."""
        return Path(self.data_dir)

    @property
    def logs(self) -> Path:
        """The folder of log files, on whichever machine a process runs."""
        return self.path / "logs"


class SystemClock:
    """Implements `ports.Clock`."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)

    def mono(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()


class SystemIds:
    """Implements `kernel.Ids`."""

    def ordered(self) -> str:
        """A UUIDv7."""
        return str(uuid_utils.uuid7())

    def random(self) -> str:
        """A UUIDv4."""
        return str(uuid_utils.uuid4())
