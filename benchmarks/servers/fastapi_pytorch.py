"""The obvious way to serve the same network, to measure against.

`python -m benchmarks.servers.fastapi_pytorch WEIGHTS.wts PORT`: FastAPI and PyTorch; the whole file and the whole video
in memory (resized at once: as whole frames it would take gigabytes), a forward pass for each 16 clips (for ten minutes
at once r3d_18 would take tens of gigabytes).
"""

import tempfile
import threading
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import torch
import typer
import uvicorn
from fastapi import FastAPI, UploadFile
from fastapi import File as FormFile

from engine_builder.camera_motion.network import R3D18
from engine_builder.wts import read_wts

MEAN, STD = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)
BATCH = 16


def load(weights: Path) -> torch.nn.Module:
    """An r3d_18 of any width from its `.wts` file."""
    tensors = read_wts(weights)
    network = R3D18(tensors["fc.bias"].size, tensors["stem.1.weight"].size).eval()
    state = network.state_dict()
    network.load_state_dict({name: torch.from_numpy(tensors[name]).reshape(state[name].shape) for name in state})
    return network


def decode(content: bytes) -> Any:
    """Every frame of a video, uint8 [T, 3, 112, 112]."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(content)
        file.flush()
        capture, frames = cv2.VideoCapture(file.name), []
        while (read := capture.read())[0]:
            small = cv2.resize(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB), (171, 128))
            frames.append(small[8:120, 30:142])
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def normalised(clips: Any) -> Any:
    """Clips as the network takes them, float32."""
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1, 1), torch.tensor(STD).view(1, 3, 1, 1, 1)
    return (clips.float() / 255 - mean) / std


def create_app(network: torch.nn.Module) -> FastAPI:
    """The server: one route, one video in the network at a time."""
    app = FastAPI()
    lock = threading.Lock()

    @app.post("/classify")
    def classify(file: Annotated[UploadFile, FormFile()]) -> dict[str, object]:
        video = decode(file.file.read())
        whole = len(video) // 32
        clips = video[: whole * 32].reshape(whole, 32, 3, 112, 112).transpose(1, 2)
        with lock, torch.inference_mode():
            probabilities = torch.cat([network(normalised(some)).softmax(1) for some in clips.split(BATCH)])
        votes = probabilities.argmax(1)
        return {"label_index": int(votes.mode().values), "clips": probabilities.tolist()}

    return app


def run(
    weights: Annotated[Path, typer.Argument(help="A `.wts` file of an r3d_18.", exists=True, dir_okay=False)],
    port: Annotated[int, typer.Argument(min=1, max=65535)],
) -> None:
    """Serve the network on that port of 127.0.0.1."""
    uvicorn.run(create_app(load(weights)), port=port, log_level="warning")


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
