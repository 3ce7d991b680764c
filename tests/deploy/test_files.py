"""Dockerfile, systemd unit and proxies, by rules of our own; and by their tools where there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.server import WEBSOCKET_PATH
from beheard_hub.settings import VARIABLES, load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
NAMES = {variable.name for variable in VARIABLES}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
UNIT = DEPLOY / "systemd/beheard.service"
NGINX = (DEPLOY / "proxy/nginx.conf").read_text()
CADDY = (DEPLOY / "proxy/Caddyfile").read_text()
SECRET_LOOKS = re.compile(r"sk-ant-|-----BEGIN|(?i:password|secret|token|key)\s*[=:]\s*[\w/+]{16,}")


def instructions() -> list[tuple[str, str]]:
    """(instruction, rest) of the Dockerfile, in order."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in joined.splitlines() if line]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    begins = max(number for number, (word, _) in enumerate(found) if word == "FROM")
    return found[begins:]


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(DEPLOY.rglob("*")) if p.is_file() and p.suffix != ".pyc"],
    ids=lambda path: path.name,
)
def test_no_file_holds_a_secret(path: Path) -> None:
    assert not SECRET_LOOKS.search(path.read_text())


# ---- Dockerfile


def test_the_image_is_built_in_two_stages_from_pinned_versions() -> None:
    stages = [rest for word, rest in instructions() if word == "FROM"]
    assert len(stages) == 2
    assert all(re.match(r"python:3\.11\.\d+-slim-\w+", stage) for stage in stages)
    assert "-c constraints.txt" in DOCKERFILE


def test_the_image_runs_as_a_user_with_a_number_under_an_init() -> None:
    stage = last_stage()
    users = [rest for word, rest in stage if word == "USER"]
    assert users == ["10001:10001"]
    after = stage[[word for word, _ in stage].index("USER") :]
    assert not [word for word, _ in after if word in ("RUN", "COPY", "ADD")]
    [entry] = [rest for word, rest in stage if word == "ENTRYPOINT"]
    assert entry == '["/usr/bin/tini", "--", "beheard"]'
    assert [rest for word, rest in stage if word == "CMD"] == ['["serve"]']


def test_the_image_says_how_it_is() -> None:
    [check] = [rest for word, rest in last_stage() if word == "HEALTHCHECK"]
    assert "/readyz" in check
    assert "8787" in check
    assert [rest for word, rest in last_stage() if word == "EXPOSE"] == ["8787"]


def test_the_image_sets_what_the_hub_knows_and_nothing_secret() -> None:
    settings = dict(
        word.split("=", 1)
        for kind, rest in last_stage()
        if kind == "ENV"
        for word in rest.split()
        if word.startswith("BEHEARD_")
    )
    assert set(settings) <= NAMES
    assert load(settings).server.host == "0.0.0.0"
    assert not [word for word, _ in instructions() if word in ("ARG", "ADD")]
    secrets = [variable.name for variable in VARIABLES if variable.secret]
    assert not [name for name in secrets if name in DOCKERFILE]


def test_the_image_copies_what_there_is() -> None:
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            *sources, _target = rest.split()
            assert all((ROOT / source).exists() for source in sources), rest


# ---- systemd


def unit(section: str) -> dict[str, list[str]]:
    """Directive → its values, of one section."""
    text = UNIT.read_text().partition(f"[{section}]\n")[2].partition("\n[")[0]
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_the_unit_can_be_read() -> None:
    parser = RawConfigParser(strict=False)
    parser.read_string(UNIT.read_text())
    assert parser.sections() == ["Unit", "Service", "Install"]
    assert unit("Install") == {"WantedBy": ["multi-user.target"]}


def test_the_unit_sets_what_the_hub_knows() -> None:
    given = dict(row.split("=", 1) for row in unit("Service")["Environment"])
    assert set(given) <= NAMES
    chosen = load(given)
    assert chosen.server.host == "127.0.0.1"
    state = f"/var/lib/{unit('Service')['StateDirectory'][0]}"
    assert str(chosen.server.data_dir).startswith(state), "the only place that it may write to"


