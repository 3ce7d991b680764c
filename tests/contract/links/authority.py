"""A certificate authority of the tests' own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from beheard_hub.links.tls import HOST_NAME


class Files(msgspec.Struct, frozen=True):
    """What the settings name."""

    cert: Path
    key: Path
    ca: Path


class Authority:
    """Signs certificates of hosts and writes everything to files of `folder`."""

    def __init__(self, folder: Path, name: str = "our authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        builder = _builder(self._name, self._name, self._key, timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        self.path = folder / f"{name.replace(' ', '-')}.pem"
        self.path.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))

    def host(self, name: str = HOST_NAME, lasts: timedelta = timedelta(days=1)) -> Files:
        """A key and a certificate for `name`; a negative `lasts` makes one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named("a host"), self._name, key, lasts)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        cert = builder.sign(self._key, hashes.SHA256())
        stem = f"{self.path.stem}-{cert.serial_number:x}"
        files = Files(
            self._folder / f"{stem}-cert.pem", self._folder / f"{stem}-key.pem", self.path
        )
        files.cert.write_bytes(_pem(cert))
        files.key.write_bytes(key_text(key))
        return files


def key_text(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    """PEM of a private key."""
    plain = serialization.NoEncryption()
    lock = serialization.BestAvailableEncryption(password) if password else plain
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lasts: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + lasts)
    )


def _pem(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(serialization.Encoding.PEM)
