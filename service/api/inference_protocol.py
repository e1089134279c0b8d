"""Answers of the Open Inference Protocol, version 2: of the server and its model, without inference.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from typing import Literal

from pydantic import BaseModel, Field

from engine_builder.manifest import Manifest

from ..inference.backends.protocol import Description


class ServerMetadata(BaseModel):
    """The server."""

    name: Literal["r3d"] = "r3d"
    version: str
    extensions: list[str] = []


class ServerLive(BaseModel):
    """Whether the server answers."""

    live: bool


class ServerReady(BaseModel):
    """Whether the server accepts requests."""

    ready: bool


class ModelReady(BaseModel):
    """Whether the model answers requests."""

    name: str
    ready: bool


class TensorMetadata(BaseModel):
    """A tensor of the network."""

    name: str
    datatype: Literal["UINT8", "FP32"]
    shape: list[int] = Field(description="-1: any number")


class ModelMetadata(BaseModel):
    """The model: what goes into its network, clips, and what comes out, their classes' probabilities."""

    name: str
    versions: list[str] = Field(description="the SHA-256 of its weights")
    platform: str = Field(description="what runs it")
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


def model_metadata(manifest: Manifest, description: Description) -> ModelMetadata:
    """The loaded model."""
    return ModelMetadata(
        name=manifest.name,
        versions=[manifest.weights_sha256],
        platform=description.backend,
        inputs=[TensorMetadata(name="frames", datatype="UINT8", shape=[-1, *manifest.clip.shape])],
        outputs=[TensorMetadata(name="probabilities", datatype="FP32", shape=[-1, len(manifest.labels)])],
    )
