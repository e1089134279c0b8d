"""Files classified in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ..api.answers import classify_answer
from ..api.problem import problem_of
from ..api.schemas import DEFAULT_TOP_K, ClassifyAnswer
from ..classification.classifier import Classifier
from ..errors import ServiceError
from ..settings import Settings
from .inputs import look_at
from .outcome import FileClassifier, OnProgress, Options, Refusal


@asynccontextmanager
async def local(settings: Settings, options: Options) -> AsyncIterator[FileClassifier]:
    """The service's pipeline in this process. Raises StartupError."""
    async with Classifier.open(settings) as classifier:
        top_k = min(options.top_k or DEFAULT_TOP_K, len(classifier.manifest.labels))

        async def classify(video: Path, on_progress: OnProgress) -> ClassifyAnswer:
            await asyncio.to_thread(look_at, video)
            try:
                done = await classifier.classify(
                    video,
                    options.query,
                    lambda result: on_progress(f"{result.span.index + 1} clips", result.progress),
                    lambda progress: on_progress("decoding", progress),
                )
            except ServiceError as error:
                raise refusal_of(error) from error
            return classify_answer(done, classifier.manifest, classifier.description, top_k)

        yield classify


def refusal_of(error: ServiceError) -> Refusal:
    """What the service would answer."""
    problem = problem_of(error, request_id="")
    wait = error.headers.get("Retry-After")
    return Refusal(problem.type, problem.title, problem.status, problem.detail, None if wait is None else float(wait))
