"""What is in `deploy/`, against the schemas and checks that its readers use. No container runs here."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from sqlalchemy import make_url

from service.decoding.formats import CODECS, DEMUXERS
from service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = ("cpu", "gpu")
# After the drain: uvicorn waits 5 s for connections, then a batch and the decoders end.
ROOM_SECONDS = 15


def tool(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_dockerfile_passes_hadolint() -> None:
    done = tool("hadolint", str(DEPLOY / "Dockerfile"))
    assert done.returncode == 0, done.stdout


def test_the_ffmpeg_of_our_own_has_what_the_service_opens() -> None:
    script = (DEPLOY / "ffmpeg-lgpl").read_text()
    demuxers, decoders = (
        set(re.search(rf"^{name}=(\S+)", script, re.MULTILINE)[1].split(","))  # type: ignore[index]
        for name in ("demuxers", "decoders")
    )
    assert demuxers == {"mpegps" if each == "mpeg" else each for each in DEMUXERS}
    # Where FFmpeg's decoder has another name than its codec.
    other = {"av1": "libdav1d", "flv1": "flv"}
    assert decoders == {other.get(codec, codec) for codec in CODECS}


@pytest.mark.parametrize(("asked", "status"), [("wheel", 0), ("gpl", 1), ("", 1)])
def test_an_image_has_one_of_two_ffmpegs(tmp_path: Path, asked: str, status: int) -> None:
    command = [str(DEPLOY / "ffmpeg"), asked, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = f"FFMPEG is wheel or lgpl, not {asked}\n" if status else ""
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said)


def test_the_default_target_is_the_cpu_and_no_final_stage_compiles() -> None:
    stages = re.split(r"^FROM ", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    names = [re.search(r" AS (\S+)", stage)[1] for stage in stages]  # type: ignore[index]
    assert names == ["cpu-build", "gpu-build", "gpu", "cpu"]
    for stage in stages[:2]:
        assert stage.count("--mount=type=cache,target=/root/.cache/pip") == 2
        assert "cyclonedx-py environment" in stage
    for stage in stages[2:]:
        assert "USER 10001:10001" in stage
        assert " HOME=/tmp " in stage
        for label in ("licenses", "source", "revision", "version"):
            assert f"org.opencontainers.image.{label}=" in stage
        assert "HEALTHCHECK" in stage
        assert "g++" not in stage
        assert "pip" not in stage


def test_requirements_are_the_packages_own(tmp_path: Path) -> None:
    # As the Dockerfile lays them out: side by side.
    for path in (ROOT / "pyproject.toml", DEPLOY / "requirements.py"):
        shutil.copy(path, tmp_path)
    command = [sys.executable, str(tmp_path / "requirements.py"), "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert done.stdout.splitlines() == [*project["dependencies"], *project["optional-dependencies"]["cpu"]]


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def service_names() -> set[str]:
    """Those of compose's services that are r3d."""
    services = compose()["services"]
    return {name for name, each in services.items() if any(port.endswith(":8000") for port in each.get("ports", ()))}


@pytest.mark.parametrize("name", ["compose.yaml", "compose.key.yaml"])
def test_compose_fits_its_schema(name: str) -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / name))
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_is_open_to_this_machine_only_and_takes_the_key_from_a_file() -> None:
    services, keyed = compose()["services"], yaml.safe_load((DEPLOY / "compose.key.yaml").read_text())
    for service in services.values():
        assert all(port.startswith(("127.0.0.1:", "${R3D_ADDRESS:-127.0.0.1}:")) for port in service.get("ports", ()))
        assert "R3D_API_KEY" not in service.get("environment", {})
    assert keyed["services"].keys() <= services.keys()
    open_ones = service_names()
    assert open_ones == {"r3d", "r3d-gpu", "r3d-cluster"}
    assert open_ones <= keyed["services"].keys()
    [secret] = keyed["secrets"]
    assert f"{PREFIX}API_KEY" == secret.upper()
    assert all(service == {"secrets": [secret]} for service in keyed["services"].values())


def test_prometheus_asks_every_service_and_misses_none_of_another_profile() -> None:
    [job] = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())["scrape_configs"]
    always = {name for name in service_names() if "profiles" not in compose()["services"][name]}
    assert job["static_configs"] == [{"targets": [f"{name}:8000" for name in always]}]
    [found] = job["dns_sd_configs"]
    assert (found["type"], found["port"]) == ("A", 8000)
    assert {*found["names"]} == service_names() - always


def test_compose_services() -> None:
    services = compose()["services"]
    assert [name for name, service in services.items() if "profiles" not in service] == ["r3d"]
    assert {tuple(service.get("profiles", ())) for service in services.values()} == {
        (),
        ("gpu",),
        ("cluster",),
        ("monitoring",),
    }
    assert services["r3d-gpu"]["depends_on"] == {"engine": {"condition": "service_completed_successfully"}}
    drain = Settings().drain_seconds
    for name in ("r3d", "r3d-gpu", "r3d-cluster"):
        service = services[name]
        assert float(service["environment"]["R3D_DRAIN_SECONDS"]) == drain
        assert drain + ROOM_SECONDS <= float(service["stop_grace_period"].removesuffix("s"))
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["mem_limit"]
        assert service["restart"] == "unless-stopped"
    for name in ("engine", "r3d-gpu"):
        [device] = services[name]["deploy"]["resources"]["reservations"]["devices"]
        assert device["capabilities"] == ["gpu"]


