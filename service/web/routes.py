"""The classification over HTTP, and its labels."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ..api.answers import classify_answer, clip_labels
from ..api.formats import TEXTS
from ..api.schemas import DEFAULT_TOP_K, ClassifyAnswer, ClipEvent, LabelsAnswer, ResultEvent, TimingAnswer
from ..classification.pipeline import OnClip
from ..classification.results import ClipResult
from ..errors import NotReadyError, ParameterError, UnauthorizedError
from ..jobs.job import Asked
from .classify import classify_upload
from .jobs.prefer import prefers_job
from .jobs.submit import submit
from .key import Key
from .lifecycle import lifecycle_of
from .ndjson import LiveAnswer
from .negotiation import wanted_format
from .parameters import ClassifyParameters, Format
from .responses import CLASSIFY_ERRORS, JOB_HEADERS, UPLOAD, accepted, answers, documented

router = APIRouter(tags=["classification"])


@router.post("/classify", include_in_schema=False)
@router.post(
    "/v1/classify",
    response_model=ClassifyAnswer,
    openapi_extra=UPLOAD | JOB_HEADERS,
    responses=answers() | accepted() | documented(*CLASSIFY_ERRORS),
    dependencies=[Key],
)
async def classify(request: Request, parameters: Annotated[ClassifyParameters, Query()]) -> Any:
    """Classify a video: every clip's probabilities, and the label most clips vote for. `/classify` is the same.

    With `Accept: application/x-ndjson`, a line for each clip as soon as it is known, then one for the result. Also CSV
    (a line per clip), WebVTT and SubRip (a cue per segment). With `embedding=true` each clip has its features.

    With `Prefer: respond-async` the answer is a job, as soon as the video is there: see `GET /v1/jobs/{job_id}`.
    """
    lifecycle = lifecycle_of(request)
    manifest, description = lifecycle.classifier.manifest, lifecycle.classifier.description
    query, top_k = parameters.query, parameters.top_k or DEFAULT_TOP_K
    wanted = parameters.format or wanted_format(request.headers.getlist("Accept"))
    if top_k > len(manifest.labels) and "top_k" in parameters.model_fields_set:
        raise ParameterError(f"top_k: the model has {len(manifest.labels)} classes")
    if query.embedding and not _tells_clips(wanted, parameters.view):
        raise ParameterError("embedding: it is told with each clip, in JSON or NDJSON; this answer has no place for it")
    query.check(manifest)
    if prefers_job(request.headers.getlist("Prefer")) and lifecycle.jobs is not None:
        return await submit(request, lifecycle, lifecycle.jobs, Asked(query, top_k), parameters.webhook)
    if parameters.webhook is not None:
        raise ParameterError("webhook: only jobs have one; send `Prefer: respond-async`")

    async def work(on_clip: OnClip | None = None) -> ClassifyAnswer:
        answered = await classify_upload(request, lifecycle, query, on_clip)
        return classify_answer(answered.done, manifest, description, top_k, answered.upload_seconds)

    async def live(on_clip: OnClip) -> ResultEvent:
        answer = await work(on_clip)
        return ResultEvent(**dict(answer) | ({"clips": []} if parameters.view == "segments" else {}))

    def describe(result: ClipResult) -> ClipEvent:
        return ClipEvent(**dict(clip_labels(result, manifest.labels, top_k)), progress=result.progress)

    if wanted == "ndjson":
        return LiveAnswer(request, live, describe)
    return written(await work(), wanted, parameters.view)


def _tells_clips(wanted: Format, view: str) -> bool:
    """Whether an answer has its clips as objects. Of a live one, each clip's own line has."""
    return wanted == "ndjson" or (wanted == "json" and view == "all")


def written(answer: ClassifyAnswer, wanted: Format, view: str) -> Response:
    """An answer in a format, without its clips where only the segments are looked at."""
    headers = {"Server-Timing": server_timing(answer.timing)}
    if wanted in TEXTS:
        media_type, write = TEXTS[wanted]
        return Response(write(answer), headers=headers, media_type=media_type)
    shown = answer.model_copy(update={"clips": []}) if view == "segments" else answer
    return Response(shown.model_dump_json(), headers=headers, media_type="application/json")


def server_timing(timing: TimingAnswer) -> str:
    """The header of that name (W3C): milliseconds by stage."""
    stages = timing.model_dump(exclude={"decoder"})
    return ", ".join(f"{name.removesuffix('_ms')};dur={milliseconds:.1f}" for name, milliseconds in stages.items())


@router.get("/labels", responses=documented(NotReadyError, UnauthorizedError), dependencies=[Key])
async def labels(request: Request) -> LabelsAnswer:
    """The model's labels."""
    lifecycle = lifecycle_of(request)
    if lifecycle.loaded is None:
        raise lifecycle.refusal()
    return LabelsAnswer(labels=list(lifecycle.loaded.manifest.labels))
