"""The fastest way to run a model's ONNX network here: as measured before, or measured now."""

import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine_builder.manifest import Manifest

from ..errors import StartupError
from ..machine import available_cpus
from ..settings import Settings
from .backends.candidates import PACKAGES, Candidate, candidates_for, candidates_of, installed
from .tuning import tune
from .tuning_cache import TuningCache, this_processor

logger = logging.getLogger(__name__)

# Module -> the distributions that it may come from.
DISTRIBUTIONS = {"openvino": ("openvino",), "onnxruntime": ("onnxruntime", "onnxruntime-gpu")}


def fastest(settings: Settings, directory: Path, manifest: Manifest) -> tuple[Candidate, str]:
    """The candidate to use, and why. Where several are allowed, they are measured once, and the result kept.

    Raises StartupError when there is no candidate.
    """
    cache = cache_for(settings, manifest)
    kept = cache.load()
    if kept is not None and (known := _known(kept, settings, directory, manifest)) is not None:
        return known, explain(kept)
    candidates = candidates_for(settings, directory, manifest)
    if len(candidates) == 1:
        return candidates[0], f"{candidates[0].name} is the only way here that the settings allow"
    seconds = _measured(candidates, manifest, cache)
    return next(each for each in candidates if each.name == _best(seconds)), explain(seconds)


def measure_ways(settings: Settings, directory: Path, manifest: Manifest) -> dict[str, float]:
    """Seconds per clip of all that is allowed, measured now and kept. Raises StartupError when there is nothing."""
    return _measured(candidates_for(settings, directory, manifest), manifest, cache_for(settings, manifest))


def cache_for(settings: Settings, manifest: Manifest) -> TuningCache:
    """Where the measurement is kept that is right for these settings, this model and this machine."""
    allowed = (settings.backend, settings.precision, settings.onnxruntime_provider)
    return TuningCache(
        {
            "processor": this_processor(),
            "threads": settings.cpu_threads or available_cpus(),
            "packages": {package: _version(package) for package in PACKAGES if installed(package)},
            "networks": {precision: entry.sha256 for precision, entry in manifest.onnx.items()},
            "allowed": list(allowed),
        }
    )


def _version(package: str) -> str:
    for distribution in DISTRIBUTIONS[package]:
        try:
            return f"{distribution} {version(distribution)}"
        except PackageNotFoundError:
            continue
    return "of unknown version"


def _known(seconds: Mapping[str, float], settings: Settings, directory: Path, manifest: Manifest) -> Candidate | None:
    """The candidate that was the fastest, if it is still there. No other package is imported for it."""
    name = _best(seconds)
    package = name.split()[0]
    found = candidates_of(package, settings, directory, manifest) if package in PACKAGES else ""
    return None if isinstance(found, str) else next((each for each in found if each.name == name), None)


def _measured(candidates: Sequence[Candidate], manifest: Manifest, cache: TuningCache) -> dict[str, float]:
    logger.info("measuring which is the fastest here: %s", ", ".join(each.name for each in candidates))
    try:
        measured = tune(candidates, manifest.clip.shape)
    except RuntimeError as error:
        raise StartupError(f"nothing can run the network: {error}") from error
    if not measured.steady:
        logger.warning("other work on this machine disturbed the measuring; `r3d-engine tune` measures again")
    cache.save(measured.seconds)
    return measured.seconds


def _best(seconds: Mapping[str, float]) -> str:
    return min(seconds, key=seconds.__getitem__)


def explain(seconds: Mapping[str, float]) -> str:
    """What was measured, in words, the fastest first."""
    (name, best), *others = sorted(seconds.items(), key=lambda item: item[1])
    rest = ", ".join(f"{other} {each * 1000:.3g}" for other, each in others)
    return f"{name} is the fastest here: {best * 1000:.3g} ms per clip" + (f" ({rest})" if rest else "")
