"""The OpenAPI document, beyond what FastAPI finds in the routes; what those say is in `responses`."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .. import __version__
from ..api.jobs import JobAnswer, JobCall, JobEvent
from ..api.schemas import Problem
from .responses import EVENTS, SCHEMAS

DESCRIPTION = """\
Errors are problems (RFC 9457): `application/problem+json` with a `type` that begins `urn:r3d:problem:`. With an API
key set, everything but the health asks for it as a bearer token. Every answer has an `X-Request-ID`: the request's own
or a new one.
"""
TAGS = [
    {"name": "classification", "description": "Videos in, labels out."},
    {"name": "jobs", "description": "Long videos, without a connection to hold."},
    {"name": "health", "description": "For supervisors and monitoring."},
    {"name": "open inference protocol", "description": "The part of it that tells of the server and its model."},
]
LICENCE = {"name": "MIT", "identifier": "MIT"}
# No route answers with these alone, so FastAPI does not find them.
OWN_SCHEMAS: tuple[type[BaseModel], ...] = (Problem, JobAnswer, JobCall, JobEvent, *EVENTS.values())


def operation_id(route: APIRoute) -> str:
    """A short one: the name of the route's function."""
    return route.name


class DocumentedApp(FastAPI):
    """FastAPI with the schemas that no route answers with alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            title="r3d",
            summary="Names the action in a video, clip by clip",
            description=DESCRIPTION,
            version=__version__,
            openapi_tags=TAGS,
            license_info=LICENCE,
            generate_unique_id_function=operation_id,
            **options,
        )

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            _, own = models_json_schema([(model, "serialization") for model in OWN_SCHEMAS], ref_template=SCHEMAS)
            schemas = document["components"]["schemas"]
            document["components"]["schemas"] = dict(sorted((own["$defs"] | schemas).items()))
            _remove_fastapis_own_error(document)
        return super().openapi()


def _remove_fastapis_own_error(document: dict[str, Any]) -> None:
    """FastAPI documents its form of a bad parameter wherever there are any; this service never answers so."""
    for item in document["paths"].values():
        for operation in item.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
