"""From what a client sent to a typed, normalised struct, or a refusal that names every bad field.

The shape of a command is a msgspec Struct whose annotations carry a check each
(``Annotated[str, Text(200)]``). Checks are values; `validate` compiles them once per struct. Text
is NFC-normalised, trimmed and counted in code points; U+0000 and lone surrogates are refused,
unknown fields too; an int is never a bool (spec 2.3). A refusal repeats no value, only names and
limits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, get_args, get_origin, get_type_hints

import msgspec

from beheard_hub.domain.refusals import Code, Refusal

ID_CHARS_MAX = 64
CURSOR_CHARS_MAX = 400

Problems = dict[str, str]
"""Path of a field → what it must be."""

_FORBIDDEN = re.compile("[\u0000\ud800-\udfff]")
_LINK = re.compile(r"https://[!-~]+")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_BAD: Any = object()


class Check(Protocol):
    """One rule for one value."""

    def __call__(self, value: Any, path: str, problems: Problems) -> Any:
        """The clean value; notes a problem otherwise."""


def _bad(path: str, problems: Problems, reason: str) -> Any:
    problems[path] = reason
    return _BAD


class Data(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of all command data. `one_of` names fields of which exactly one must be given,
    `cleared` those in which null is a word of its own (None) and not the same as nothing
    (`msgspec.UNSET`)."""

    one_of: ClassVar[tuple[str, ...]] = ()
    cleared: ClassVar[tuple[str, ...]] = ()


class Text(msgspec.Struct, frozen=True):
    """1 to `most` code points after trimming."""

    most: int

    def __call__(self, value: Any, path: str, problems: Problems) -> Any:
        """Trims and normalises."""
        if not isinstance(value, str):
            return _bad(path, problems, f"text of 1 to {self.most} characters")
        if _FORBIDDEN.search(value):
            return _bad(path, problems, "text without U+0000 and lone surrogates")
        clean = unicodedata.normalize("NFC", value).strip()
        if not 1 <= len(clean) <= self.most:
            return _bad(path, problems, f"1 to {self.most} characters")
        return clean


class Number(msgspec.Struct, frozen=True):
    """A whole number from `least` to `most`."""

    least: int
    most: int

    def __call__(self, value: Any, path: str, problems: Problems) -> Any:
        """Numbers of a query string stay text: routes convert them before."""
        if isinstance(value, bool) or not isinstance(value, int):
            return _bad(path, problems, f"whole number from {self.least} to {self.most}")
        if not self.least <= value <= self.most:
            return _bad(path, problems, f"{self.least} to {self.most}")
        return value


class Flag(msgspec.Struct, frozen=True):
    """true or false; with `only` exactly that."""

    only: bool | None = None

    def __call__(self, value: Any, path: str, problems: Problems) -> Any:
        """No truthiness: 1 is not true."""
        if not isinstance(value, bool) or (self.only is not None and value is not self.only):
            wanted = "true or false" if self.only is None else str(self.only).lower()
            return _bad(path, problems, wanted)
        return value


class Id(msgspec.Struct, frozen=True):
    """An opaque id, 1 to 64 characters."""

    def __call__(self, value: Any, path: str, problems: Problems) -> Any:
        """Not normalised: an id is compared, never read."""
        if (
            not isinstance(value, str)
            or not 1 <= len(value) <= ID_CHARS_MAX
            or _FORBIDDEN.search(value)
        ):
            return _bad(path, problems, f"id of 1 to {ID_CHARS_MAX} characters")
        return value


class Link(msgspec.Struct, frozen=True):
    """An address of at most `most` characters that an app may load a picture from: https only."""

    most: int

    def __call__(self, value: Any, path: str, problems: Problems) -> Any:
        """Exactly as written, without spaces and control characters."""
        if not isinstance(value, str) or len(value) > self.most or not _LINK.fullmatch(value):
            return _bad(path, problems, f"https address of at most {self.most} characters")
        return value


NUMBER_MAX = 1e300


class Slug(msgspec.Struct, frozen=True):
    """A name for addresses: small letters, digits, and hyphens between them."""

    most: int

    def __call__(self, value: Any, path: str, problems: Problems) -> Any:
        """Exactly as written."""
        if not isinstance(value, str) or len(value) > self.most or not _SLUG.fullmatch(value):
            return _bad(path, problems, f"a-z, 0-9 and single hyphens, up to {self.most}")
        return value


class Flat(msgspec.Struct, frozen=True):
    """An object of texts, numbers, flags and nulls, of at most `most` bytes as the database writes
    it: with spaces, and with every number in full."""

    most: int

    def __call__(self, value: Any, path: str, problems: Problems) -> Any:
        """Exactly as given."""
        if not isinstance(value, Mapping) or not all(map(_is_flat, value.items())):
            return _bad(path, problems, "an object of texts, numbers, flags and nulls")
        if sum(4 + len(_written(k)) + len(_written(v)) for k, v in value.items()) > self.most:
            return _bad(path, problems, f"at most {self.most} bytes of JSON")
        return dict(value)


