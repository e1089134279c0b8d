"""A client of the service.

```python
from r3d.client import Client

with Client("http://127.0.0.1:8000") as client:
    print(client.classify("video.mp4", top_k=3).label)
    for event in client.events("video.mp4"):
        print(event.event, event.label)
```

Long videos become jobs, which outlast the connection and a restart of the service:

```python
    job = client.submit("hour.mp4")
    print(client.wait(job.id).label)
```

`AsyncClient` has the same methods for `await` and `async for`. `Client(url, patience=60)` makes a request again for a
minute while the service is full, restarted or away. It needs httpx, pydantic and tenacity, and nothing of the service.
"""

from .answers import (
    Classification,
    Clip,
    ClipEvent,
    Event,
    Health,
    Model,
    ResultEvent,
    Sampling,
    Segment,
    Timing,
    Top,
    Video,
)
from .asynchronous import AsyncClient
from .errors import (
    BusyError,
    ClientError,
    FailedError,
    ProblemError,
    RefusedError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from .job import FollowEvent, Job, JobEvent, JobProgress
from .request import Parameters
from .synchronous import Client

__all__ = [
    "AsyncClient",
    "BusyError",
    "Classification",
    "Client",
    "ClientError",
    "Clip",
    "ClipEvent",
    "Event",
    "FailedError",
    "FollowEvent",
    "Health",
    "Job",
    "JobEvent",
    "JobProgress",
    "Model",
    "Parameters",
    "ProblemError",
    "RefusedError",
    "ResultEvent",
    "Sampling",
    "Segment",
    "Timing",
    "Top",
    "UnauthorizedError",
    "UnexpectedAnswerError",
    "UnreachableError",
    "Video",
]