def test_the_cluster_shares_a_database_and_a_volume() -> None:
    services = compose()["services"]
    cluster, database = services["r3d-cluster"], services["postgresql"]
    assert cluster["deploy"]["replicas"] == 2
    assert cluster["depends_on"] == {"postgresql": {"condition": "service_healthy"}}
    url = make_url(Settings(jobs=cluster["environment"]["R3D_JOBS"]).jobs.get_secret_value())  # type: ignore[union-attr]
    assert (url.host, url.database, url.username) == ("postgresql", "r3d", database["environment"]["POSTGRES_USER"])
    assert url.password == database["environment"]["POSTGRES_PASSWORD"]
    assert "jobs-cluster:/jobs" in cluster["volumes"]
    assert "R3D_JOBS_DIR=/jobs" in (DEPLOY / "Dockerfile").read_text()


def jobs_resources() -> list[dict[str, Any]]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    command = ["kubectl", "kustomize", str(DEPLOY / "kubernetes" / "overlays" / "jobs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return list(yaml.safe_load_all(done.stdout))


def test_the_overlay_with_jobs() -> None:
    resources = jobs_resources()
    for resource in resources:
        kubernetes_validate.validate(resource, "1.33", strict=True)
    named = {(resource["kind"], resource["metadata"]["name"]): resource for resource in resources}
    pod = named["Deployment", "r3d"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    url = make_url(str(variables["R3D_JOBS"]))
    assert (url.host, url.database) == ("r3d-database", "r3d")
    assert ("Service", url.host) in named
    assert list(variables).index("DATABASE_PASSWORD") < list(variables).index("R3D_JOBS")  # it is named in it
    [volume] = [each for each in pod["volumes"] if each["name"] == "jobs"]
    claim = named["PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert {"name": "jobs", "mountPath": variables["R3D_JOBS_DIR"]} in container["volumeMounts"]
    [to_database, *_] = named["NetworkPolicy", "r3d-to-database"]["spec"]["egress"]
    labels = named["StatefulSet", "r3d-database"]["spec"]["template"]["metadata"]["labels"]
    assert to_database["to"][0]["podSelector"]["matchLabels"].items() <= labels.items()
    assert not named["Service", "r3d"]["spec"]["selector"].items() <= labels.items()


def test_what_compose_mounts_is_there() -> None:
    for service in compose()["services"].values():
        for volume in service.get("volumes", ()):
            if volume.startswith("./"):
                assert (DEPLOY / volume.split(":")[0]).is_file(), volume


def test_settings_named_in_deploy_exist() -> None:
    known = {f"R3D_{name.upper()}" for name in Settings.model_fields}
    of_compose = {"R3D_ADDRESS", "R3D_PORT", "R3D_GPU_PORT", "R3D_KEY_FILE", "R3D_WEIGHTS"}
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.name != "api-key.txt":
            used = set(re.findall(r"R3D_[A-Z_]+[A-Z]", path.read_text()))
            assert used <= known | of_compose, path


@pytest.fixture(scope="module", params=OVERLAYS)
def resources(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    command = ["kubectl", "kustomize", str(DEPLOY / "kubernetes" / "overlays" / request.param)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return list(yaml.safe_load_all(done.stdout))


def test_kubernetes_resources_fit_their_schemas(resources: list[dict[str, Any]]) -> None:
    kinds = {resource["kind"] for resource in resources}
    wanted = {"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"}
    assert wanted <= kinds <= wanted | {"PersistentVolumeClaim"}
    for resource in resources:
        kubernetes_validate.validate(resource, "1.33", strict=True)


def test_a_wrong_resource_would_be_noticed(resources: list[dict[str, Any]]) -> None:
    wrong = {**resources[0], "sepc": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.33", strict=True)


def test_the_deployment(resources: list[dict[str, Any]]) -> None:
    of_kind = {resource["kind"]: resource for resource in resources}
    pod = of_kind["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    probes = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert probes == {"startupProbe": "/health", "readinessProbe": "/health", "livenessProbe": "/health/live"}
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["image"].startswith("r3d:")
    assert container["resources"]["limits"]["memory"]
    _, pause = container["lifecycle"]["preStop"]["exec"]["command"]
    drain = {each["name"]: each.get("value") for each in container["env"]}["R3D_DRAIN_SECONDS"]
    assert float(drain) == Settings().drain_seconds
    assert pod["terminationGracePeriodSeconds"] >= float(pause) + float(drain) + ROOM_SECONDS
    metric = of_kind["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]["metric"]["name"]
    assert metric in (ROOT / "service" / "telemetry" / "metrics.py").read_text()
    policy = of_kind["NetworkPolicy"]["spec"]
    assert policy["egress"] == []
    assert "Egress" in policy["policyTypes"]
    labels = of_kind["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (policy["podSelector"]["matchLabels"], of_kind["Service"]["spec"]["selector"]):
        assert selector.items() <= labels.items()
    if container["image"].endswith(":gpu"):
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
