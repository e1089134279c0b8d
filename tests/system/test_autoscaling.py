"""What scales the service goes up and down as it should, by what was recorded of it on two CPUs."""

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from .autoscaler import Recording, Rules, simulate

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
# `benchmarks.saturation` wrote it.
RECORDED = json.loads((Path(__file__).parent / "recorded" / "saturation.json").read_text())
MINUTE = 60


def manifest(path: str) -> Any:
    return yaml.safe_load((KUBERNETES / path).read_text())


def recording(metric: str) -> Recording:
    return Recording({each["clients"]: each[metric] for each in RECORDED["figures"]})


def adapters_query() -> str:
    [rule] = manifest("autoscaling/prometheus-adapter.yaml")["rules"]
    return str(rule["metricsQuery"])


@pytest.fixture
def rules() -> Rules:
    """The autoscaler's, with the adapter's window."""
    spec = manifest("base/autoscaler.yaml")["spec"]
    [metric] = spec["metrics"]
    assert metric["pods"]["metric"]["name"] == "r3d_saturation"
    [window] = re.findall(r"\[(\d)m\]", adapters_query())
    [growth] = spec["behavior"]["scaleUp"]["policies"]
    assert growth["type"] == "Percent"
    return Rules(
        target=int(metric["pods"]["target"]["averageValue"].removesuffix("m")) / 1000,
        least=spec["minReplicas"],
        most=spec["maxReplicas"],
        window=int(window) * MINUTE,
        down_stabilization=spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"],
        growth=1 + growth["value"] / 100,
        growth_seconds=growth["periodSeconds"],
    )


def crowd(second: int) -> int:
    """12 clients from the second minute to the 22nd, then one for half an hour."""
    return 12 if 2 * MINUTE <= second < 22 * MINUTE else 1


def test_it_grows_with_a_crowd_and_shrinks_after_it(rules: Rules) -> None:
    pods = simulate(rules, recording("r3d_saturation"), crowd, 52 * MINUTE)
    assert pods[2 * MINUTE - 1] == rules.least, "one client is no reason"
    assert pods[4 * MINUTE] > rules.least, "within two minutes there are more"
    steady = pods[12 * MINUTE : 22 * MINUTE]
    assert set(steady) == {steady[0]}, "then as many as it takes, and no other number"
    assert 5 <= steady[0] <= rules.most
    left = recording("r3d_saturation").at(12 / steady[0], 3)
    assert left <= 1.2, "each of them has as much as it can do"
    assert pods[26 * MINUTE] == steady[0], "not given up at once"
    assert pods[-1] == rules.least
    turns = [after > before for before, after in itertools.pairwise(pods) if after != before]
    assert turns == sorted(turns, reverse=True), "up, then down"


def test_a_load_that_goes_to_and_fro_is_no_reason_to(rules: Rules) -> None:
    """As many pods as it takes at its heights, all the time."""
    pods = simulate(rules, recording("r3d_saturation"), lambda second: 12 if second // MINUTE % 3 else 2, 60 * MINUTE)
    later = pods[20 * MINUTE :]
    assert max(later) - min(later) <= 1
    assert min(later) >= 4


def test_what_was_scaled_by_before_would_never_have_acted(rules: Rules) -> None:
    before = Rules(16.0, rules.least, rules.most, rules.window, rules.down_stabilization, 2, MINUTE)
    assert set(simulate(before, recording("r3d_queue_clips"), crowd, 52 * MINUTE)) == {rules.least}


def test_keda_says_the_same(rules: Rules) -> None:
    spec = manifest("components/keda/scaled-object.yaml")["spec"]
    [trigger] = spec["triggers"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (rules.least, rules.most)
    assert (trigger["type"], trigger["metricType"]) == ("prometheus", "AverageValue")
    assert float(trigger["metadata"]["threshold"]) == rules.target
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior == manifest("base/autoscaler.yaml")["spec"]["behavior"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_gives_the_queries_what_they_ask_for(tmp_path: Path) -> None:
    """Two pods' recorded samples, a minute of them."""
    by_clients = {each["clients"]: each["r3d_saturation"] for each in RECORDED["figures"]}
    of_pods = {"r3d-a": by_clients[12][:5], "r3d-b": by_clients[2][:5]}
    labels = 'namespace="default",pod="{}"'
    series = [
        {"series": f"r3d_saturation{{{labels.format(pod)}}}", "values": " ".join(map(str, values))}
        for pod, values in of_pods.items()
    ]
    means = {pod: sum(values) / 5 for pod, values in of_pods.items()}
    written = {"Series": "r3d_saturation", "LabelMatchers": 'namespace="default",pod=~"r3d-a|r3d-b"', "GroupBy": "pod"}
    adapters = adapters_query()
    for name, text in written.items():
        adapters = adapters.replace(f"<<.{name}>>", text)
    [trigger] = manifest("components/keda/scaled-object.yaml")["spec"]["triggers"]
    checks = [
        (adapters, [{"labels": f'{{pod="{pod}"}}', "value": mean} for pod, mean in means.items()]),
        (trigger["metadata"]["query"], [{"labels": "{}", "value": sum(means.values())}]),
    ]
    expected = [
        {"expr": f"round({query}, 0.001)", "eval_time": "40s", "exp_samples": _rounded(found)}
        for query, found in checks
    ]
    tests = [{"interval": "10s", "input_series": series, "promql_expr_test": expected}]
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({"evaluation_interval": "10s", "tests": tests}))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _rounded(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**each, "value": round(each["value"], 3)} for each in samples]
