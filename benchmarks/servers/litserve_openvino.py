"""LitServe and OpenVINO: `python -m benchmarks.servers.litserve_openvino PORT`.

A worker is a process with a network of its own and has one request at a time; its batching gains nothing on a CPU.
"""

import sys
from typing import IO

import litserve as ls
from fastapi import HTTPException, Request

from .network import CPUS, Network
from .video import NotAVideoError, saved


class Classifier(ls.LitAPI):
    """One video at a time."""

    def setup(self, device: str) -> None:
        """In each worker."""
        self.network = Network()

    def decode_request(self, request: Request) -> IO[bytes]:
        """The file of the form."""
        upload: IO[bytes] = request["file"].file
        return upload

    def predict(self, upload: IO[bytes]) -> dict[str, object]:
        """Probabilities of every clip."""
        with saved(upload) as video:
            try:
                return self.network.classify(video)
            except NotAVideoError as error:
                raise HTTPException(422) from error

    def encode_response(self, output: dict[str, object]) -> dict[str, object]:
        """As they are."""
        return output


if __name__ == "__main__":
    server = ls.LitServer(Classifier(api_path="/classify"), accelerator="cpu", workers_per_device=CPUS, timeout=600)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
