"""nginx and Caddy with the configurations of `deploy/proxies`, each in a folder of its own, for as long as a block."""

import re
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import trustme

from .processes import ROOT
from .waiting import eventually

EXAMPLES = ROOT / "deploy" / "proxies"

NGINX_FRAME = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/log info;
events {{}}
http {{
    access_log {folder}/access;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/r3d.conf;
}}
"""
# Options of the tests' Caddy, before those of the example.
CADDY_OPTIONS = "{\n\tadmin off\n\tauto_https disable_redirects\n"


class Certificate:
    """Files of one for 127.0.0.1: its `chain` and `key`, and the `authority` to believe."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.chain, self.key = folder / "ca.pem", folder / "chain.pem", folder / "key.pem"
        made = trustme.CA()
        issued = made.issue_cert("127.0.0.1")
        self.authority.write_bytes(made.cert_pem.bytes())
        self.chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        self.key.write_bytes(issued.private_key_pem.bytes())


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def changed(text: str, *changes: tuple[str, str]) -> str:
    """With each pattern replaced, which must be there."""
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text)
        assert count, pattern
    return text


def _with_instances(text: str, ports: Sequence[int]) -> str:
    """An example's instances are on other ports here."""
    for number, port in enumerate(ports):
        text = changed(text, (rf"127\.0\.0\.1:800{number}\b", f"127.0.0.1:{port}"))
    return text


@contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:

        def listens() -> bool:
            assert process.poll() is None, log.read_text()
            with socket.socket() as connection:
                return connection.connect_ex(("127.0.0.1", port)) == 0

        try:
            eventually(listens, seconds=30)
            yield
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def nginx(folder: Path, instances: Sequence[int], certificate: Certificate) -> Iterator[str]:
    """The example's two instances are those on these ports. The address."""
    folder.mkdir()
    port = free_port()
    example = _with_instances((EXAMPLES / "nginx.conf").read_text(), instances)
    own = [("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"), (r"/etc/ssl/\S+\.pem", str(certificate.chain))]
    (folder / "r3d.conf").write_text(changed(example, *own, (r"/etc/ssl/\S+\.key", str(certificate.key))))
    (folder / "nginx.conf").write_text(NGINX_FRAME.format(folder=folder))
    command = ["nginx", "-p", str(folder), "-e", str(folder / "log"), "-c", str(folder / "nginx.conf")]
    with _running(command, port, folder / "output"):
        yield f"https://127.0.0.1:{port}"


@contextmanager
def caddy(folder: Path, instances: Sequence[int], certificate: Certificate) -> Iterator[str]:
    """The same. Only the certificate is given to Caddy, which else would ask for one on the Internet."""
    folder.mkdir()
    port = free_port()
    example = _with_instances((EXAMPLES / "Caddyfile").read_text(), instances)
    site = f"https://127.0.0.1:{port} {{\n\ttls {certificate.chain} {certificate.key}\n\tbind 127.0.0.1"
    changes = (r"(?m)^\{\n", CADDY_OPTIONS), (r"(?m)^r3d\.example\.org \{", site)
    (folder / "Caddyfile").write_text(changed(example, *changes))
    command = ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    with _running(command, port, folder / "output"):
        yield f"https://127.0.0.1:{port}"


Proxy = Callable[[Path, Sequence[int], Certificate], AbstractContextManager[str]]
PROXIES: Mapping[str, Proxy] = {"nginx": nginx, "caddy": caddy}
