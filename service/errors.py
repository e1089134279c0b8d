"""Every error the service answers with: one tree, each error knowing its HTTP status."""

from http import HTTPStatus
from typing import ClassVar


class ServiceError(Exception):
    """Base. `detail` is meant for the person who sent the request.

    `slug` names the kind of problem in RFC 9457's `type`; `headers` go with the response.
    """

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}


class UploadError(ServiceError):
    """The request's body is neither a video nor a form with one video file."""

    status = HTTPStatus.BAD_REQUEST
    slug = "bad-upload"
    title = "Bad upload"


class UnauthorizedError(ServiceError):
    """The API key is missing or wrong."""

    status = HTTPStatus.UNAUTHORIZED
    slug = "unauthorized"
    title = "Unauthorized"


class HeadersTooLargeError(ServiceError):
    """The request's headers are larger than any client needs them."""

    status = HTTPStatus(431)
    slug = "headers-too-large"
    title = "Headers too large"


class NotAcceptableError(ServiceError):
    """The client accepts none of the forms that an answer can have."""

    status = HTTPStatus.NOT_ACCEPTABLE
    slug = "not-acceptable"
    title = "Not acceptable"


class UploadStalledError(ServiceError):
    """The upload made no progress for too long, or too little of it."""

    status = HTTPStatus.REQUEST_TIMEOUT
    slug = "upload-stalled"
    title = "Upload stalled"


class UploadTooLargeError(ServiceError):
    """The body is larger than `R3D_MAX_UPLOAD_BYTES`."""

    status = HTTPStatus(413)
    slug = "upload-too-large"
    title = "Upload too large"


class UnsupportedMediaError(ServiceError):
    """The file is no video container, or holds no codec, that the service supports."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    slug = "unsupported-media"
    title = "Not a supported video"


class ParameterError(ServiceError):
    """A query parameter is out of range."""

    status = HTTPStatus(422)
    slug = "bad-parameter"
    title = "Bad parameter"


class VideoError(ServiceError):
    """The file is a video, but cannot be classified."""

    status = HTTPStatus(422)
    slug = "video-undecodable"
    title = "Video cannot be decoded"


class VideoTooShortError(VideoError):
    """Fewer frames were decoded than one clip takes."""

    slug = "video-too-short"
    title = "Video shorter than one clip"


class VideoTooLongError(VideoError):
    """More frames than `R3D_MAX_FRAMES`."""

    slug = "video-too-long"
    title = "Video too long"


class FrameTooLargeError(VideoError):
    """Frames of more pixels than `R3D_MAX_FRAME_PIXELS`."""

    slug = "frames-too-large"
    title = "Frames too large"


class FrameRateError(VideoError):
    """`frame_rate` is so far above the video's own that its frames would be repeated again and again."""

    slug = "frame-rate-too-high"
    title = "Frame rate too high"


class DecoderCrashedError(VideoError):
    """The decode process died on this file, or used more memory or time than it may."""

    slug = "decoder-crashed"
    title = "Decoder crashed"


class QueueFullError(ServiceError):
    """More requests are in progress than are admitted."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    slug = "queue-full"
    title = "Queue full"


class TooManyConnectionsError(ServiceError):
    """More connections are open than `R3D_MAX_CONNECTIONS`."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    slug = "too-many-connections"
    title = "Too many connections"


class NotReadyError(ServiceError):
    """The model is still loading, the server is draining, or the backend failed."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    slug = "not-ready"
    title = "Not ready"


class DecoderUnavailableError(ServiceError):
    """There was no process to decode the video in, or it was lost for a reason that is not the video's."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    slug = "decoder-unavailable"
    title = "Decoder unavailable"


class DeadlineError(ServiceError):
    """The request took longer than `R3D_REQUEST_TIMEOUT_SECONDS`."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    slug = "deadline"
    title = "Deadline exceeded"


class StorageError(ServiceError):
    """The upload cannot be stored."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    slug = "storage"
    title = "No space for the upload"


class InferenceError(ServiceError):
    """The backend failed on a batch."""

    slug = "inference-failed"
    title = "Inference failed"


class BackendLostError(InferenceError):
    """The backend failed in a way that it cannot recover from: its worker ends."""

    slug = "backend-lost"
    title = "Backend lost"


class NoSuchJobError(ServiceError):
    """There is no such job: it never was, it was cancelled, its time is over, or it is another key's."""

    status = HTTPStatus.NOT_FOUND
    slug = "no-such-job"
    title = "No such job"


class JobsListClosedError(ServiceError):
    """Jobs are listed to the holders of a key only, and this service has none."""

    status = HTTPStatus.FORBIDDEN
    slug = "jobs-list-closed"
    title = "Jobs are not listed"


class IdempotencyConflictError(ServiceError):
    """The `Idempotency-Key` was used for another video, or with other parameters."""

    status = HTTPStatus.CONFLICT
    slug = "idempotency-conflict"
    title = "Idempotency key used before"


class JobsFullError(ServiceError):
    """As many jobs wait as may (`R3D_JOBS_WAITING`)."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    slug = "jobs-full"
    title = "Too many jobs wait"


class JobsStorageError(StorageError):
    """The videos of jobs take `R3D_JOBS_BYTES`, or their disk or database is full."""

    slug = "jobs-storage"
    title = "No space for the job"


class JobsUnavailableError(ServiceError):
    """The database of jobs cannot be reached now, or the storage of their videos."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    slug = "jobs-unavailable"
    title = "Jobs are not available"


class JobUnfinishedError(ServiceError):
    """The job has no result yet that could be told in this form."""

    status = HTTPStatus.CONFLICT
    slug = "job-unfinished"
    title = "Job not finished"


class JobLostError(ServiceError):
    """The server ended three times while it worked on this job, or its video is not there any more."""

    slug = "job-lost"
    title = "Job lost"


class StartupError(Exception):
    """The service cannot start: a model or backend that does not load. Its text is for the operator."""
