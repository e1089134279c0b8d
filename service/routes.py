"""The HTTP interface."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from .answers import classify_answer, model_answer
from .errors import DeadlineError, NotReadyError, ParameterError
from .multipart import FILE_FIELD
from .problems import CLASSIFY_ERRORS, documented
from .runtime import Runtime, State
from .schemas import ClassifyAnswer, HealthAnswer, LabelsAnswer, LiveAnswer
from .upload import receive

T = TypeVar("T")

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

TopK = Annotated[int, Query(ge=1, description="labels listed a clip, at most as many as there are classes")]
FrameRate = Annotated[
    float | None, Query(gt=0, le=1000, description="resample to this many frames a second before cutting clips")
]


def runtime_of(request: Request) -> Runtime:
    """The app's runtime."""
    runtime: Runtime = request.app.state.runtime
    return runtime


@router.post("/classify", openapi_extra=UPLOAD_SCHEMA, responses=documented(*CLASSIFY_ERRORS))
async def classify(request: Request, top_k: TopK = 5, frame_rate: FrameRate = None) -> ClassifyAnswer:
    """Classify a video: every clip's probabilities, and the label most clips vote for."""
    runtime = runtime_of(request)
    pipeline = runtime.pipeline
    manifest, description = runtime.manifest, runtime.description
    if top_k > len(manifest.labels) and "top_k" in request.query_params:
        raise ParameterError(f"top_k: the model has {len(manifest.labels)} classes")
    started = time.monotonic()
    with runtime.admission.enter():
        async with receive(request, runtime.spool, runtime.settings) as upload:
            uploaded = time.monotonic() - started
            done = await guarded(request, runtime, pipeline.classify(upload.path, frame_rate))
    return classify_answer(done, manifest, description, top_k, uploaded)


async def guarded(request: Request, runtime: Runtime, work: Coroutine[Any, Any, T]) -> T:
    """`work`'s result, unless the client leaves, the deadline passes or the server gives up first.

    Raises ClientDisconnect, DeadlineError or NotReadyError then; `work` is cancelled and has ended.
    """
    seconds = runtime.settings.request_timeout_seconds
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(_disconnected(request))
    aborted = asyncio.create_task(runtime.aborted.wait())
    try:
        await asyncio.wait({task, gone, aborted}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ClientDisconnect
        if aborted.done():
            raise NotReadyError("the server is shutting down")
        raise DeadlineError(f"not done within {seconds:g} s")
    finally:
        for each in (task, gone, aborted):
            each.cancel()
        await asyncio.wait({task, gone, aborted})


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


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
async def live() -> LiveAnswer:
    """Whether the process answers at all."""
    return LiveAnswer()


@router.get("/labels", responses=documented(NotReadyError))
async def labels(request: Request) -> LabelsAnswer:
    """The model's labels."""
    return LabelsAnswer(labels=list(runtime_of(request).manifest.labels))
