"""The ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from . import __version__, problems, routes
from .backends.protocol import BackendFactory
from .request_id import RequestIdMiddleware
from .runtime import Runtime
from .settings import Settings

CLIENT_CLOSED_REQUEST = 499  # nginx's, for the log; nobody receives it


def create_app(settings: Settings, backend: BackendFactory | None = None) -> FastAPI:
    """The service. Its lifespan owns every thread and process; `app.state.runtime` is there while it runs.

    `backend` takes the place of the one the settings would choose; it is called in the thread that uses it.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        runtime: Runtime = app.state.runtime
        runtime.start()
        try:
            yield
        finally:
            await runtime.close()

    app = FastAPI(
        title="r3d",
        summary="Names the action in a video, clip by clip",
        version=__version__,
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.runtime = Runtime(settings, backend)
    app.include_router(routes.router)
    app.add_middleware(RequestIdMiddleware)
    problems.install(app)

    @app.exception_handler(ClientDisconnect)
    async def client_left(_: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_CLOSED_REQUEST)

    return app
