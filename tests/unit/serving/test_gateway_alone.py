"""A gateway on its own: what it needs to know of the hub, and what it does not."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from beheard_hub import settings, telemetry
from beheard_hub.gateway_process import order_of, run_gateway
from beheard_hub.persistence.migrate import login_secret

URL = "postgresql://owner:word@db.example/hub"
WHOLE = {
    "DATABASE_URL": URL,
    "BEHEARD_CLUSTER_SECRET": "0123456789abcdef0123456789abcdef",
    "BEHEARD_LINK_CA": "/etc/beheard/ca.pem",
    "BEHEARD_JWKS_URL": "https://id.example/keys",
    "BEHEARD_JWT_ISSUER": "https://id.example",
    "BEHEARD_JWT_AUDIENCE": "hub",
}


@pytest.mark.parametrize("ray", [{}, {"RAY_ADDRESS": "10.0.0.1:6379"}])
def test_the_database_names_the_cluster(tmp_path: Path, ray: dict[str, str]) -> None:
    chosen = settings.load({**WHOLE, **ray, "BEHEARD_DATA_DIR": str(tmp_path)})
    order = order_of(chosen)
    assert order.runtime.secret == WHOLE["BEHEARD_CLUSTER_SECRET"]
    assert login_secret(URL, tmp_path) in order.runtime.runtime_url, "as the hub makes it"
    assert "word" not in order.runtime.runtime_url, "it is no owner"
    assert list(tmp_path.iterdir()) == [], "no key and no secret is made"


@pytest.mark.parametrize(
    ("without", "named"),
    [
        (["DATABASE_URL"], "DATABASE_URL"),
        (["BEHEARD_CLUSTER_SECRET"], "BEHEARD_CLUSTER_SECRET"),
        (["BEHEARD_JWKS_URL"], "BEHEARD_JWKS_URL"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, without: list[str], named: str) -> None:
    given = {name: value for name, value in WHOLE.items() if name not in without}
    chosen = settings.load({**given, "BEHEARD_DATA_DIR": str(tmp_path)})
    with pytest.raises(settings.SetupError, match=named):
        order_of(chosen)


def test_the_files_of_a_hub_on_the_same_machine_do(tmp_path: Path) -> None:
    (tmp_path / "cluster-secret").write_text("of the hub")
    (tmp_path / "token-key.pem").write_text("of the hub")
    chosen = settings.load({"DATABASE_URL": URL, "BEHEARD_DATA_DIR": str(tmp_path)})
    assert order_of(chosen).runtime.secret == "of the hub"


def test_a_port_of_another_hub_is_not_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry, "configure", lambda _level: None)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = {"BEHEARD_PORT": str(other.getsockname()[1])}
        with pytest.raises(settings.SetupError, match=r"cannot be used.*BEHEARD_PORT"):
            run_gateway(settings.load({**WHOLE, **port, "BEHEARD_DATA_DIR": str(tmp_path)}))
