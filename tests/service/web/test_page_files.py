"""What the page's files are served with."""

import re

import httpx

from service.web.page import STATIC

from ...support.live_server import LiveServer


def test_the_page_needs_nothing_from_elsewhere(server: LiveServer) -> None:
    answer = server.client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    texts = [path for path in sorted(STATIC.rglob("*.*")) if path.suffix in (".html", ".js", ".css", ".svg")]
    assert len(texts) > 30
    for path in texts:
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", path.read_text()), path
    linked = re.findall(r'(?:src|href)="(static/[^"]+)"', answer.text)
    for file in {*linked, *(f"static/{path.relative_to(STATIC)}" for path in texts)}:
        found = server.client.get("/" + file)
        assert found.status_code == 200
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["content-security-policy"] == policy


def test_every_import_of_the_page_is_there() -> None:
    for path in (STATIC / "js").rglob("*.js"):
        for imported in re.findall(r'^(?:import|export) .*?from "(.+?)";', path.read_text(), re.MULTILINE | re.DOTALL):
            assert (path.parent / imported).is_file(), (path, imported)


def test_static_files_stay_within_their_folder(server: LiveServer) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/", "/static/nothing.js", "/static/samples"):
        assert httpx.get(server.url + path).status_code == 404
