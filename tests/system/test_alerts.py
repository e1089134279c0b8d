"""Prometheus' own tool on the alert rules, and on what the dashboard says of batches."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from service.telemetry.metrics import BATCH_BUCKETS

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = ("faults", "capacity")

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def promtool(*arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_names_rules_that_are_rules() -> None:
    told = promtool("check", "config", str(DEPLOY / "prometheus.yaml"))
    assert told.count("rules found") == len(FILES)


@pytest.mark.parametrize("name", FILES)
def test_the_alerts_do_what_they_say(name: str) -> None:
    promtool("test", "rules", str(DEPLOY / "alerts" / f"{name}-test.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_each_alert_is_seen_firing_and_silent(name: str) -> None:
    rules = yaml.safe_load((DEPLOY / "alerts" / f"{name}.yaml").read_text())
    tests = yaml.safe_load((DEPLOY / "alerts" / f"{name}-test.yaml").read_text())["tests"]
    checks = [check for test in tests for check in test["alert_rule_test"]]
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        fires = {bool(check.get("exp_alerts")) for check in checks if check["alertname"] == rule["alert"]}
        assert fires == {True, False}, rule["alert"]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_dashboard_tells_the_size_of_batches_that_are_all_alike(size: int, tmp_path: Path) -> None:
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    [panel] = [panel for panel in panels if panel["title"] == "Clips per batch"]
    expressions = {target["legendFormat"]: target["expr"] for target in panel["targets"]}
    name = 'r3d_batch_clips_bucket{job="r3d", le="%s"}'
    series = [
        {"series": name % bucket, "values": "0+60x10" if size <= float(bucket) else "0x10"}
        for bucket in [*map(str, BATCH_BUCKETS), "+Inf"]
    ]
    checks = [
        {
            "expr": expressions[quantile].replace("$job", "r3d").replace("$__rate_interval", "5m"),
            "eval_time": "10m",
            "exp_samples": [{"labels": "{}", "value": size}],
        }
        for quantile in ("p50", "p95")
    ]
    test = {"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": checks}]}
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(test))
    promtool("test", "rules", str(path))
