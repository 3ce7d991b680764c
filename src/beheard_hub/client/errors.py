"""Everything that can go wrong for a caller of the client, as one tree.

* :exc:`HubError`
    * :exc:`Refused`: the hub said no; the command was not applied.
    * :exc:`ConnectionLost`: this client will not connect again by itself.
    * :exc:`CommandTimeout`: no answer in time; the command may or may not have been applied.

No sentence here repeats what a person wrote: only codes, names of commands and ids.
"""

from __future__ import annotations

from collections.abc import Mapping


class HubError(Exception):
    """Base of all errors of this client."""


class Refused(HubError):
    """The hub refused a command or a subscription (spec 5.2 ``error``, codes of 5.3)."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: Mapping[str, str] | None = None,
        retryable: bool = False,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        """Stable code, such as ``INVALID_STAGE``."""
        self.message = message
        """One sentence for a person."""
        self.details = dict(details or {})
        """Field (or ``yours``, ``needed`` ...) to reason."""
        self.retryable = retryable
        """Whether the same id may be sent again with hope; the client did so while time allowed."""
        self.retry_after_ms = retry_after_ms
        """How long the hub asks to wait first, in milliseconds."""

    def __str__(self) -> str:
        reasons = ", ".join(f"{field}: {reason}" for field, reason in self.details.items())
        return f"{self.code}: {self.message}" + (f" ({reasons})" if reasons else "")


class ConnectionLost(HubError):
    """The connection ended and trying again would not help, or the client was closed."""

    def __init__(self, reason: str, close_code: int | None = None) -> None:
        super().__init__(reason, close_code)
        self.reason = reason
        self.close_code = close_code
        """Close code of the websocket (spec 5.2), or None when there was none."""

    def __str__(self) -> str:
        return self.reason if self.close_code is None else f"{self.reason} ({self.close_code})"


class CommandTimeout(HubError):
    """A command was not answered within its time; send the same id again to learn its fate."""

    def __init__(self, name: str, command_id: str, seconds: float) -> None:
        super().__init__(name, command_id, seconds)
        self.name = name
        self.command_id = command_id
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.name} (id {self.command_id}) was not answered within {self.seconds:g} s"
