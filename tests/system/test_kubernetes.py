"""The manifests as they would be applied, with every component. There is no control plane here to apply them to."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import Settings

from ..support.pod_security import violations

MANIFESTS = Path(__file__).parents[2] / "deploy" / "kubernetes"
# The oldest that is supported by its makers, and the newest that the schemas are there for.
VERSIONS = ("1.33", kubernetes_validate.latest_version())
# An overlay with the components that go with it.
SETS = ["cpu", "cpu ingress", "cpu keda", "gpu", "gpu ingress weights-download", "gpu weights-image"]
Resources = dict[str, dict[str, Any]]


def resources_of(names: str, folder: Path) -> Resources:
    """By kind; of an overlay of the operator's own, as the documentation has it."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    overlay, *components = names.split()
    shutil.copytree(MANIFESTS, folder / "kubernetes")
    own = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"../kubernetes/overlays/{overlay}"],
        "components": [f"../kubernetes/components/{name}" for name in components],
        "images": [{"name": "r3d", "newName": "registry.example.org/r3d", "newTag": "1"}],
    }
    (folder / "own").mkdir()
    (folder / "own" / "kustomization.yaml").write_text(yaml.safe_dump(own))
    command = ["kubectl", "kustomize", str(folder / "own")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return {resource["kind"]: resource for resource in yaml.safe_load_all(done.stdout)}


@pytest.fixture(scope="module", params=SETS)
def resources(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Resources:
    return resources_of(request.param, tmp_path_factory.mktemp("kustomize"))


def spec_of(resources: Resources) -> dict[str, Any]:
    spec: dict[str, Any] = resources["Deployment"]["spec"]
    return spec


def containers_of(resources: Resources) -> list[dict[str, Any]]:
    pod = spec_of(resources)["template"]["spec"]
    return [*pod.get("initContainers", ()), *pod["containers"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_fits_the_schemas(resources: Resources, version: str) -> None:
    for resource in resources.values():
        known = made_by_keda(resource) if resource["kind"] == "ScaledObject" else resource
        kubernetes_validate.validate(known, version, strict=True)


def made_by_keda(scaled: dict[str, Any]) -> dict[str, Any]:
    """The autoscaler that KEDA makes of a ScaledObject, whose own schema is not Kubernetes'; fails for a field more."""
    assert scaled.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert scaled["apiVersion"] == "keda.sh/v1alpha1"
    left = dict(scaled["spec"])
    triggers = [dict(trigger) for trigger in left.pop("triggers")]
    assert isinstance(left.pop("pollingInterval"), int)
    metrics = []
    for place, trigger in enumerate(triggers):
        asked = trigger.pop("metadata")
        assert trigger == {"type": "prometheus", "metricType": "AverageValue"}
        assert asked.keys() == {"serverAddress", "query", "threshold"}
        target = {"type": "AverageValue", "averageValue": asked["threshold"]}
        metrics.append({"type": "External", "external": {"metric": {"name": f"s{place}-prometheus"}, "target": target}})
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", **left.pop("scaleTargetRef")},
        "minReplicas": left.pop("minReplicaCount"),
        "maxReplicas": left.pop("maxReplicaCount"),
        "metrics": metrics,
        **left.pop("advanced")["horizontalPodAutoscalerConfig"],
    }
    assert not left
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "r3d"},
        "spec": spec,
    }


def test_one_of_both_scales_the_deployment(resources: Resources) -> None:
    scalers = {"HorizontalPodAutoscaler", "ScaledObject"} & resources.keys()
    [scaler] = [resources[kind] for kind in scalers]
    assert scaler["spec"]["scaleTargetRef"]["name"] == resources["Deployment"]["metadata"]["name"]


def test_images_are_those_that_the_operator_names(resources: Resources) -> None:
    assert {container["image"] for container in containers_of(resources)} == {"registry.example.org/r3d:1"}


def test_pods_are_restricted(resources: Resources) -> None:
    allowed = {"volume weights: image"}  # see the component
    assert set(violations(spec_of(resources)["template"]["spec"])) <= allowed


def test_what_is_not_restricted_would_be_noticed(resources: Resources) -> None:
    pod = spec_of(resources)["template"]["spec"]
    [container] = pod["containers"]
    loose = {key: value for key, value in container.items() if key != "securityContext"}
    volumes = [*pod["volumes"], {"name": "node", "hostPath": {"path": "/"}}]
    found = violations({**pod, "containers": [loose], "volumes": volumes, "hostPID": True, "securityContext": {}})
    for each in (
        "hostPID",
        "volume node: hostPath",
        "r3d: allowPrivilegeEscalation is not false",
        "r3d: runAsNonRoot is not true",
        "r3d: no seccompProfile",
        "r3d: capabilities are not dropped",
    ):
        assert each in found


def test_pods_are_spread(resources: Resources) -> None:
    spec = spec_of(resources)
    labels = spec["template"]["metadata"]["labels"]
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert {each["topologyKey"] for each in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    for each in spread:
        assert each["labelSelector"]["matchLabels"].items() <= labels.items()
        assert each["whenUnsatisfiable"] == "ScheduleAnyway", "one node is enough"


def gibibytes(quantity: str) -> int:
    [number] = re.findall(r"^(\d+)Gi$", quantity)
    return int(number)


def test_the_disk_that_a_pod_takes_is_asked_for(resources: Resources) -> None:
    pod = spec_of(resources)["template"]["spec"]
    [tmp] = [volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"] if volume["name"] == "tmp"]
    for container in containers_of(resources):
        asked = {name: values["ephemeral-storage"] for name, values in container["resources"].items()}
        assert gibibytes(asked["requests"]) <= gibibytes(asked["limits"])
    assert gibibytes(pod["containers"][0]["resources"]["limits"]["ephemeral-storage"]) > gibibytes(tmp)


def test_a_rollout_on_gpus_needs_no_gpu_more_and_no_engine_is_built_twice(tmp_path: Path) -> None:
    resources = resources_of("gpu", tmp_path)
    spec = spec_of(resources)
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
    [engine] = spec["template"]["spec"]["initContainers"]
    assert "--if-needed" in engine["args"]
    [container] = spec["template"]["spec"]["containers"]
    [directory] = [each["value"] for each in container["env"] if each["name"] == "R3D_MODEL"]
    assert f"--output={directory}" in engine["args"]
    # What builds and what serves are one pod: none waits for a GPU that another holds.
    assert {each["resources"]["limits"]["nvidia.com/gpu"] for each in containers_of(resources)} == {"1"}
    assert resources["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteMany"]
    mounted = {each["name"]: each.get("readOnly", False) for each in container["volumeMounts"]}
    assert mounted["models"], "what serves writes no model"


def test_weights_are_there_before_the_engine_is_built(tmp_path: Path) -> None:
    resources = resources_of("gpu weights-download", tmp_path)
    assert [each["name"] for each in containers_of(resources)] == ["weights", "engine", "r3d"]
    [written] = [each for each in containers_of(resources)[0]["args"] if each.startswith("--output=")]
    assert written.removeprefix("--output=") in containers_of(resources)[1]["args"]
    assert {port["port"] for rule in resources["NetworkPolicy"]["spec"]["egress"] for port in rule["ports"]} == {
        443,
        53,
    }


def test_the_ingress_lets_through_what_the_service_takes(tmp_path: Path) -> None:
    resources = resources_of("cpu ingress", tmp_path)
    ingress, settings = resources["Ingress"], Settings()
    told = {
        name.removeprefix("nginx.ingress.kubernetes.io/"): value
        for name, value in ingress["metadata"]["annotations"].items()
    }
    largest = max(settings.max_upload_bytes, settings.jobs_max_upload_bytes)
    assert int(told["proxy-body-size"].removesuffix("m")) << 20 > largest
    assert float(told["proxy-read-timeout"]) > settings.request_timeout_seconds
    assert float(told["proxy-send-timeout"]) > settings.upload_timeout_seconds
    assert told["proxy-request-buffering"] == told["proxy-buffering"] == "off"
    [path] = ingress["spec"]["rules"][0]["http"]["paths"]
    service = resources["Service"]
    assert path["backend"]["service"]["name"] == service["metadata"]["name"]
    assert path["backend"]["service"]["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
