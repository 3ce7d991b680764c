"""Certificates: who is believed, and the sentence for every way that files can be wrong."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop
from cryptography.hazmat.primitives.asymmetric import ec

from beheard_hub.doctor import CHECKS
from beheard_hub.fleet import check_reach
from beheard_hub.link_messages import ToHost
from beheard_hub.links import tls
from beheard_hub.links.line import Line
from beheard_hub.links.socket_link import LinkServer, SocketDialer
from beheard_hub.ports import GatewayPeer, HostLink, LinkClosed
from beheard_hub.settings import SetupError, load
from tests.contract.links.authority import Authority, Files, key_text

ENDPOINT = "tcp:127.0.0.1:0"


class Host:
    """Remembers who came."""

    def __init__(self) -> None:
        self.peers: list[GatewayPeer] = []

    def attached(self, peer: GatewayPeer) -> None:
        self.peers.append(peer)

    def received(self, peer: GatewayPeer, message: ToHost) -> None:
        raise AssertionError("nothing is sent here")

    def detached(self, peer: GatewayPeer) -> None:
        self.peers.remove(peer)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def linked(
    files: Files | None, ca: Path | None, then: Callable[[HostLink, Host], Awaitable[None]]
) -> None:
    """A host with `files` and a gateway that believes `ca`; raises LinkClosed when that fails."""
    host = Host()
    server = LinkServer(host, "h1", lambda: 1, "secret")
    inside = tls.host_context(files.cert, files.key) if files else None
    endpoint = await server.open(ENDPOINT, inside)
    dialer = SocketDialer("g1", "secret", tls.gateway_context(ca) if ca else None)
    try:
        link = await dialer.dial(endpoint, lambda message: None, lambda: None)
        await then(link, host)
        await link.close()
    finally:
        server.cut()


async def nothing(link: HostLink, host: Host) -> None:
    assert len(host.peers) == 1


async def refused(files: Files | None, ca: Path | None) -> None:
    with pytest.raises(LinkClosed):
        await linked(files, ca, nothing)


async def test_a_host_of_our_authority_is_believed(ours: Authority) -> None:
    files = ours.host()
    await linked(files, files.ca, nothing)


async def test_a_host_of_another_authority_is_not(ours: Authority, tmp_path: Path) -> None:
    await refused(Authority(tmp_path, "another").host(), ours.path)


async def test_a_certificate_for_another_name_is_not(ours: Authority) -> None:
    await refused(ours.host("another-server"), ours.path)


async def test_an_expired_certificate_is_not(ours: Authority) -> None:
    await refused(ours.host(lasts=timedelta(hours=-1)), ours.path)


async def test_a_host_without_tls_is_not(ours: Authority) -> None:
    await refused(None, ours.path)


async def test_a_gateway_without_tls_gets_nowhere(ours: Authority) -> None:
    await refused(ours.host(), None)


RUNNERS: dict[str, Callable[[Coroutine[Any, Any, None]], None]] = {
    "asyncio": asyncio.run,
    "uvloop": uvloop.run,
}


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("protected", [False, True], ids=["tcp", "tls"])
def test_small_messages_are_not_held_back_and_dead_machines_are_noticed(
    ours: Authority, runner: str, protected: bool
) -> None:
    async def look(link: HostLink, host: Host) -> None:
        for end in (link, *host.peers):
            assert isinstance(end, Line)
            assert end._transport is not None
            raw = end._transport.get_extra_info("socket")
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000

    files = ours.host() if protected else None
    RUNNERS[runner](linked(files, files.ca if files else None, look))


# ---- what the start says about the files


def test_files_that_fit_together_pass(ours: Authority) -> None:
    files = ours.host()
    tls.check(files.cert, files.key, files.ca)


@pytest.mark.parametrize(
    ("field", "content", "sentence"),
    [
        ("cert", None, "BEHEARD_LINK_CERT=.* cannot be read: No such file"),
        ("key", None, "BEHEARD_LINK_KEY=.* cannot be read"),
        ("ca", None, "BEHEARD_LINK_CA=.* cannot be read"),
        ("cert", b"hello", "BEHEARD_LINK_CERT=.* holds no certificate"),
        ("key", b"hello", "BEHEARD_LINK_KEY=.* holds no private key"),
        ("ca", b"hello", "BEHEARD_LINK_CA=.* holds no certificate"),
        ("cert", b"-----BEGIN CERTIFICATE-----\n??\n", "BEHEARD_LINK_CERT or .* damaged"),
        ("ca", b"-----BEGIN CERTIFICATE-----\n??\n", "BEHEARD_LINK_CA is damaged"),
    ],
)
def test_a_file_that_is_none(
    ours: Authority, tmp_path: Path, field: str, content: bytes | None, sentence: str
) -> None:
    wrong = tmp_path / "wrong.pem"
    if content is not None:
        wrong.write_bytes(content)
    files = msgspec.structs.replace(ours.host(), **{field: wrong})
    with pytest.raises(SetupError, match=sentence):
        tls.check(files.cert, files.key, files.ca)


def test_an_encrypted_key_asks_nobody_for_a_password(ours: Authority) -> None:
    files = ours.host()
    files.key.write_bytes(key_text(ec.generate_private_key(ec.SECP256R1()), b"password"))
    with pytest.raises(SetupError, match="BEHEARD_LINK_KEY is encrypted"):
        tls.check(files.cert, files.key, files.ca)


def test_a_key_of_another_certificate(ours: Authority) -> None:
    files = ours.host()
    with pytest.raises(SetupError, match="is not the key of BEHEARD_LINK_CERT"):
        tls.check(files.cert, ours.host().key, files.ca)


@pytest.mark.parametrize(
    ("name", "lasts", "why"),
    [
        ("another-server", timedelta(days=1), "(?i)hostname mismatch"),
        (tls.HOST_NAME, timedelta(hours=-1), "expired"),
    ],
)
def test_a_certificate_that_gateways_would_not_accept(
    ours: Authority, name: str, lasts: timedelta, why: str
) -> None:
    files = ours.host(name, lasts)
    with pytest.raises(SetupError, match=why):
        tls.check(files.cert, files.key, files.ca)


def test_a_certificate_of_another_authority(ours: Authority, tmp_path: Path) -> None:
    files = Authority(tmp_path, "another").host()
    with pytest.raises(SetupError, match="Gateways would not accept BEHEARD_LINK_CERT"):
        tls.check(files.cert, files.key, ours.path)


LINKS = {f"BEHEARD_LINK_{name}": "/tls/file" for name in ("CERT", "KEY", "CA")}


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"DATABASE_URL": "postgresql://db.example/hub"}, "BEHEARD_LINK_BIND"),
        ({"BEHEARD_LINK_BIND": "node", **LINKS}, "DATABASE_URL"),
    ],
)
def test_several_machines_need_a_way_to_each_other(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(SetupError, match=f"several machines.*{missing}"):
        check_reach(load(environ))
    check_reach(load({"DATABASE_URL": "postgresql://h/d", "BEHEARD_LINK_BIND": "node", **LINKS}))


def test_the_doctor_looks_at_the_certificates(ours: Authority) -> None:
    look = dict(CHECKS)["links"]
    [found] = look(load({}))
    assert (found.good, "no certificates" in found.text) == (True, True)
    good, late = ours.host(), ours.host(tls.HOST_NAME, timedelta(hours=-1))
    [found] = look(load(link_settings(good)))
    assert found.good
    assert "accept" in found.text
    with pytest.raises(SetupError, match="expired"):
        look(load(link_settings(late)))


def link_settings(files: Files) -> dict[str, str]:
    """An environ with these."""
    named = {"CERT": files.cert, "KEY": files.key, "CA": files.ca}
    paths = {f"BEHEARD_LINK_{name}": str(path) for name, path in named.items()}
    return {"BEHEARD_LINK_BIND": "node", **paths}
