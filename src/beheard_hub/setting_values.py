"""How the text of a setting becomes its value.

Each function takes what stands in the environment and raises ValueError, whose text says what the
value may be.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from beheard_hub.domain.limits import RATES

NODE = "node"
"""As `link_bind`: on each machine the address by which Ray knows it."""

AUTO = "auto"
"""As `ray_address`: the cluster that this machine belongs to."""

Parse = Callable[[str], Any]
"""Raises ValueError whose text says what the value may be."""


def text(value: str) -> str:
    """Anything."""
    return value


def whole(least: int, most: int) -> Parse:
    """A whole number, both ends included."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value) or not least <= int(value) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(value)

    return parse


def one_of(*words: str) -> Parse:
    """One of these words; case does not matter."""

    def parse(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return value.lower()

    return parse


def switch(value: str) -> bool:
    """on or off."""
    words = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
    if value.lower() not in words:
        raise ValueError("on or off")
    return words[value.lower()]


def web_url(value: str) -> str:
    """An address on the web."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a URL that begins with https:// or http://")
    return value


def origins(value: str) -> tuple[str, ...]:
    """Origins of browsers, by comma, without a slash at their end."""
    found = tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
    if not all(re.fullmatch(r"https?://[^/\s?#]+", origin) for origin in found):
        raise ValueError("origins such as https://app.example, separated by commas")
    return found


def emails(value: str) -> tuple[str, ...]:
    """Addresses, by comma; made lower case."""
    found = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    if not all(re.fullmatch(r"[^\s@]+@[^\s@]+", address) for address in found):
        raise ValueError("e-mail addresses, separated by commas")
    return found


def rate(text_of_one: str) -> tuple[str, tuple[int, float, int]]:
    """``messages=30/60s`` or ``commands=20/1s:40``: name, tokens, seconds, burst (else as many as
    the tokens). Raises ValueError, KeyError."""
    found = re.fullmatch(r"([a-z-]+)=(\d{1,6})/(\d{1,6})s(?::(\d{1,6}))?", text_of_one)
    if found is None or not int(found[2]) or not int(found[3]) or found[4] == "0":
        raise ValueError("rates such as commands=20/1s:40,messages=30/60s")
    return found[1], (int(found[2]), float(found[3]), int(found[4] or found[2]))


def rates(value: str) -> tuple[str, ...]:
    """Each as `rate` takes it, none twice, by the names of `limits.RATES`."""
    found = tuple(part.strip() for part in value.split(",") if part.strip())
    names = [rate(one)[0] for one in found]
    if not set(names) <= RATES.keys():
        raise ValueError(f"rates of {', '.join(RATES)}")
    if len(set(names)) < len(names):
        raise ValueError("rates with no name twice")
    return found


def secret(value: str) -> str:
    """Long enough not to be guessed."""
    if len(value) < 16:
        raise ValueError("a secret of at least 16 characters")
    return value


def ably_key(value: str) -> str:
    """A key of Ably: its name, a colon, its secret."""
    if not re.fullmatch(r"[^\s:]+:[^\s:]+", value):
        raise ValueError("a key such as appId.keyId:secret")
    return value


def path(value: str) -> Path:
    """A path; ~ is the home."""
    return Path(value).expanduser()


def file(value: str) -> Path:
    """Absolute, because processes that read it may start in another directory."""
    return path(value).absolute()


def bind(value: str) -> str:
    """An address by which others can reach this machine, or `NODE`."""
    if value.lower() == NODE:
        return NODE
    try:
        address = ip_address(value)
    except ValueError:
        address = None
    if address is None or address.is_unspecified:
        raise ValueError(f"{NODE}, or an IP address by which gateways reach the hosts")
    return str(address)


def cluster(value: str) -> str:
    """Where a Ray cluster is. Not by Ray Client (`ray://`), which actors cannot be started by as
    they are here."""
    if value.lower() == AUTO:
        return AUTO
    found = re.fullmatch(r"[^\s/]+:(\d{1,5})", value)
    if found is None or not 0 < int(found[1]) <= 65_535:
        raise ValueError(f"HOST:PORT of the cluster's head, or {AUTO}")
    return value


def locale(value: str) -> str:
    """A language, and perhaps a country."""
    if not re.fullmatch(r"[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8})*", value):
        raise ValueError("a locale such as en, en-GB or de")
    return value
