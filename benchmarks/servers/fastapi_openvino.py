"""FastAPI and OpenVINO, by a careful user: `python -m benchmarks.servers.fastapi_openvino PORT`.

A `def` endpoint, so FastAPI decodes in its thread pool; four infer requests for all.
"""

import sys
from typing import Annotated

import uvicorn
from fastapi import FastAPI, File, HTTPException, UploadFile

from .network import Network
from .video import NotAVideoError, saved


def create_app() -> FastAPI:
    """One route."""
    app, network = FastAPI(), Network()

    @app.post("/classify")
    def classify(file: Annotated[UploadFile, File()]) -> dict[str, object]:
        with saved(file.file) as video:
            try:
                return network.classify(video)
            except NotAVideoError as error:
                raise HTTPException(422) from error

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(), port=int(sys.argv[1]), log_level="warning")
