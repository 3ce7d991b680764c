"""Scrape configuration, alert rules and dashboards: every query speaks of what the hub measures."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from beheard_hub.domain import limits
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.close_codes import CloseCode

from . import promql

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
NAMES = [rule["alert"] for rule in RULES]
NOT_SHOWN = {"beheard_process_virtual_memory_bytes", "beheard_process_start_time_seconds"}
"""Of no use to anybody who looks."""
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))


def queries(dashboard: Path) -> list[str]:
    panels = json.loads(dashboard.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def maker() -> ModuleType:
    path = DEPLOY / "grafana/dashboards.py"
    spec = importlib.util.spec_from_file_location("dashboards", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_is_whole(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    assert re.search(r"[<>=]=? ?[\d.]+$", rule["expr"]), "an alert compares with a number"


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_speaks_of_what_is_measured(rule: dict[str, Any]) -> None:
    assert list(promql.faults(rule["expr"])) == []
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    grouped = promql.labels(rule["expr"]) | ({"instance"} if "up{" in rule["expr"] else set())
    assert shown <= grouped, "the sentence names a label that the query has summed away"


def test_alerts_are_named_once() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_every_alert_has_its_section_in_the_runbook_and_the_other_way_round() -> None:
    text = (ROOT / "docs/runbook.md").read_text()
    assert re.findall(r"^### (BeHeard\w+)$", text, re.MULTILINE) == NAMES
    for name in NAMES:
        section = text.partition(f"### {name}\n")[2].partition("\n### ")[0]
        assert "**Means:**" in section, name
        assert "**Do:**" in section, name


def test_numbers_in_the_rules_are_those_of_the_hub() -> None:
    text = (DEPLOY / "prometheus/rules.yml").read_text()
    assert f"(sum(beheard_shards) or vector(0)) < {limits.SHARDS}" in text, "also without any host"
    assert f"beheard_connections) > {Bounds().connections_max * 8 // 10}" in text
    assert f"beheard_buffered_entries) > {limits.BUFFER_ENTRIES_MAX // 2}" in text
    assert f'code="{CloseCode.TOO_SLOW.value}"' in text


def test_the_scrape_configuration_finds_the_rules_and_the_token() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    assert [(DEPLOY / "prometheus" / name).exists() for name in config["rule_files"]] == [True]
    [job] = config["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("beheard", "/metrics")
    assert job["authorization"] == {"credentials_file": "/run/secrets/metrics_token"}
    assert job["static_configs"] == [{"targets": ["hub:8787"]}]


def test_in_kubernetes_it_finds_the_supervisor_and_every_gateway() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/kubernetes.yml").read_text())
    [job] = config["scrape_configs"]
    [alone] = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    for name in ("job_name", "metrics_path", "authorization"):
        assert job[name] == alone[name], "rules and dashboards are the same"
    kept, _ = job["relabel_configs"]
    found = set()
    for path in (DEPLOY / "kuberay").glob("*.yaml"):
        for one in yaml.safe_load_all(path.read_text()):
            if one["kind"] == "Deployment":
                template = one["spec"]["template"]
                [port] = template["spec"]["containers"][0]["ports"]
                label = f"{template['metadata']['labels']['app']};{port['name']}"
                assert re.fullmatch(kept["regex"], label), label
                found.add(label)
    assert len(found) == 2


def test_promtool_agrees_where_it_is_installed() -> None:
    files = [DEPLOY / "prometheus/rules.yml"]
    tool = shutil.which("promtool")
    for file in files if tool else ():
        done = subprocess.run([str(tool), "check", "rules", file], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert all(yaml.safe_load(file.read_text())["groups"] for file in files)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_speaks_of_what_is_measured(path: Path) -> None:
    wrong = {query: list(promql.faults(plain(query))) for query in queries(path)}
    assert {query: faults for query, faults in wrong.items() if faults} == {}


def plain(query: str) -> str:
    return query.replace("$__rate_interval", "1m")


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path: Path) -> None:
    page = json.loads(path.read_text())
    assert page["uid"] == path.stem
    panels = page["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels), "two panels in one place"
    [source] = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    )["datasources"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}


def test_the_json_is_what_the_tables_say() -> None:
    made = maker()
    assert {one.uid: made.rendered(one) for one in made.ALL} == {
        path.stem: path.read_text() for path in DASHBOARDS
    }


def test_every_metric_is_shown_somewhere() -> None:
    shown = {name for path in DASHBOARDS for q in queries(path) for name in promql.metrics(q)}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    measured = {re.sub(r"_(bucket|count|sum)$", "", name) for name in promql.samples()}
    assert measured - families == NOT_SHOWN
    assert families <= measured


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("sum(beheard_conections)", "no metric beheard_conections"),
        ("sum by (user) (beheard_connections)", "no label user"),
        ('beheard_sessions{user="a"}', "no label user"),
        ("sum(beheard_connections", "( without )"),
        ("median(beheard_connections)", "unknown word median"),
        ("sum by (code) (beheard_closes_total)", "beheard_closes_total only grows"),
    ],
)
def test_the_check_sees_faults(query: str, fault: str) -> None:
    assert any(found.startswith(fault) for found in promql.faults(query))
