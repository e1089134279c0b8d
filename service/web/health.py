"""What supervisors and monitoring ask."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from ..api.answers import model_answer
from ..api.schemas import AliveAnswer, HealthAnswer
from ..errors import UnauthorizedError
from ..telemetry.metrics import CONTENT_TYPE
from .key import Key
from .lifecycle import State, lifecycle_of
from .responses import documented, text

router = APIRouter(tags=["health"])


@router.get("/health", response_model=HealthAnswer, responses={503: {"model": HealthAnswer}})
async def health(request: Request) -> Response:
    """Whether the service accepts requests."""
    lifecycle = lifecycle_of(request)
    loaded = lifecycle.loaded
    status, reason = lifecycle.health
    nvdec, nvdec_reason = loaded.nvdec if loaded else (None, None)
    answer = HealthAnswer(
        status=status,
        reason=reason,
        model=model_answer(loaded.manifest, loaded.description) if loaded else None,
        backend_reason=loaded.backend_reason if loaded else None,
        sandbox=dict(loaded.sandbox) if loaded else None,
        nvdec=nvdec,
        nvdec_reason=nvdec_reason,
        jobs=lifecycle.jobs is not None if loaded else None,
    )
    return JSONResponse(answer.model_dump(), 200 if lifecycle.state is State.READY else 503)


@router.get("/health/live")
async def live() -> AliveAnswer:
    """Whether the process answers at all."""
    return AliveAnswer()


@router.get(
    "/metrics",
    response_class=Response,
    responses=text("All metrics") | documented(UnauthorizedError),
    dependencies=[Key],
)
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus."""
    return Response(lifecycle_of(request).metrics.text(), media_type=CONTENT_TYPE)
