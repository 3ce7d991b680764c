"""What the models are told: one file a call, read once.

A file begins with its header, one ``key: value`` a line: `model` (``large`` or ``small``),
`temperature`, `max_tokens`, `version`, and `parts`, the files of `parts/` that stand before its own
text. Then an empty line, then the text. Whoever changes a text, or a part, raises the version of
each call that is made of it: the version is stored with every reply.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

CALLS = (
    "stage0", "stage1", "stage2", "stage3", "stage4", "support", "mirror", "crisis",
    "mirror_check", "synthesis", "transform", "draft_check", "common_ground", "suggest", "plan",
    "extract",
)  # fmt: skip
"""Every call there is."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One call: its header and its text."""

    name: str
    model: Literal["large", "small"]
    temperature: float
    max_tokens: int
    version: str
    text: str

    @property
    def label(self) -> str:
        """What is stored with a reply."""
        return f"anthropic/{self.name}/{self.version}"

    @property
    def system(self) -> str:
        """The stable text of a request; no datum of anybody is in it."""
        return f"Call: {self.name} v{self.version}\n\n{self.text}"


@cache
def prompt(name: str) -> Prompt:
    """The prompt of a call. Raises ValueError for a header that is not whole."""
    head, _, body = _read(name).partition("\n\n")
    rows = dict(line.split(": ", 1) for line in head.splitlines())
    parts = [_read(f"parts/{part}").strip() for part in rows.pop("parts", "").split()]
    given = {**rows, "name": name, "text": "\n\n".join([*parts, body.strip()])}
    return msgspec.convert(given, Prompt, strict=False)


def _read(name: str) -> str:
    return (files(__package__) / f"{name}.md").read_text(encoding="utf-8")
