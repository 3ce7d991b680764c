"""The operator's door to a running hub: a unix socket that only the hub's own user can open.

One request a connection, a line of JSON ``{"name": ..., "args": {...}}``. The answer is lines too:
any number of ``{"said": sentence}`` as the work goes on, then ``{"done": result}`` or
``{"failed": sentence}``. Whoever can open the socket (mode 0600, in a folder of mode 0700) could
end the hub's processes anyway; so it asks for no further proof. A client that goes away does not
stop what it asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from beheard_hub import telemetry, unix_sockets
from beheard_hub.address import ADDRESS_FILE, Address
from beheard_hub.settings import SetupError

REQUEST_SECONDS_MAX = 10.0
ROLE_CHANGED = "role.changed"
"""Operation, with `userId`: `beheard role` has given this user another role."""

Say: TypeAlias = Callable[[str], None]
Operation: TypeAlias = Callable[[Mapping[str, Any], Say], Awaitable[Any]]
"""Of its arguments and a way to tell how far it is; its result goes out as JSON."""

_log = telemetry.logger("supervisor")


class Failed(Exception):
    """An operation that cannot be done; its text is a sentence for the operator."""


class Request(msgspec.Struct, frozen=True):
    """What the operator wants."""

    name: str
    args: dict[str, Any] = {}


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of an answer."""

    said: str | None = None
    done: Any = None
    failed: str | None = None


class Door:
    """The hub's end."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self.path = ""
        self._operations = operations
        self._server: asyncio.Server | None = None
        self._work: set[asyncio.Task[None]] = set()

    async def open(self, folder: Path) -> None:
        """Listens in `folder`, or in a short one of its own where the kernel wants that. Raises
        OSError."""
        path = unix_sockets.place(folder, "control.sock")
        old_mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._visited, path)
        finally:
            os.umask(old_mask)
        self.path = str(path)

    async def close(self) -> None:
        """Shuts the door; operations under way are cancelled."""
        if self._server is not None:
            self._server.close()
            unix_sockets.remove(Path(self.path))
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    async def _visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS_MAX):
                request = msgspec.json.decode(await reader.readline(), type=Request)
        except (TimeoutError, ValueError, OSError):
            writer.close()
            return
        task = asyncio.create_task(self._answer(request, writer))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        def say(line: Line) -> None:
            if not writer.is_closing():
                writer.write(msgspec.json.encode(line) + b"\n")

        operation = self._operations.get(request.name)
        try:
            if operation is None:
                raise Failed("This hub does not know that operation.")
            say(Line(done=await operation(request.args, lambda text: say(Line(said=text)))))
        except Failed as failed:
            say(Line(failed=str(failed)))
        except Exception as error:  # a fault of ours must not leave the operator waiting
            _log.error("operation_failed", **telemetry.origin_of(error))
            say(Line(failed="That failed by a fault of the hub; its log says where."))
        finally:
            with contextlib.suppress(OSError):
                await writer.drain()
            writer.close()


async def ask(data_dir: Path, name: str, args: Mapping[str, Any], on_said: Say) -> Any:
    """The operator's end: what the operation of the hub on that data directory answers.

    Raises SetupError when no hub serves there, Failed.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(_door_of(data_dir))
    except (OSError, msgspec.MsgspecError):
        raise SetupError(
            f"No hub serves on the data directory {data_dir}.",
            "Start it with `beheard serve`, or name another one with --data-dir.",
        ) from None
    try:
        writer.write(msgspec.json.encode(Request(name, dict(args))) + b"\n")
        while raw := await reader.readline():
            line = msgspec.json.decode(raw, type=Line)
            if line.failed is not None:
                raise Failed(line.failed)
            if line.said is None:
                return line.done
            on_said(line.said)
    finally:
        writer.close()
    raise Failed("The hub ended before it was done.")


def _door_of(data_dir: Path) -> str:
    """Raises OSError, MsgspecError."""
    found = (data_dir.expanduser().absolute() / ADDRESS_FILE).read_bytes()
    return msgspec.json.decode(found, type=Address).control
