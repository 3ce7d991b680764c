"""Compose and Kubernetes: what can be known without an engine to run them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from beheard_hub import cli
from beheard_hub.actors import embedding_actor, session_host
from beheard_hub.actors.handing_over import HAND_OVER_SECONDS_MAX
from beheard_hub.actors.supervisor import DRAIN_SECONDS_MAX
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.persistence.cluster_conf import SILENT
from beheard_hub.settings import REQUIRES, VARIABLES, load

DEPLOY = Path(__file__).parents[2] / "deploy"
KUBERAY = DEPLOY / "kuberay"
EVERY_YAML = sorted([*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml")])
OURS = {variable.name: variable for variable in VARIABLES}
RAYS = {
    "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED", "RAY_worker_niceness",
}  # fmt: skip
UID = 10001

Manifest = dict[str, Any]


def manifests() -> dict[tuple[str, str], Manifest]:
    """(kind, name) → manifest, of all of them."""
    found = {}
    for path in sorted(KUBERAY.glob("*.yaml")):
        for one in yaml.safe_load_all(path.read_text()):
            found[one["kind"], one["metadata"]["name"]] = one
    return found


ALL = manifests()
SECRET = ALL["Secret", "beheard"]["stringData"]


def pods() -> Iterator[tuple[str, Manifest]]:
    """(name, pod spec) of whatever makes pods."""
    for (kind, name), one in ALL.items():
        if kind in ("Deployment", "StatefulSet"):
            yield name, one["spec"]["template"]["spec"]
    ray = ALL["RayCluster", "beheard"]["spec"]
    yield "head", ray["headGroupSpec"]["template"]["spec"]
    for group in ray["workerGroupSpecs"]:
        yield group["groupName"], group["template"]["spec"]


PODS = dict(pods())
COMPOSE: Manifest = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: Manifest = COMPOSE["services"]


def images() -> list[str]:
    built = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    run = [c["image"] for pod in PODS.values() for c in pod["containers"]]
    return [*built, *run, *(service["image"] for service in SERVICES.values())]


@pytest.mark.parametrize("path", EVERY_YAML, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_yaml_holds_no_key_twice(path: Path) -> None:
    assert list(yaml.load_all(path.read_text(), STRICT))


def _mapping(loader: Any, node: Any) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    assert len(set(keys)) == len(keys), f"a key twice near line {node.start_mark.line + 1}"
    return dict(loader.construct_pairs(node, deep=True))


STRICT: Any = type("Strict", (yaml.SafeLoader,), {})
STRICT.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def test_images_are_pinned() -> None:
    for image in images():
        tag = image.partition(":")[2]
        assert re.search(r"\d+\.\d+\.\d+", tag), f"{image} names no whole version"
        assert "latest" not in tag


def test_versions_are_those_of_the_project() -> None:
    ray = ALL["RayCluster", "beheard"]["spec"]
    assert ray["rayVersion"] == version("ray")
    ours = {image for image in images() if image.startswith("beheard-hub")}
    assert ours == {f"beheard-hub:{version('beheard-hub')}"}


# ---- settings


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    """(where, variables of a container of ours with their values; "" where they come from
    elsewhere)."""
    hub = SERVICES["hub"]["environment"]
    yield "compose", {name: "" if "$" in value else value for name, value in hub.items()}
    for name, pod in PODS.items():
        for container in pod["containers"]:
            if container["image"].startswith("beheard-hub"):
                rows = {row["name"]: row.get("value", "") for row in container.get("env", [])}
                yield name, {**_from(container), **rows}


def _from(container: Manifest) -> dict[str, str]:
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if "secretRef" in source:
            found |= dict.fromkeys(SECRET, "")
        else:
            found |= ALL["ConfigMap", source["configMapRef"]["name"]]["data"]
    return found


ENVIRONMENTS = dict(environments())
NOT_READ = {"REDIS_PASSWORD"}


@pytest.mark.parametrize("where", ENVIRONMENTS)
def test_every_variable_is_a_setting(where: str) -> None:
    assert set(ENVIRONMENTS[where]) - NOT_READ <= set(OURS) | RAYS


@pytest.mark.parametrize("where", ENVIRONMENTS)
def test_values_are_ones_that_the_hub_takes(where: str, tmp_path: Path) -> None:
    file = tmp_path / "file.pem"
    file.write_text("")
    given = {
        name: str(file) if value.endswith(".pem") else value
        for name, value in ENVIRONMENTS[where].items()
        if name in OURS and value
    }
    assert load(given)
    present = {name for name in ENVIRONMENTS[where] if name in OURS}
    for name, value, needed in REQUIRES:
        if value is None and name in present:
            assert needed in present, f"{name} needs {needed}"


def test_the_hub_of_compose_can_be_told_everything_that_is_secret() -> None:
    """Nothing secret has a value; what the hub cannot do without stops compose when it is unset."""
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY|DATABASE_URL", name):
                assert re.search(r"\$\{\w+:[?-]", value), f"{name} has a value"
    for name in ("DATABASE_URL", "BEHEARD_CLUSTER_SECRET", "BEHEARD_METRICS_TOKEN"):
        assert ":?" in SERVICES["hub"]["environment"][name]


def test_secrets_of_kubernetes_have_no_value() -> None:
    assert set(SECRET.values()) == {""}
    text = "".join(path.read_text() for path in KUBERAY.iterdir())
    for name, variable in OURS.items():
        if variable.secret:
            assert not re.search(rf"name: {name}, value", text), name
    for pod in PODS.values():
        for container in pod["containers"]:
            for row in container.get("env", []):
                reference = row.get("valueFrom", {}).get("secretKeyRef")
                if reference:
                    assert reference["name"] == "beheard"
                    assert reference["key"] in SECRET


# ---- compose


def test_every_port_of_compose_is_on_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in published)
    assert "ports" not in SERVICES["postgres"]


def test_postgres_of_compose_logs_nothing_that_people_write() -> None:
    command = SERVICES["postgres"]["command"]
    given = dict(word.split("=") for word in command if "=" in word)
    assert SILENT.items() <= given.items()


def test_compose_leaves_time_to_drain_and_room_for_ray() -> None:
    hub = SERVICES["hub"]
    assert int(hub["stop_grace_period"].removesuffix("s")) >= 60
    assert int(hub["shm_size"].removesuffix("m")) > 80
    assert hub["ulimits"]["nofile"] > 60_000


def test_what_compose_mounts_exists() -> None:
    named = set(COMPOSE["volumes"])
    for service in SERVICES.values():
        assert "no-new-privileges:true" in service["security_opt"]
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in named or (DEPLOY / source).is_dir(), source
    assert (DEPLOY / SERVICES["hub"]["build"]["context"] / "deploy/Dockerfile").exists()


# ---- Kubernetes


@pytest.mark.parametrize("name", PODS)
def test_a_pod_runs_as_nobody_in_particular_and_may_little(name: str) -> None:
    pod = PODS[name]
    assert pod["automountServiceAccountToken"] is False
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        inner = container["securityContext"]
        assert inner["allowPrivilegeEscalation"] is False
        assert inner["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", PODS)
def test_what_a_pod_mounts_is_there(name: str) -> None:
    pod = PODS[name]
    claims = ALL["StatefulSet", name]["spec"] if ("StatefulSet", name) in ALL else {}
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    volumes |= {claim["metadata"]["name"] for claim in claims.get("volumeClaimTemplates", [])}
    for container in pod["containers"]:
        mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", [])}
        assert set(mounts) <= volumes
        for variable in container.get("env", []):
            value = variable.get("value", "")
            if value.startswith("/") and variable["name"] in OURS:
                assert any(value.startswith(path) for path in mounts.values()), value


def test_hosts_live_in_workers_and_find_their_files_there() -> None:
    """They ask for a part of a CPU, however small, and only workers offer any."""
    assert min(session_host.CPUS, embedding_actor.CPUS) > 0
    ray = ALL["RayCluster", "beheard"]["spec"]
    assert ray["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    [hub], [worker] = PODS["beheard"]["containers"], PODS["hosts"]["containers"]
    assert "--num-cpus=0" in hub["command"][-1]
    for group in ray["workerGroupSpecs"]:
        assert "num-cpus" not in group["rayStartParams"], "as many as the pod asks for"
    assert int(worker["resources"]["requests"]["cpu"]) >= 1
    assert worker["volumeMounts"] == hub["volumeMounts"], "the order names paths"


def test_gateways_stand_alone_and_hold_no_key_of_hosts() -> None:
    pod, seen = PODS["beheard-gateway"], ENVIRONMENTS["beheard-gateway"]
    [gateway] = pod["containers"]
    assert gateway["command"][-2:] == ["beheard", "gateway"]
    assert {"DATABASE_URL", "BEHEARD_CLUSTER_SECRET", "BEHEARD_LINK_CA"} <= set(seen)
    assert not {"RAY_ADDRESS", "RAY_AUTH_TOKEN", "BEHEARD_LINK_KEY", "ANTHROPIC_API_KEY"} & set(
        seen
    )
    [links] = [volume for volume in pod["volumes"] if volume["name"] == "links"]
    assert [item["key"] for item in links["secret"]["items"]] == ["ca.pem"]
    assert ALL["Service", "beheard"]["spec"]["selector"] == {"app": "beheard-gateway"}


def test_a_gateway_is_given_the_time_that_its_clients_need_to_go() -> None:
    pod = PODS["beheard-gateway"]
    [gateway] = pod["containers"]
    [_, pause] = gateway["lifecycle"]["preStop"]["exec"]["command"]
    bounds = Bounds()
    takes = bounds.reconnect_ms[1] / 1000 + 2 * bounds.drain_seconds_max + bounds.close_seconds_max
    assert pod["terminationGracePeriodSeconds"] > int(pause) + takes
    rolling = ALL["Deployment", "beheard-gateway"]["spec"]["strategy"]["rollingUpdate"]
    assert rolling["maxUnavailable"] == 0, "another one serves first"


def test_a_worker_is_given_the_time_that_its_hosts_need_to_go() -> None:
    [group] = ALL["RayCluster", "beheard"]["spec"]["workerGroupSpecs"]
    pod = group["template"]["spec"]
    [worker] = pod["containers"]
    hosts = -(-int(ENVIRONMENTS["beheard"]["BEHEARD_HOSTS"]) // group["minReplicas"])
    takes = hosts * (HAND_OVER_SECONDS_MAX + DRAIN_SECONDS_MAX)
    assert pod["terminationGracePeriodSeconds"] > takes
    command, name = worker["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "beheard"
    assert name in {row.name for row in cli.app.registered_commands}


def test_services_and_policies_choose_pods_that_exist() -> None:
    labels = {
        name: one["spec"]["template"]["metadata"]["labels"]["app"]
        for (kind, name), one in ALL.items()
        if kind in ("Deployment", "StatefulSet")
    }
    ray = ALL["RayCluster", "beheard"]["spec"]
    labels["head"] = ray["headGroupSpec"]["template"]["metadata"]["labels"]["app"]
    chosen = {one["spec"]["selector"]["app"] for (kind, _), one in ALL.items() if kind == "Service"}
    walled = {
        one["spec"]["podSelector"]["matchLabels"]["app"]
        for (kind, _), one in ALL.items()
        if kind == "NetworkPolicy"
    }
    assert chosen <= set(labels.values())
    assert walled == set(labels.values()), "every pod has a wall"
    hosts = ray["workerGroupSpecs"][0]["template"]["metadata"]["labels"]
    wall = ALL["NetworkPolicy", "beheard-hosts"]["spec"]
    assert wall["podSelector"]["matchLabels"] == hosts, "gateways reach hosts"
    assert wall["ingress"][0]["from"][0]["podSelector"]["matchLabels"] == {"app": "beheard-gateway"}


def test_ray_asks_for_a_token_and_its_dashboard_is_on_loopback() -> None:
    ray = ALL["RayCluster", "beheard"]["spec"]
    assert ray["headGroupSpec"]["rayStartParams"]["dashboard-host"] == "127.0.0.1"
    for name in ("head", "hosts", "beheard"):
        assert ENVIRONMENTS[name]["RAY_AUTH_MODE"] == "token"
        assert "RAY_AUTH_TOKEN" in ENVIRONMENTS[name]
    for (kind, _), one in ALL.items():
        if kind in ("Service", "Ingress"):
            assert "8265" not in str(one)


@pytest.mark.parametrize(
    ("name", "started"), [("beheard", "/readyz"), ("beheard-gateway", "/healthz")]
)
def test_probes_ask_pages_that_there_are(name: str, started: str) -> None:
    """A gateway may come before there are hosts: it is started then, and not ready."""
    [container] = PODS[name]["containers"]
    [port] = container["ports"]
    assert str(port["containerPort"]) == ENVIRONMENTS[name]["BEHEARD_PORT"]
    for probe, page in (("startupProbe", started), ("readinessProbe", "/readyz"),
                        ("livenessProbe", "/healthz")):  # fmt: skip
        assert container[probe]["httpGet"] == {"path": page, "port": port["name"]}


def test_only_one_supervisor_at_a_time() -> None:
    spec = ALL["Deployment", "beheard"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 60


def test_commands_are_ones_that_there_are() -> None:
    files = [path for path in sorted(DEPLOY.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    text = "".join(path.read_text() for path in files)
    known = {
        command.name or command.callback.__name__  # type: ignore[union-attr]
        for command in cli.app.registered_commands
    } | {group.name for group in cli.app.registered_groups}
    started = set(re.findall(r"(?:exec|bin/|`)beheard ([a-z-]+)", text))
    assert started
    assert started <= known
