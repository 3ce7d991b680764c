"""TLS of links that leave the machine (spec 01): whose certificate is believed, and for what name.

A host shows a certificate; a gateway believes it if the cluster's own authority signed it for the
name `HOST_NAME`. The name is the same for all hosts, wherever Ray puts them, so that one
certificate does for all. The gateway shows none: it proves itself by the cluster secret, as on
every link.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from beheard_hub.settings import SetupError

HOST_NAME = "beheard-host"
CERT, KEY, CA = "BEHEARD_LINK_CERT", "BEHEARD_LINK_KEY", "BEHEARD_LINK_CA"

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_PRIVATE_KEY = b"PRIVATE KEY-----"
_ENCRYPTED = b"ENCRYPTED"
_EXCHANGES_MAX = 10
"""Of a handshake in memory; TLS 1.3 needs three."""


def host_context(cert: Path, key: Path) -> ssl.SSLContext:
    """What a host listens with: PEM files of its certificate (with intermediates) and its key.

    Raises SetupError naming the file that is wrong.
    """
    _read(CERT, cert, _CERTIFICATE, "certificate")
    if _ENCRYPTED in _read(KEY, key, _PRIVATE_KEY, "private key"):
        raise SetupError(f"{KEY} is encrypted.", "Hosts start unattended: give them a plain one.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(cert, key)
    except ssl.SSLError as wrong:
        if wrong.reason == "KEY_VALUES_MISMATCH":
            raise SetupError(f"{KEY} is not the key of {CERT}.") from None
        raise SetupError(f"{CERT} or {KEY} is damaged.", "Both must be PEM files.") from None
    return context


def gateway_context(ca: Path) -> ssl.SSLContext:
    """What a gateway dials with: the PEM file of the authority that signs hosts' certificates.

    Raises SetupError.
    """
    _read(CA, ca, _CERTIFICATE, "certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError:
        raise SetupError(f"{CA} is damaged.", "It must be a PEM file.") from None
    return context


def _read(variable: str, path: Path, mark: bytes, what: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as wrong:
        raise SetupError(f"{variable}={path} cannot be read: {wrong.strerror}.") from None
    if mark not in content:
        raise SetupError(f"{variable}={path} holds no {what} in PEM form.")
    return content


def check(cert: Path, key: Path, ca: Path) -> None:
    """Shakes hands in memory, as a gateway and a host will. Raises SetupError saying what either
    of them would not accept."""
    to_host, to_gateway = ssl.MemoryBIO(), ssl.MemoryBIO()
    gateway = gateway_context(ca).wrap_bio(to_gateway, to_host, server_hostname=HOST_NAME)
    host = host_context(cert, key).wrap_bio(to_host, to_gateway, server_side=True)
    for _ in range(_EXCHANGES_MAX):
        if _steps(gateway) & _steps(host):
            return
    raise AssertionError("a handshake without end")


def _steps(side: ssl.SSLObject) -> bool:
    """Goes on with a handshake; true once it is done."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLCertVerificationError as wrong:
        raise SetupError(
            f"Gateways would not accept {CERT}: {wrong.verify_message.rstrip('.')}.",
            f"It must be valid now, for the name {HOST_NAME}, and signed by {CA}.",
        ) from None
    return True
