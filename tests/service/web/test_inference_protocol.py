"""The Open Inference Protocol's questions about the server and its model."""

from pathlib import Path

from engine_builder.manifest import Manifest
from service import __version__
from service.settings import Settings

from ...support.client import problem
from ...support.live_server import LiveServer, StubServer
from ...support.stubs import BrightnessBackend, Gate


def test_the_server_and_its_model(stub_server: StubServer, manifest: Manifest) -> None:
    get = stub_server.client.get
    assert get("/v2").json() == {"name": "r3d", "version": __version__, "extensions": []}
    assert get("/v2/health/live").json() == {"live": True}
    assert get("/v2/health/ready").json() == {"ready": True}
    assert get("/v2/models/camera-motion/ready").json() == {"name": "camera-motion", "ready": True}
    assert get("/v2/models/camera-motion").json() == {
        "name": "camera-motion",
        "versions": [manifest.weights_sha256],
        "platform": "brightness",
        "inputs": [{"name": "frames", "datatype": "UINT8", "shape": [-1, 32, 112, 112, 3]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 9]}],
    }


def test_its_health_is_open_and_the_rest_asks_for_the_key(locked: StubServer) -> None:
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert locked.client.get(path).status_code == 200
    for path in ("/v2", "/v2/models/camera-motion", "/v2/models/camera-motion/ready", "/v2/health", "/v2/health/live/"):
        problem(locked.client.get(path), 401, "unauthorized")


def test_another_model_and_inference_are_not_there(stub_server: StubServer) -> None:
    assert "camera-motion" in problem(stub_server.client.get("/v2/models/another"), 404, "not-found")
    problem(stub_server.client.get("/v2/models/another/ready"), 404, "not-found")
    problem(stub_server.client.post("/v2/models/camera-motion/infer"), 404, "not-found")


def test_before_the_model_is_loaded(model_directory: Path) -> None:
    gate = Gate()
    gate.close()

    def slow() -> BrightnessBackend:
        gate(None)
        return BrightnessBackend()

    with LiveServer(Settings(model=model_directory), slow) as live:
        gate.wait_held()
        ready = live.client.get("/v2/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"ready": False})
        assert live.client.get("/v2/health/live").json() == {"live": True}
        problem(live.client.get("/v2/models/camera-motion"), 503, "not-ready")
        gate.open()
        live.wait_ready()
        assert live.client.get("/v2/health/ready").status_code == 200
        live.lifecycle.drain()
        assert live.client.get("/v2/health/ready").status_code == 503
        assert live.client.get("/v2/models/camera-motion").status_code == 200
        problem(live.client.get("/v2/models/camera-motion/ready"), 503, "not-ready")
