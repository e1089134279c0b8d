"""The same app on a Ray cluster (the `ray` extra): `serve deploy deploy/ray.yaml`.

Replicas are added and removed with the number of requests in progress. `R3D_...` settings are taken from the
environment of `serve run`, or from `runtime_env` of a configuration.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from ray import serve
from ray.serve import Application

from ..classification.scheduling import max_requests
from ..environment import settings_from_environment
from ..web.app import create_app
from ..web.lifecycle import Lifecycle, State
from .environment import environment


class Arguments(BaseModel):
    """Arguments of `serve run`, `name=value`, and `args` of a configuration."""

    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(default=4, ge=1)
    num_cpus: float = Field(default=2, gt=0, description="CPUs of a replica; its decoders and threads follow from them")
    num_gpus: float = Field(default=0, ge=0, description="GPUs per replica, or a share of one")
    target_requests: float = Field(default=4, gt=0, description="requests in progress that a replica is meant to have")


def loaded_app() -> FastAPI:
    """The app, started only once its model is loaded: Ray sends a replica requests from then on."""
    app = create_app(settings_from_environment())
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: FastAPI) -> AsyncIterator[Any]:
        async with inner(started) as state:
            await started.state.lifecycle.wait_until_loaded()
            yield state

    app.router.lifespan_context = lifespan
    return app


class Replica:
    """One copy of the service. Ray puts the app into it."""

    app: FastAPI

    async def check_health(self) -> None:
        """Ray replaces a replica whose backend has failed for good."""
        lifecycle: Lifecycle = self.app.state.lifecycle
        if lifecycle.state is State.FAILED:
            raise RuntimeError(lifecycle.reason)


def app(arguments: Arguments) -> Application:
    """What is deployed."""
    settings = settings_from_environment()
    deployment = serve.deployment(
        name="r3d",
        max_ongoing_requests=max_requests(settings.queue_clips),
        graceful_shutdown_timeout_s=settings.drain_seconds + 10,
        health_check_period_s=2,
        autoscaling_config={
            "min_replicas": arguments.min_replicas,
            "max_replicas": max(arguments.min_replicas, arguments.max_replicas),
            "target_ongoing_requests": arguments.target_requests,
        },
        ray_actor_options={
            "num_cpus": arguments.num_cpus,
            "num_gpus": arguments.num_gpus,
            "runtime_env": {"env_vars": environment(arguments.num_cpus)},
        },
    )
    bound: Application = deployment(serve.ingress(loaded_app)(Replica)).bind()
    return bound
