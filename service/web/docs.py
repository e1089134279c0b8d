"""`GET /docs`: Swagger UI over the service's OpenAPI, from files that are installed with it.

They are those of the package fastapi-swagger (MIT), which has nothing of its own in them: Swagger UI is by SmartBear
Software, under the Apache License 2.0.
"""

from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from .page import HEADERS, STATIC

SWAGGER = Path(str(files("fastapi_swagger"))) / "resources"


async def page(_: Request) -> Response:
    """The page; its addresses are relative, as a proxy may serve it below a path."""
    return FileResponse(STATIC / "docs.html", headers=HEADERS)
