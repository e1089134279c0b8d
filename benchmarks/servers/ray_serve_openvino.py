"""Ray Serve and OpenVINO, clips of all videos batched by `@serve.batch`.

`python -m benchmarks.servers.ray_serve_openvino PORT`: one replica that has all CPUs.
"""

import asyncio
import signal
import sys
from typing import Annotated

import openvino
import ray
from fastapi import FastAPI, File, HTTPException, UploadFile
from ray import serve

from .network import AT_ONCE, compiled
from .video import Clip, NotAVideoError, clips, saved

app = FastAPI()


@serve.ingress(app)
class Classifier:
    """Decodes in threads; the clips of a batch go through the network at once."""

    def __init__(self) -> None:
        self.queue = openvino.AsyncInferQueue(compiled(), AT_ONCE)
        self.queue.set_callback(lambda request, place: place.append(request.get_output_tensor(0).data[0].tolist()))

    def infer_all(self, batch: list[Clip]) -> list[list[float]]:
        """Probabilities of each."""
        places: list[list[list[float]]] = [[] for _ in batch]
        for clip, place in zip(batch, places, strict=True):
            self.queue.start_async([clip], place)
        self.queue.wait_all()
        return [place[0] for place in places]

    @serve.batch(max_batch_size=AT_ONCE, batch_wait_timeout_s=0.005)
    async def infer(self, batch: list[Clip]) -> list[list[float]]:
        """A clip for the caller, a batch in here."""
        return await asyncio.to_thread(self.infer_all, batch)

    @app.post("/classify")
    async def classify(self, file: Annotated[UploadFile, File()]) -> dict[str, object]:
        """Probabilities of every clip; the next are decoded meanwhile."""
        found: list[asyncio.Task[list[float]]] = []
        with saved(file.file) as video:
            source = clips(video)
            try:
                while (clip := await asyncio.to_thread(next, source, None)) is not None:
                    found.append(asyncio.ensure_future(self.infer(clip)))
                    if len(found) >= AT_ONCE:
                        await found[-AT_ONCE]
            except NotAVideoError as error:
                raise HTTPException(422) from error
        return {"clips": await asyncio.gather(*found)}


def main() -> None:
    ray.init(include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(serve.deployment(max_ongoing_requests=100)(Classifier).bind())
    signal.sigwait({signal.SIGTERM})
    ray.shutdown()


if __name__ == "__main__":
    main()
