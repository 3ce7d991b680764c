"""What leads to an invitation: its token, the link with it, and the picture of the link.

The token stands behind the # of the link: no browser sends that part to any server, so it is in no
log on the way. The link of the picture says that it was scanned, which an app hands on.
"""

from __future__ import annotations

import io
import secrets

import segno

from beheard_hub.domain.practice.vocabulary import VIA_QR

TOKEN_BYTES = 32
"""Random; 43 characters of base64url."""


def new_token() -> str:
    """One that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def links(base: str, token: str) -> tuple[str, str]:
    """The link for people, and the one for the picture, at the app's address `base`."""
    link = f"{base}#token={token}"
    return link, f"{link}&via={VIA_QR}"


def drawn(link: str) -> str:
    """A QR code as an SVG document of black on white, with the quiet zone that readers need."""
    out = io.BytesIO()
    segno.make(link, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, light="white", omitsize=True
    )
    return out.getvalue().decode()
