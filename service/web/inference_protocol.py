"""What tooling for the Open Inference Protocol asks of a server: who it is, whether it is ready, what its model is.

There is no `infer`: it takes tensors, and this service takes videos.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from .. import __version__
from ..api.inference_protocol import (
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
    model_metadata,
)
from ..api.problem import MEDIA_TYPE
from ..api.schemas import Problem
from ..classification.classifier import Classifier
from ..errors import NotReadyError, UnauthorizedError
from .key import Key
from .lifecycle import State, lifecycle_of
from .responses import Responses, documented, ref

router = APIRouter(prefix="/v2", tags=["open inference protocol"])

Name = Annotated[str, Path(description="as `/health` tells it", examples=["camera-motion"])]

NOT_READY = 503
NO_SUCH_MODEL: Responses = {
    404: {"description": "No such model", "content": {MEDIA_TYPE: {"schema": {"$ref": ref(Problem)}}}}
}


@router.get("", dependencies=[Key], responses=documented(UnauthorizedError))
async def server_metadata() -> ServerMetadata:
    """The server."""
    return ServerMetadata(version=__version__)


@router.get("/health/live")
async def server_live() -> ServerLive:
    """Whether the process answers at all."""
    return ServerLive(live=True)


@router.get("/health/ready", response_model=ServerReady, responses={NOT_READY: {"model": ServerReady}})
async def server_ready(request: Request) -> Response:
    """Whether the service accepts requests."""
    ready = lifecycle_of(request).state is State.READY
    return JSONResponse(ServerReady(ready=ready).model_dump(), 200 if ready else NOT_READY)


@router.get(
    "/models/{name}", dependencies=[Key], responses=documented(UnauthorizedError, NotReadyError) | NO_SUCH_MODEL
)
async def model(request: Request, name: Name) -> ModelMetadata:
    """The model, by the name that `/health` tells."""
    loaded = _loaded(request, name)
    return model_metadata(loaded.manifest, loaded.description)


@router.get(
    "/models/{name}/ready", dependencies=[Key], responses=documented(UnauthorizedError, NotReadyError) | NO_SUCH_MODEL
)
async def model_ready(request: Request, name: Name) -> ModelReady:
    """Whether the model answers requests."""
    loaded = _loaded(request, name)
    return ModelReady(name=name, ready=loaded is lifecycle_of(request).classifier)


def _loaded(request: Request, name: str) -> Classifier:
    """Raises NotReadyError before there is a model, and HTTPException for another's name."""
    lifecycle = lifecycle_of(request)
    if lifecycle.loaded is None:
        raise lifecycle.refusal()
    if name != lifecycle.loaded.manifest.name:
        raise HTTPException(404, f"the model is {lifecycle.loaded.manifest.name!r}")
    return lifecycle.loaded
