"""Prometheus metrics of one service; the names are those of `deploy/grafana-dashboard.json`."""

from collections.abc import Callable, Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from .. import __version__
from .gpus import gpu_collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
# Prometheus takes sizes to be spread evenly within a bucket. `ceil` of a quantile is the true one up to 4.
BATCH_BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Everything that is counted. Safe from any thread."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        if (gpus := gpu_collector()) is not None:
            registry.register(gpus)
        self.requests = Counter("r3d_requests", "Classify requests by outcome", ["outcome"], registry=registry)
        self.in_progress = Gauge("r3d_requests_in_progress", "Classify requests in progress", registry=registry)
        self.connections_refused = Counter(
            "r3d_connections_refused", "Connections refused, as too many were open", registry=registry
        )
        self.upload_bytes = Counter("r3d_upload_bytes", "Bytes of received videos", registry=registry)
        self.videos = Counter("r3d_videos", "Videos classified", registry=registry)
        self.decoded = Counter(
            "r3d_videos_decoded", "Videos classified, by their decoder", ["decoder"], registry=registry
        )
        self.fallbacks = Counter(
            "r3d_nvdec_fallbacks",
            "Videos that were given to NVDEC and decoded on the CPU, by reason",
            ["reason"],
            registry=registry,
        )
        self.on_nvdec = Gauge("r3d_nvdec_videos", "Videos that NVDEC decodes now", registry=registry)
        self.frames = Counter("r3d_frames_decoded", "Frames of classified clips", registry=registry)
        self.clips = Counter("r3d_clips_classified", "Clips classified", registry=registry)
        self.clips_dropped = Counter(
            "r3d_clips_dropped", "Queued clips whose request ended before they were classified", registry=registry
        )
        self.queue_clips = Gauge("r3d_queue_clips", "Clips that wait for the network", registry=registry)
        self.saturation = Gauge(
            "r3d_saturation",
            "Videos in progress per place at a decoder, of CPU or NVDEC, or in the network, or requests per place, "
            "whichever is most: above 1 somebody waits",
            registry=registry,
        )
        self.workers = Gauge("r3d_workers", "Workers that have not failed: one for each GPU", registry=registry)
        self.batch_clips = Histogram("r3d_batch_clips", "Clips per batch", buckets=BATCH_BUCKETS, registry=registry)
        self.seconds = Histogram(
            "r3d_seconds",
            "Time by stage: upload, decode and total per request, queue (not of jobs) and inference per clip",
            ["stage"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.ready = Gauge("r3d_ready", "Whether requests are accepted", registry=registry)
        self.decoders = Gauge("r3d_decoders", "Processes that decode a video", registry=registry)
        self.sandbox = Gauge(
            "r3d_sandbox", "Whether a mechanism confines the decoders", ["mechanism"], registry=registry
        )
        self.jobs = Gauge("r3d_jobs", "Jobs that are kept, by status", ["status"], registry=registry)
        self.jobs_oldest = Gauge("r3d_jobs_oldest_seconds", "Age of the oldest job that waits", registry=registry)
        self.jobs_attempts = Counter(
            "r3d_jobs_attempts", "Attempts at jobs that ended here", ["outcome"], registry=registry
        )
        self.jobs_taken_back = Counter(
            "r3d_jobs_taken_back", "Jobs of lost servers that this one had begun anew, or failed", registry=registry
        )
        self.model = Info("r3d_model", "The model, and what runs it", registry=registry)
        build = Info("r3d_build", "This program", registry=registry)
        build.info({"version": __version__, "pyav": version("av")})

    def watch(
        self,
        ready: Callable[[], float],
        in_progress: Callable[[], float],
        decoders: Callable[[], float],
        on_nvdec: Callable[[], float],
        queue_clips: Callable[[], float],
        workers: Callable[[], float],
        saturation: Callable[[], float],
    ) -> None:
        """Where the gauges' values come from."""
        self.ready.set_function(ready)
        self.in_progress.set_function(in_progress)
        self.decoders.set_function(decoders)
        self.on_nvdec.set_function(on_nvdec)
        self.queue_clips.set_function(queue_clips)
        self.workers.set_function(workers)
        self.saturation.set_function(saturation)

    def confined_by(self, sandbox: Mapping[str, bool]) -> None:
        """Which mechanisms confine the decoders."""
        for mechanism, active in sandbox.items():
            self.sandbox.labels(mechanism).set(active)

    def batch(self, clips: int) -> None:
        """A batch was given to a device."""
        self.batch_clips.observe(clips)

    def dropped(self, clips: int) -> None:
        """Clips were cancelled while they waited."""
        self.clips_dropped.inc(clips)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
