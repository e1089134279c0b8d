"""BentoML and OpenVINO: `python -m bentoml serve benchmarks.servers.bentoml_openvino:Classifier --port PORT`.

One worker process with threads, as OpenCV and OpenVINO release Python's lock; its batching gains nothing on a CPU.
"""

from pathlib import Path

import bentoml
from bentoml.exceptions import InvalidArgument

from .network import Network
from .video import NotAVideoError


@bentoml.service(threads=16, traffic={"timeout": 600})
class Classifier:
    """One route."""

    def __init__(self) -> None:
        self.network = Network()

    @bentoml.api(route="/classify")
    def classify(self, file: Path) -> dict[str, object]:
        """Probabilities of every clip. BentoML has saved the file, under the name that the client gave it."""
        try:
            return self.network.classify(file)
        except NotAVideoError as error:
            raise InvalidArgument("not a video") from error
