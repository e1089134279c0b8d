"""FastAPI and ONNX Runtime, by a careful user: `python -m benchmarks.servers.fastapi_onnxruntime PORT`.

On CUDA where the package has it; up to eight clips of a video at a time.
"""

import os
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, File, HTTPException, UploadFile

from .video import Clip, NotAVideoError, clips, saved

BATCH = 8
# Or CUDA would try every algorithm again for each new number of clips.
PROVIDERS = {"CUDAExecutionProvider": {"cudnn_conv_algo_search": "HEURISTIC"}, "CPUExecutionProvider": {}}


def batches(source: Iterator[Clip]) -> Iterator[Clip]:
    """Clips put together as they come."""
    while batch := list(islice(source, BATCH)):
        yield np.concatenate(batch)


def create_app() -> FastAPI:
    """One route."""
    providers = [each for each in PROVIDERS.items() if each[0] in onnxruntime.get_available_providers()]
    app, session = FastAPI(), onnxruntime.InferenceSession(os.environ["PEER_NETWORK"], providers=providers)

    @app.post("/classify")
    def classify(file: Annotated[UploadFile, File()]) -> dict[str, object]:
        with saved(file.file) as video:
            try:
                found = [session.run(None, {"frames": batch})[0] for batch in batches(clips(video))]
            except NotAVideoError as error:
                raise HTTPException(422) from error
        return {"clips": np.concatenate(found).tolist()}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(), port=int(sys.argv[1]), log_level="warning")
