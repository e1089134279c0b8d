"""What `r3d-engine` prints of a model directory."""

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table

from .cached import CachedModel
from .manifest import Manifest
from .quantization.publish import CLEAR_MARGIN, Judgement
from .verify import Result

SHOWN_LABELS = 4


def manifest_lines(manifest: Manifest) -> Iterator[str]:
    """What the manifest says, line by line."""
    clip = manifest.clip
    rows = {
        "name": manifest.name,
        "architecture": manifest.architecture,
        "classes": f"{len(manifest.labels)}: {', '.join(manifest.labels[:SHOWN_LABELS])}, …",
        "clip": f"{clip.frames} frames",
        "picture": f"{clip.resize_width} x {clip.resize_height}, of it the middle {clip.width} x {clip.height}",
        "embedding": f"{manifest.embedding} values" if manifest.embedding else "none",
        "normalisation": f"mean {clip.mean}, std {clip.std}",
        "sampling": sampling_text(manifest),
        "weights": manifest.weights_sha256,
    }
    rows |= {f"ONNX {precision}": f"{entry.file} {entry.sha256}" for precision, entry in manifest.onnx.items()}
    for key, value in rows.items():
        yield f"{key:14} {value}"
    for precision, entry in manifest.onnx.items():
        if entry.calibration is not None and entry.verification is not None:
            yield f"{precision} calibrated with {entry.calibration.clips} clips, {entry.calibration.sha256}"
            yield f"{precision} verified: {entry.verification.model_dump()}"
    for engine in manifest.engines:
        for field, value in engine.model_dump().items():
            yield f"{engine.file} {field}: {value}"


def sampling_text(manifest: Manifest) -> str:
    """In words: which clips, and what decides the label."""
    sampling = manifest.sampling
    rate = f"{sampling.frame_rate:g} frames/s" if sampling.frame_rate else "the video's own frame rate"
    stride = sampling.stride_of(manifest.clip.frames)
    clips = f"a clip every {stride} frames" if sampling.clips is None else f"{sampling.clips} clips spread evenly"
    return f"{rate}, {clips}, tail: {sampling.tail}, label by {sampling.aggregate}, threshold {sampling.threshold:g}"


def verification_table(results: list[Result]) -> Table:
    """A row for each backend, with a mark at what serves; as narrow as a terminal."""
    clips = max((result.measured.clips for result in results if result.measured), default=0)
    table = Table(title=f"{clips} clips")
    for header in ("", "backend", "precision", "difference", "embedding", "top-1", "NaN", ""):
        table.add_column(header, no_wrap=True)
    for result in results:
        got = result.measured
        figures = ("",) * 4
        if got is not None:
            distance = "" if got.max_embedding_distance is None else f"{got.max_embedding_distance:.2e}"
            agreement = f"{got.top1_agreement:.1%}"
            figures = (f"{got.max_abs_difference:.2e}", distance, agreement, str(got.nan_count))
        verdict = "good" if result.problem is None else "BAD" if got else "no run"
        table.add_row("*" if result.served else "", result.backend, result.precision, *figures, verdict)
    return table


def verification_lines(results: list[Result]) -> Iterator[str]:
    """What the table has no room for."""
    for result in results:
        if result.served and result.measured is None:
            yield f"* what the service tries first: {result.backend}; as it does not load, it takes the next"
        elif result.served:
            yield f"* what serves here: {result.backend}, {result.precision}, {result.device}"
        if result.problem is not None:
            yield f"{result.backend} {result.precision}: {result.problem}"


def judgement_table(judgement: Judgement) -> Table:
    """What the int8 network says of the held-out clips, beside the fp32 one."""
    measured = judgement.measured
    table = Table("int8 against fp32", "", title="published" if not judgement.faults else "not published")
    table.add_row("clips held out", str(measured.clips))
    table.add_row("largest difference of a probability", f"{measured.max_abs_difference:.3f}")
    if measured.max_embedding_distance is not None:
        table.add_row("largest distance of an embedding", f"{measured.max_embedding_distance:.1%}")
    table.add_row("same top-1", f"{measured.top1_agreement:.1%}")
    table.add_row(f"of those where fp32 is sure (by {CLEAR_MARGIN:g})", str(judgement.clear_clips))
    table.add_row("another top-1 where fp32 is sure", str(judgement.clear_changes))
    table.add_row("no number", str(measured.nan_count))
    return table


def models_table(models: Sequence[CachedModel]) -> Table:
    """A row for each model of the cache."""
    table = Table("", "architecture", "classes", "networks", "MB")
    for model in models:
        about = ("cannot be read", "", "")
        if model.manifest is not None:
            networks = [*model.manifest.onnx, *(f"{each.runtime} {each.precision}" for each in model.manifest.engines)]
            about = (model.manifest.architecture, str(len(model.manifest.labels)), ", ".join(networks))
        table.add_row(model.directory.name, *about, f"{model.size / 1e6:.1f}")
    return table


def tuning_table(seconds: Mapping[str, float]) -> Table:
    """Ways to run a model, the fastest first."""
    ordered = sorted(seconds.items(), key=lambda item: item[1])
    table = Table("", "ms per clip", "of the fastest")
    for name, each in ordered:
        table.add_row(name, f"{each * 1000:.1f}", f"{each / ordered[0][1]:.2f}")
    return table
