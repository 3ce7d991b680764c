"""Writes both documents into a folder: ``python -m beheard_hub.gateway.documents docs``."""

from __future__ import annotations

import sys
from pathlib import Path

from beheard_hub.gateway.documents import asyncapi, openapi
from beheard_hub.gateway.documents.yaml_text import dump

HEAD = "# Made by `make docs` from the code of the hub; do not edit.\n"


def pages() -> dict[str, str]:
    """File name → text."""
    return {
        "openapi.yaml": HEAD + dump(openapi.document()),
        "asyncapi.yaml": HEAD + dump(asyncapi.document()),
    }


def main(folder: str) -> None:
    """Writes them."""
    for name, text in pages().items():
        (Path(folder) / name).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
