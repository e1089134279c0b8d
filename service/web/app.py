"""The ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ..api.problem import MEDIA_TYPE as PROBLEM
from ..errors import StartupError
from ..inference.backends.protocol import BackendFactory
from ..settings import Settings
from ..telemetry.request_record import CLIENT_LEFT
from . import docs, health, inference_protocol, page, problems, routes
from .api_key import ApiKeyMiddleware
from .cors import CorsMiddleware
from .draining import DrainMiddleware
from .head import HeadMiddleware
from .jobs import routes as jobs
from .keys import Keys
from .lifecycle import Lifecycle
from .ndjson import MEDIA_TYPE as NDJSON
from .openapi import DocumentedApp
from .request_id import RequestIdMiddleware
from .request_log import RequestLogMiddleware, Tracing, record_of

CLIENT_CLOSED_REQUEST = 499  # nginx's, for the log; nobody receives it


def _tracing(settings: Settings) -> Callable[[], Tracing] | None:
    """What starts tracing, if the settings ask for it. Raises StartupError when it is not installed."""
    if not settings.tracing:
        return None
    try:
        from ..telemetry.tracing import OpenTelemetry
    except ImportError as error:
        raise StartupError(f"R3D_TRACING needs the package's extra `tracing`: {error}") from error
    return OpenTelemetry


def create_app(settings: Settings, backend: BackendFactory | None = None) -> FastAPI:
    """The service. Its lifespan owns every thread and process; `app.state.lifecycle` is there while it runs.

    `backend` takes the place of the one the settings would choose; it is called in the thread that uses it. Raises
    StartupError when the settings ask for tracing and it is not installed, and for a bad file of keys.
    """
    start_tracing = _tracing(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        lifecycle: Lifecycle = app.state.lifecycle
        tracing = app.state.tracing = start_tracing() if start_tracing else None
        lifecycle.start()
        try:
            yield
        finally:
            await lifecycle.close()
            if tracing is not None:
                await asyncio.to_thread(tracing.close)

    app = DocumentedApp(
        lifespan=lifespan,
        # FastAPI's own pages load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        # Starlette makes the address of a redirect from the client's `Host`.
        redirect_slashes=False,
    )
    app.state.lifecycle = Lifecycle(settings, backend)
    app.state.tracing = None
    for router in (routes.router, jobs.router, health.router, inference_protocol.router):
        app.include_router(router)
    app.add_api_route("/", page.page, include_in_schema=False)
    app.add_api_route("/docs", docs.page, include_in_schema=False)
    app.mount("/static", page.Files(page.STATIC))
    app.mount("/swagger", page.Files(docs.SWAGGER))
    _add_middleware(app, settings)
    problems.install(app)
    app.add_exception_handler(ClientDisconnect, _client_left)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """The last added is the outermost."""
    # Problems are short, and whole with the bytes that their length says: see `LastAnswer`.
    app.add_middleware(GZipMiddleware, exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, NDJSON, PROBLEM))
    app.add_middleware(HeadMiddleware)
    if settings.api_key is not None or settings.api_keys_file is not None:
        key = settings.api_key.get_secret_value() if settings.api_key is not None else None
        app.add_middleware(ApiKeyMiddleware, Keys(key, settings.api_keys_file))
    if settings.cors_origins:
        app.add_middleware(CorsMiddleware, settings.cors_origins)
    app.add_middleware(DrainMiddleware, lambda: app.state.lifecycle.leaving)
    app.add_middleware(RequestLogMiddleware, app.state.lifecycle.metrics, lambda: app.state.tracing)
    app.add_middleware(RequestIdMiddleware)


async def _client_left(request: Request, error: Exception) -> Response:
    record_of(request).outcome = CLIENT_LEFT
    return Response(status_code=CLIENT_CLOSED_REQUEST)
