import pytest

from service.errors import UploadError
from service.web.uploads.body import body_of
from service.web.uploads.multipart import MAX_FIELD_BYTES, MAX_PARTS

TYPE = "multipart/form-data; boundary=xyz"
FILE = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\nContent-Type: video/mp4\r\n\r\n'
FIELD = b'--xyz\r\nContent-Disposition: form-data; name="note"\r\n\r\n'
END = b"\r\n--xyz--\r\n"


def parse(body: bytes, step: int = 1 << 20, content_type: str | None = TYPE) -> bytes:
    found = bytearray()
    form = body_of(content_type, found.extend)
    for start in range(0, len(body), step):
        form.feed(body[start : start + step])
    form.finish()
    return bytes(found)


@pytest.mark.parametrize("step", [1, 3, 7, 1000])
def test_the_files_bytes_whatever_the_chunks(step: int) -> None:
    content = b"--xy\r\n--xy-\r\n\r\n--x\0\xff" * 3
    assert parse(FILE + content + END, step) == content


def test_other_fields_are_read_past() -> None:
    body = FIELD + b"hello\r\n" + FILE + b"video\r\n" + FIELD + b"again" + END
    assert parse(body) == b"video"


def test_an_empty_file_is_a_file() -> None:
    assert parse(FILE + END) == b""


@pytest.mark.parametrize("name", [b"../../etc/passwd", b"\0", b"a" * 4000, "ü".encode(), b""])
def test_a_clients_file_name_does_not_matter(name: bytes) -> None:
    head = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n'
    assert parse(head + b"video" + END) == b"video"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "cut short"),
        (b"--xyz--\r\n", "no file|malformed"),
        (FIELD + b"hello" + END, "no file"),
        (FILE + b"half", "cut short"),
        (FILE + b"one\r\n" + FILE + b"two" + END, "several files"),
        (FILE.replace(b'"file"', b'"video"') + b"x" + END, "only the field 'file'"),
        (b"--xyz\r\n\r\nx" + END, "form-data name"),
        (b"--xyz\r\nContent-Disposition: attachment\r\n\r\nx" + END, "form-data name"),
        (b"nonsense that is no multipart at all", "malformed"),
        (FIELD + b"x" * (MAX_FIELD_BYTES + 1) + END, "bytes in fields"),
        ((FIELD + b"x\r\n") * MAX_PARTS + FILE + b"x" + END, "parts"),
        (b"--xyz\r\n" + b"X: y\r\n" * 100 + b"\r\n" + END, "malformed"),
        (b"--xyz\r\nX: " + b"y" * 100_000 + b"\r\n\r\n" + END, "malformed"),
    ],
)
def test_bad_bodies_say_why(body: bytes, reason: str) -> None:
    with pytest.raises(UploadError, match=reason):
        parse(body)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/x-www-form-urlencoded",
        "text/plain",
        "videos/mp4",
        "multipart/form-data",
        "multipart/mixed; boundary=xyz",
        f"multipart/form-data; boundary={'b' * 71}",
    ],
)
def test_other_content_types_are_refused(content_type: str | None) -> None:
    with pytest.raises(UploadError, match=r"multipart|boundary"):
        parse(FILE + b"x" + END, content_type=content_type)


@pytest.mark.parametrize(
    "content_type", ["video/mp4", "Video/MP4", "video/x-matroska; codecs=avc1", "application/octet-stream"]
)
def test_a_video_may_be_the_whole_body(content_type: str) -> None:
    content = FILE + b"x" + END
    assert parse(content, step=7, content_type=content_type) == content


def test_limits_are_inclusive() -> None:
    assert parse((FIELD + b"x\r\n") * (MAX_PARTS - 1) + FILE + b"v" + END) == b"v"
    assert parse(FIELD + b"x" * MAX_FIELD_BYTES + b"\r\n" + FILE + b"v" + END) == b"v"
