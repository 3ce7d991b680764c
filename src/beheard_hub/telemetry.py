"""What may be said about the running hub: names of log events, and the logger that writes them.

Log lines are JSON objects on stderr, and in files of the data directory (spec 09). They hold ids,
sizes, codes, counts and durations; never a message, draft, need, name or e-mail (spec 4.4).
`ALLOWED` is the whole list of field names: a line with another field is refused in tests and loses
that field in production.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import sys
import threading
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO, cast

import structlog

ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "pid", "part", "host_id", "epoch", "gateway_id",
        "session_id",
        "user_id", "command", "command_id", "code", "close_code", "reference", "error", "sqlstate",
        "constraint", "count", "size_bytes", "duration_ms", "attempt", "shards", "endpoint",
        "number",
        "kind", "reminder_id", "port", "version", "reason", "state", "exit_code", "provider",
        "signal",
        "connections", "entries", "where", "host_pid", "function", "line",
    }
)  # fmt: skip

LOG_FILE_BYTES_MAX = 8 * 1024 * 1024
LOG_FILES_KEPT = 3
"""Full files beside the one that is written: ``name.log.1`` is the newest of them."""


def origin_of(error: BaseException) -> dict[str, str | int]:
    """Fields of a log line about a fault of ours: its type and its place in the code. What the
    error says stays out: it may hold text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    fields: dict[str, str | int] = {"error": type(error).__name__}
    if trace is not None:
        code = trace.tb_frame.f_code
        fields |= {"where": Path(code.co_filename).name, "function": code.co_name}
        fields["line"] = trace.tb_lineno
    return fields


def _only_allowed(
    _logger: Any, _method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name in [name for name in entry if name not in ALLOWED]:
        del entry[name]
    return entry


class LogFile:
    """A file of lines with a bound: a full one is moved aside, the oldest is dropped.

    Lines are appended whole, so a process that comes back may share it with one that is not quite
    gone. The file is for its owner only (mode 0600).
    """

    def __init__(self, path: Path, size_bytes_max: int = LOG_FILE_BYTES_MAX) -> None:
        """Opens or makes it, and its folder. Raises OSError."""
        self.path = path
        self._size_bytes_max = size_bytes_max
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._size_bytes = os.fstat(self._file).st_size

    def append(self, line: str) -> None:
        """Writes one line. Raises OSError."""
        packed = line.encode(errors="replace")
        if self._size_bytes and self._size_bytes + len(packed) > self._size_bytes_max:
            self._move_aside()
        os.write(self._file, packed)
        self._size_bytes += len(packed)

    def _move_aside(self) -> None:
        os.close(self._file)
        names = [self.path, *(self._aside(number) for number in range(1, LOG_FILES_KEPT + 1))]
        for newer, older in reversed(list(itertools.pairwise(names))):
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)
        self._open()

    def _aside(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def close(self) -> None:
        """Lets go of it."""
        os.close(self._file)


class _Output:
    """Where the lines of this process go: stderr, a file, or both. Never raises."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: LogFile | None = None
        self._to_stderr = True

    def keep(self, path: Path, *, instead: bool) -> None:
        file = LogFile(path)
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file, self._to_stderr = file, not instead

    def write(self, line: str) -> None:
        with self._lock:
            kept = self._file is not None and self._kept(self._file, line)
            if self._to_stderr or not kept:
                with contextlib.suppress(OSError, ValueError):  # nobody listens any more
                    sys.stderr.write(line)
                    sys.stderr.flush()

    def _kept(self, file: LogFile, line: str) -> bool:
        try:
            file.append(line)
        except OSError:
            return False
        return True

    def flush(self) -> None:
        """Every line is out already."""


_output = _Output()


def keep_in(path: Path, *, instead: bool = False) -> None:
    """From now on this process writes its lines to the file `path` too; `instead` of stderr, for a
    process whose stderr nobody reads. Where the file cannot be used all goes on as it was, and a
    line says so."""
    try:
        _output.keep(path, instead=instead)
    except OSError as error:
        logger("telemetry").warning("log_file_unusable", error=type(error).__name__)


def configure(level: str = "info") -> None:
    """Sends JSON lines of at least `level` to stderr, for structlog and the standard library."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _output)),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard library; their lines may quote what they were given, so
    # only warnings pass, and of those only the logger's name and the place.
    handler = logging.StreamHandler(cast(TextIO, _output))
    handler.setFormatter(_PlaceOnly())
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


class _PlaceOnly(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        return (
            f'{{"event":"library_warning","level":"{record.levelname.lower()}",'
            f'"where":"{record.name}","function":"{record.funcName}","line":{record.lineno},'
            f'"error":"{error}"}}'
        )


def logger(part: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that marks its lines with the part of the hub that speaks."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(part=part))
