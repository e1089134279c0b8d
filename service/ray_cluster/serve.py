"""The same app on a Ray cluster (the `ray` extra): `serve run service.ray_cluster.serve:app min_replicas=2`.

Replicas are added and removed with the number of requests in progress. `R3D_...` settings are taken from the
environment of `serve run`.
"""

import math
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from ray import serve
from ray.serve import Application

from ..classification.scheduling import max_requests
from ..settings import settings_from_environment
from ..web.app import create_app
from ..web.lifecycle import Lifecycle, State


class Arguments(BaseModel):
    """Arguments of `serve run`, `name=value`."""

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


def environment(arguments: Arguments) -> dict[str, str]:
    """The settings of a replica: what is set here, and as many decoders and threads as it has CPUs.

    Replicas on several machines know of each other's jobs only by a database that somebody named.
    """
    cpus = str(math.ceil(arguments.num_cpus))
    given = {name: value for name, value in os.environ.items() if name.startswith("R3D_")}
    return {"R3D_DECODE_WORKERS": cpus, "R3D_CPU_THREADS": cpus, "R3D_JOBS": "off"} | given


def app(arguments: Arguments) -> Application:
    """What `serve run` deploys."""
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
            "runtime_env": {"env_vars": environment(arguments)},
        },
    )
    bound: Application = deployment(serve.ingress(loaded_app)(Replica)).bind()
    return bound
