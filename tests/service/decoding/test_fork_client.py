"""What a client is told of a child that ended without a word."""

import signal

import pytest

from service.decoding.fork_client import explain_exit
from service.decoding.fork_messages import UNCONFINED
from service.errors import DecoderCrashedError, DecoderUnavailableError, ServiceError


@pytest.mark.parametrize(
    ("status", "error", "detail"),
    [
        (-signal.SIGXCPU, DecoderCrashedError, "took too long: decoding used more processor time than it may"),
        (-signal.SIGABRT, DecoderCrashedError, "decoder crashed (SIGABRT)"),
        (1, DecoderCrashedError, "decoder crashed (status 1)"),
        (
            -signal.SIGKILL,
            DecoderUnavailableError,
            "the system killed the decoder, most likely for want of memory",
        ),
        (UNCONFINED, DecoderUnavailableError, "the decoder could not be confined"),
    ],
)
def test_exit_statuses_are_explained(status: int, error: type[ServiceError], detail: str) -> None:
    explained = explain_exit(status)
    assert (type(explained), explained.detail) == (error, detail)
