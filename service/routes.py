"""The HTTP interface."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Security
from fastapi.security import HTTPBearer
from starlette.responses import JSONResponse, Response

from .answers import classify_answer, clip_labels, model_answer
from .classifying import classify_upload
from .errors import NotReadyError, ParameterError, UnauthorizedError
from .live_answer import MEDIA_TYPE as NDJSON
from .live_answer import LiveAnswer, OnClip, wants_live_answer
from .metrics import CONTENT_TYPE
from .multipart import FILE_FIELD
from .pipeline import ClipResult
from .problems import CLASSIFY_ERRORS, documented
from .runtime import Runtime, State
from .schemas import AliveAnswer, ClassifyAnswer, ClipEvent, ErrorEvent, HealthAnswer, LabelsAnswer, ResultEvent

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

# Of a live answer, each line is one of these.
EVENTS = {"oneOf": [event.model_json_schema() for event in (ClipEvent, ResultEvent, ErrorEvent)]}
LIVE: dict[int | str, dict[str, Any]] = {200: {"content": {NDJSON: {"schema": EVENTS}}}}
METRICS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}

TopK = Annotated[int, Query(ge=1, description="labels listed a clip, at most as many as there are classes")]
FrameRate = Annotated[
    float | None, Query(gt=0, le=1000, description="resample to this many frames a second before cutting clips")
]


def runtime_of(request: Request) -> Runtime:
    """The app's runtime."""
    runtime: Runtime = request.app.state.runtime
    return runtime


@router.post(
    "/classify",
    response_model=ClassifyAnswer,
    openapi_extra=UPLOAD_SCHEMA,
    responses=LIVE | documented(*CLASSIFY_ERRORS),
    dependencies=[Key],
)
async def classify(request: Request, top_k: TopK = 5, frame_rate: FrameRate = None) -> Any:
    """Classify a video: every clip's probabilities, and the label most clips vote for.

    With `Accept: application/x-ndjson`, a line for each clip as soon as it is known, then one for the result.
    """
    runtime = runtime_of(request)
    manifest, description = runtime.manifest, runtime.description
    if top_k > len(manifest.labels) and "top_k" in request.query_params:
        raise ParameterError(f"top_k: the model has {len(manifest.labels)} classes")

    async def work(on_clip: OnClip | None = None) -> ClassifyAnswer:
        answered = await classify_upload(request, runtime, frame_rate, on_clip)
        return classify_answer(answered.done, manifest, description, top_k, answered.upload_seconds)

    async def live(on_clip: OnClip) -> ResultEvent:
        return ResultEvent(**dict(await work(on_clip)))

    def describe(result: ClipResult) -> ClipEvent:
        return ClipEvent(**dict(clip_labels(result, manifest.labels, top_k)))

    if wants_live_answer(request.headers.get("Accept", "")):
        return LiveAnswer(request, live, describe)
    return await work()


@router.get("/health", responses={503: {"model": HealthAnswer, "description": "Not ready"}})
async def health(request: Request) -> Response:
    """Whether the service takes requests."""
    runtime = runtime_of(request)
    model = model_answer(runtime.manifest, runtime.description) if runtime.is_loaded else None
    answer = HealthAnswer(
        status=runtime.state.value, reason=runtime.reason, model=model, backend_reason=runtime.backend_reason
    )
    return JSONResponse(answer.model_dump(), 200 if runtime.state is State.READY else 503)


@router.get("/health/live")
async def live() -> AliveAnswer:
    """Whether the process answers at all."""
    return AliveAnswer()


@router.get("/labels", responses=documented(NotReadyError, UnauthorizedError), dependencies=[Key])
async def labels(request: Request) -> LabelsAnswer:
    """The model's labels."""
    return LabelsAnswer(labels=list(runtime_of(request).manifest.labels))


@router.get("/metrics", response_class=Response, responses=METRICS | documented(UnauthorizedError), dependencies=[Key])
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus."""
    return Response(runtime_of(request).metrics.text(), media_type=CONTENT_TYPE)
