"""The HTTP interface."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from ..api.answers import classify_answer, clip_labels, model_answer
from ..api.formats import TEXTS
from ..api.schemas import (
    FILE_FIELD,
    AliveAnswer,
    ClassifyAnswer,
    ClipEvent,
    ErrorEvent,
    HealthAnswer,
    LabelsAnswer,
    ResultEvent,
)
from ..classification.pipeline import OnClip
from ..classification.results import ClipResult
from ..errors import NotReadyError, ParameterError, UnauthorizedError
from ..telemetry.metrics import CONTENT_TYPE
from .classify import classify_upload
from .lifecycle import Lifecycle, State
from .ndjson import MEDIA_TYPE as NDJSON
from .ndjson import LiveAnswer
from .negotiation import wanted_format
from .parameters import ClassifyParameters, Format
from .problems import CLASSIFY_ERRORS, documented

# The key is asked for in `api_key`; this only tells OpenAPI of it.
Key = Security(HTTPBearer(auto_error=False, description="the service's API key, if it has one"))

router = APIRouter()

UPLOAD_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FILE_FIELD],
                    "properties": {FILE_FIELD: {"type": "string", "format": "binary", "description": "the video"}},
                }
            }
        },
    }
}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """A model's schema with references to the document's own components, where the answer's parts are."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {key: value for key, value in schema.items() if key != "$defs"}


# Of a live answer, each line is one of these.
EVENTS = {"oneOf": [schema_of(event) for event in (ClipEvent, ResultEvent, ErrorEvent)]}
FORMATS = {media_type: {"schema": {"type": "string"}} for media_type, _ in TEXTS.values()}
LIVE: dict[int | str, dict[str, Any]] = {200: {"content": {NDJSON: {"schema": EVENTS}, **FORMATS}}}
METRICS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


def lifecycle_of(request: Request) -> Lifecycle:
    """The app's lifecycle."""
    lifecycle: Lifecycle = request.app.state.lifecycle
    return lifecycle


@router.post(
    "/classify",
    response_model=ClassifyAnswer,
    openapi_extra=UPLOAD_SCHEMA,
    responses=LIVE | documented(*CLASSIFY_ERRORS),
    dependencies=[Key],
)
async def classify(request: Request, parameters: Annotated[ClassifyParameters, Query()]) -> Any:
    """Classify a video: every clip's probabilities, and the label most clips vote for.

    With `Accept: application/x-ndjson`, a line for each clip as soon as it is known, then one for the result. Also CSV
    (a line per clip), WebVTT and SubRip (a cue per segment). With `embedding=true` each clip has its features.
    """
    lifecycle = lifecycle_of(request)
    manifest, description = lifecycle.classifier.manifest, lifecycle.classifier.description
    query, top_k = parameters.query, parameters.top_k
    wanted = parameters.format or wanted_format(request.headers.getlist("Accept"))
    if top_k > len(manifest.labels) and "top_k" in parameters.model_fields_set:
        raise ParameterError(f"top_k: the model has {len(manifest.labels)} classes")
    if query.embedding and not _tells_clips(wanted, parameters.view):
        raise ParameterError("embedding: it is told with each clip, in JSON or NDJSON; this answer has no place for it")
    query.check(manifest)

    async def work(on_clip: OnClip | None = None) -> ClassifyAnswer:
        answered = await classify_upload(request, lifecycle, query, on_clip)
        return classify_answer(answered.done, manifest, description, top_k, answered.upload_seconds)

    async def live(on_clip: OnClip) -> ResultEvent:
        answer = await work(on_clip)
        return ResultEvent(**dict(answer) | ({"clips": []} if parameters.view == "segments" else {}))

    def describe(result: ClipResult) -> ClipEvent:
        return ClipEvent(**dict(clip_labels(result, manifest.labels, top_k)))

    if wanted == "ndjson":
        return LiveAnswer(request, live, describe)
    return written(await work(), wanted, parameters.view)


def _tells_clips(wanted: Format, view: str) -> bool:
    """Whether an answer has its clips as objects. Of a live one, each clip's own line has."""
    return wanted == "ndjson" or (wanted == "json" and view == "all")


def written(answer: ClassifyAnswer, wanted: Format, view: str) -> Response:
    """An answer in a format, without its clips where only the segments are looked at."""
    if wanted in TEXTS:
        media_type, write = TEXTS[wanted]
        return Response(write(answer), media_type=media_type)
    left_out = {"clips"} if view == "segments" else set()
    return Response(answer.model_dump_json(exclude=left_out), media_type="application/json")


@router.get("/health", responses={503: {"model": HealthAnswer, "description": "Not ready"}})
async def health(request: Request) -> Response:
    """Whether the service accepts requests."""
    lifecycle = lifecycle_of(request)
    loaded = lifecycle.loaded
    status, reason = lifecycle.health
    answer = HealthAnswer(
        status=status,
        reason=reason,
        model=model_answer(loaded.manifest, loaded.description) if loaded else None,
        backend_reason=loaded.backend_reason if loaded else None,
        sandbox=dict(loaded.sandbox) if loaded else None,
    )
    return JSONResponse(answer.model_dump(), 200 if lifecycle.state is State.READY else 503)


@router.get("/health/live")
async def live() -> AliveAnswer:
    """Whether the process answers at all."""
    return AliveAnswer()


@router.get("/labels", responses=documented(NotReadyError, UnauthorizedError), dependencies=[Key])
async def labels(request: Request) -> LabelsAnswer:
    """The model's labels."""
    lifecycle = lifecycle_of(request)
    if lifecycle.loaded is None:
        raise NotReadyError(lifecycle.reason)
    return LabelsAnswer(labels=list(lifecycle.loaded.manifest.labels))


@router.get("/metrics", response_class=Response, responses=METRICS | documented(UnauthorizedError), dependencies=[Key])
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus."""
    return Response(lifecycle_of(request).metrics.text(), media_type=CONTENT_TYPE)