def _is_flat(item: tuple[Any, Any]) -> bool:
    texts = [part for part in item if isinstance(part, str)]
    value = item[1]
    if isinstance(value, int | float) and not abs(value) < NUMBER_MAX:
        return False
    plain = value is None or isinstance(value, str | bool | int | float)
    return plain and not any(_FORBIDDEN.search(text) for text in texts)


def _written(value: Any) -> bytes:
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f").encode()
    if isinstance(value, int):
        return str(value).encode()
    return msgspec.json.encode(value)


class When(msgspec.Struct, frozen=True):
    """A time with its zone, ISO 8601."""

    def __call__(self, value: Any, path: str, problems: Problems) -> Any:
        """Always UTC afterwards."""
        try:
            at = msgspec.convert(value, datetime)
            if at.tzinfo is not None:
                return at.astimezone(UTC)
        except (msgspec.ValidationError, OverflowError):
            pass
        return _bad(path, problems, "ISO 8601 time with a zone")


class Items(msgspec.Struct, frozen=True):
    """A list of `least` to `most` items, each by `each` (a check or a `Data` type)."""

    each: Any
    least: int
    most: int
    unique: bool = False

    def __call__(self, value: Any, path: str, problems: Problems) -> Any:
        """Reports every bad item by its index."""
        if not isinstance(value, list | tuple) or not self.least <= len(value) <= self.most:
            return _bad(path, problems, f"list of {self.least} to {self.most} items")
        check = _nested(self.each) if isinstance(self.each, type) else self.each
        clean = tuple(check(item, f"{path}[{n}]", problems) for n, item in enumerate(value))
        if self.unique and len({repr(item) for item in clean}) != len(clean):
            return _bad(path, problems, "no item twice")
        return clean


class OneOf(msgspec.Struct, frozen=True):
    """One of the named values."""

    names: tuple[str, ...]

    def __call__(self, value: Any, path: str, problems: Problems) -> Any:
        """Exactly as written."""
        if not isinstance(value, str) or value not in self.names:
            return _bad(path, problems, "one of " + ", ".join(self.names))
        return value


def _nested(kind: type[Data]) -> Check:
    def check(value: Any, path: str, problems: Problems) -> Any:
        return _checked(kind, value, f"{path}.", problems)

    return check


@cache
def _fields(kind: type[Data]) -> tuple[tuple[str, str, bool, Check], ...]:
    """(attribute, wire name, required, check) of every field."""
    hints = get_type_hints(kind, include_extras=True)
    rows = []
    for field in msgspec.structs.fields(kind):
        rows.append((field.name, field.encode_name, field.required, _check_of(hints[field.name])))
    return tuple(rows)


def _check_of(hint: Any) -> Check:
    """The check that an annotation names; a bare Literal is a `OneOf`."""
    found: list[Callable[..., Any]] = [m for m in get_args(hint)[1:] if callable(m)]
    if found and not isinstance(found[0], type):
        return found[0]
    for option in (hint, *get_args(hint)):
        if get_origin(option) is Literal:
            return OneOf(get_args(option))
    raise TypeError(f"no check on {hint}")  # our mistake, found at import of the command table


def _checked(kind: type[Data], data: Any, prefix: str, problems: Problems) -> Any:
    if not isinstance(data, Mapping):
        return _bad(prefix.rstrip(".") or "data", problems, "an object")
    values: dict[str, Any] = {}
    known = set()
    for attribute, name, required, check in _fields(kind):
        known.add(name)
        given = data.get(name)
        if given is not None:
            values[attribute] = check(given, prefix + name, problems)
        elif name in data and name in kind.cleared:
            values[attribute] = None
        elif required:
            problems[prefix + name] = "required"
    for name in data:
        if name not in known:
            shown = name if isinstance(name, str) and name.isidentifier() else "field"
            problems[prefix + shown[:ID_CHARS_MAX]] = "unknown field"
    _check_one_of(kind, data, prefix, problems)
    return None if problems else kind(**values)


def _check_one_of(
    kind: type[Data], data: Mapping[str, Any], prefix: str, problems: Problems
) -> None:
    if kind.one_of and sum(data.get(name) is not None for name in kind.one_of) != 1:
        for name in kind.one_of:
            problems.setdefault(prefix + name, "exactly one of " + ", ".join(kind.one_of))


def checks_of(kind: type[Data]) -> list[tuple[str, bool, Check]]:
    """(name on the wire, required, check) of every field: what documents are written from."""
    return [(name, required, check) for _, name, required, check in _fields(kind)]


def compile_checks(kind: type[Data]) -> None:
    """Raises TypeError where a field of `kind` has no check: called when tables are built."""
    _fields(kind)


def validate(kind: type[Data], data: Mapping[str, Any]) -> Data | Refusal:
    """The typed command data, or VALIDATION_ERROR naming each bad field and its limit."""
    problems: Problems = {}
    clean: Data = _checked(kind, data, "", problems)
    return refused(problems) if problems else clean


def refused(problems: Mapping[str, str]) -> Refusal:
    """VALIDATION_ERROR for these fields."""
    return Refusal(Code.VALIDATION_ERROR, details=problems)
