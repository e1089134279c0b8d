"""The ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from . import __version__, page, problems, routes
from .account import CLIENT_LEFT, account_of
from .api_key import ApiKeyMiddleware
from .backends.protocol import BackendFactory
from .errors import StartupError
from .request_id import RequestIdMiddleware
from .request_log import RequestLogMiddleware, Tracing
from .runtime import Runtime
from .settings import Settings

CLIENT_CLOSED_REQUEST = 499  # nginx's, for the log; nobody receives it


def _tracing(settings: Settings) -> Callable[[], Tracing] | None:
    """What starts tracing, if the settings ask for it. Raises StartupError when it is not installed."""
    if not settings.tracing:
        return None
    try:
        from .tracing import OpenTelemetry
    except ImportError as error:
        raise StartupError(f"R3D_TRACING needs the package's extra `tracing`: {error}") from error
    return OpenTelemetry


def create_app(settings: Settings, backend: BackendFactory | None = None) -> FastAPI:
    """The service. Its lifespan owns every thread and process; `app.state.runtime` is there while it runs.

    `backend` takes the place of the one the settings would choose; it is called in the thread that uses it. Raises
    StartupError when the settings ask for tracing and it is not installed.
    """
    start_tracing = _tracing(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        runtime: Runtime = app.state.runtime
        tracing = app.state.tracing = start_tracing() if start_tracing else None
        runtime.start()
        try:
            yield
        finally:
            await runtime.close()
            if tracing is not None:
                await asyncio.to_thread(tracing.close)

    app = FastAPI(
        title="r3d",
        summary="Names the action in a video, clip by clip",
        version=__version__,
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.runtime = Runtime(settings, backend)
    app.state.tracing = None
    app.include_router(routes.router)
    app.add_api_route("/", page.page, include_in_schema=False)
    app.mount("/static", page.Files())
    # The last added is the outermost.
    if settings.api_key is not None:
        app.add_middleware(ApiKeyMiddleware, settings.api_key.get_secret_value())
    app.add_middleware(RequestLogMiddleware, app.state.runtime.metrics, lambda: app.state.tracing)
    app.add_middleware(RequestIdMiddleware)
    problems.install(app)

    @app.exception_handler(ClientDisconnect)
    async def client_left(request: Request, error: ClientDisconnect) -> Response:
        account_of(request).outcome = CLIENT_LEFT
        return Response(status_code=CLIENT_CLOSED_REQUEST)

    return app