def test_the_unit_gives_time_to_drain_and_room_for_sockets() -> None:
    service = unit("Service")
    assert service["KillMode"] == ["mixed"], "the supervisor drains the others"
    assert int(service["TimeoutStopSec"][0]) >= 60
    assert int(service["LimitNOFILE"][0]) > Bounds().sockets_max
    assert service["RestartPreventExitStatus"] == ["2"], "a wrong setting stays wrong"


@pytest.mark.parametrize(
    ("directive", "value"),
    [
        ("NoNewPrivileges", "yes"), ("CapabilityBoundingSet", ""), ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"), ("PrivateTmp", "yes"), ("PrivateDevices", "yes"),
        ("RestrictSUIDSGID", "yes"), ("ProtectKernelTunables", "yes"), ("UMask", "0077"),
        ("SystemCallFilter", "@system-service"), ("LimitCORE", "0"), ("User", "beheard"),
    ],
)  # fmt: skip
def test_the_unit_may_little(directive: str, value: str) -> None:
    assert unit("Service")[directive] == [value]


def test_systemd_agrees_where_it_is_installed(tmp_path: Path) -> None:
    copy = tmp_path / "beheard.service"
    copy.write_text(UNIT.read_text().replace("/opt/beheard/bin/beheard serve", "/bin/true"))
    tool = shutil.which("systemd-analyze")
    for command in ([str(tool), "verify", "--man=no", str(copy)],) if tool else ():
        done = subprocess.run(command, capture_output=True, text=True)
        complaints = [line for line in done.stderr.splitlines() if "beheard.service" in line]
        assert complaints == []
    assert copy.read_text() != UNIT.read_text()


# ---- proxies


def blocks(text: str) -> None:
    depth = 0
    for line in re.sub(r"#.*", "", text).splitlines():
        depth += line.count("{") - line.count("}")
        assert depth >= 0, line
    assert depth == 0


def test_nginx_is_balanced_and_every_directive_ends() -> None:
    blocks(NGINX)
    for line in re.sub(r"#.*", "", NGINX).splitlines():
        assert not line.strip() or line.rstrip().endswith((";", "{", "}")), line


def test_nginx_upgrades_tells_the_address_and_waits_long_enough() -> None:
    assert f"location = {WEBSOCKET_PATH} {{" in NGINX
    for line in (
        "proxy_http_version 1.1;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Connection $beheard_connection;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_set_header Host $host;",
        "proxy_buffering off;",
        "access_log off;",
    ):
        assert line in NGINX
    bounds = Bounds()
    times = [int(seconds) for seconds in re.findall(r"proxy_read_timeout (\d+)s", NGINX)]
    assert min(times) > bounds.ping_seconds + bounds.pong_seconds_max
    assert max(times) > bounds.facilitator_seconds_max


def test_no_proxy_shows_the_numbers() -> None:
    assert re.search(r"location /metrics \{\s*return 404;\s*\}", NGINX)
    assert "@operators path /metrics /metrics/*\n\trespond @operators 404" in CADDY


def test_caddy_tells_the_address_and_holds_nothing_back() -> None:
    blocks(CADDY)
    assert "header_up X-Forwarded-For {remote_host}" in CADDY
    assert "flush_interval -1" in CADDY
    [wait] = re.findall(r"response_header_timeout (\d+)s", CADDY)
    assert int(wait) > Bounds().facilitator_seconds_max


def test_proxies_let_the_largest_request_through() -> None:
    [nginx] = re.findall(r"client_max_body_size\s+(\d+)k;", NGINX)
    [caddy] = re.findall(r"max_size (\d+)KB", CADDY)
    most = Bounds().request_bytes_max
    assert most < int(nginx) * 1_024 < 2 * most
    assert most < int(caddy) * 1_000 < 2 * most


def test_nginx_agrees_where_it_is_installed(tmp_path: Path) -> None:
    tool = shutil.which("nginx")
    plain = re.sub(r"\s+(ssl_\w+ .*|listen .*);", "", NGINX).replace(
        "server_name", "listen 127.0.0.1:18080;\n    server_name"
    )
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{plain}\n}}\n")
    for command in ([str(tool), "-t", "-c", str(whole)],) if tool else ():
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "ssl_certificate" not in whole.read_text()
