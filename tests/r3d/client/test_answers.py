"""What the client knows of an answer is what the service says of it."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from r3d.client import answers
from service.api import schemas

from ...support.live_server import StubServer

SAME = [
    (answers.Classification, schemas.ClassifyAnswer),
    (answers.Clip, schemas.ClipAnswer),
    (answers.ClipEvent, schemas.ClipEvent),
    (answers.Health, schemas.HealthAnswer),
    (answers.Labels, schemas.LabelsAnswer),
    (answers.Model, schemas.ModelAnswer),
    (answers.Problem, schemas.Problem),
    (answers.ResultEvent, schemas.ResultEvent),
    (answers.Sampling, schemas.SamplingAnswer),
    (answers.Segment, schemas.SegmentAnswer),
    (answers.Timing, schemas.TimingAnswer),
    (answers.Top, schemas.Top),
    (answers.Video, schemas.VideoAnswer),
]


@pytest.mark.parametrize(("read", "written"), SAME)
def test_the_client_knows_what_is_always_there(read: type[BaseModel], written: type[BaseModel]) -> None:
    always = {name for name, field in written.model_fields.items() if field.is_required()}
    assert always <= read.model_fields.keys() <= written.model_fields.keys()


def test_nothing_of_an_answer_is_lost(stub_server: StubServer, video: Path) -> None:
    body = stub_server.post(video.read_bytes()).json()
    assert answers.Classification.model_validate(body).model_dump(exclude_unset=True) == body
    newer = body | {"mood": "cheerful", "warnings": ["a new one"]}
    read = answers.Classification.model_validate(newer)
    assert read.model_dump(exclude_unset=True) == newer
    assert read.warnings == ["a new one"]
