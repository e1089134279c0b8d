"""What the service says of the decoder: in answers, health and metrics."""

from pathlib import Path

from service.settings import Settings

from ...support.live_server import StubServer
from ...support.nvdec.decoding import stand_in
from ...support.videos import VP9, write_video


def test_with_nvdec(model_directory: Path, tmp_path: Path) -> None:
    able = write_video(tmp_path / "a.mp4", 40).read_bytes()
    unable = write_video(tmp_path / "a.webm", 40, VP9, size=(160, 120)).read_bytes()
    with stand_in(), StubServer(Settings(model=model_directory, decoder="nvdec")) as server:
        health = server.client.get("/health").json()
        assert (health["nvdec"], health["nvdec_reason"]) == (True, "2 decoder units of stand-in 0")
        assert [server.post(each).json()["timing"]["decoder"] for each in (able, unable)] == ["nvdec", "cpu"]
        assert [server.metric("r3d_videos_decoded_total", decoder=name) for name in ("nvdec", "cpu")] == [1, 1]
        assert server.metric("r3d_nvdec_fallbacks_total", reason="unsupported") == 1
        assert server.metric("r3d_nvdec_videos") == 0


def test_without(stub_server: StubServer, video: Path) -> None:
    health = stub_server.client.get("/health").json()
    assert health["nvdec"] is False
    assert "PyNvVideoCodec is not installed" in health["nvdec_reason"]
    answer = stub_server.post(video.read_bytes())
    assert answer.json()["timing"]["decoder"] == "cpu"
    assert "decoder" not in answer.headers["server-timing"]
