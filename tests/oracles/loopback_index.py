"""A package index on loopback: pages in HTML or JSON, files with ranges, logins, TLS, a proxy."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import ssl
import stat
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJT30AET6+tkzwI+
nOnUYyzD/QR9xWGLNo3VT7qu9/Wl59IRZJn0bzqR6FuUMdAvNSGpE6M1vXXEqzZu
YdB+0sCjXjBcMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0
hwR/AAABMA4GA1UdDwEB/wQEAwIChDAdBgNVHQ4EFgQUiJYB80gCChRtAxFQKPVl
20wkvswwCgYIKoZIzj0EAwIDSAAwRQIgXtZt4k5QP1UiMhpjUOMCt7Ks17IXBIxN
ea0FaIN+gxoCIQCeQ6LWNWkh0wvso9nx5so40JEvZxzZwoVO6o63q+9QVg==
-----END CERTIFICATE-----
"""
"""Certificate of localhost and 127.0.0.1, signed by itself, made for these tests."""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgv4g5ET7oGAn6AgPB
uCcXVX84jkusaPrtJQZZzOwbbH6hRANCAASU99ABE+vrZM8CPpzp1GMsw/0EfcVh
izaN1U+6rvf1pefSEWSZ9G86kehblDHQLzUhqROjNb11xKs2bmHQftLA
-----END PRIVATE KEY-----
"""
"""Key of the certificate, known to everybody."""


class Index(ThreadingHTTPServer):
    """An index of files by package; what it was asked for is remembered."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, dict[str, bytes]] = {}
        """Contents by package and file name."""
        self.form = "html"
        self.scheme = "http"
        self.login: str | None = None
        """`user:password` that every request must carry."""
        self.elsewhere: str | None = None
        """Address of another host, to which requests of files are redirected."""
        self.page: bytes | None = None
        """What every page says, in place of links."""
        self.cut = False
        """Whether the first answer with a file ends in its middle."""
        self.answering = threading.Event()
        """Set while requests are answered."""
        self.answering.set()
        self.asked: list[tuple[str, dict[str, str]]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of a test."""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}/simple"

    def add(self, package: str, name: str, content: bytes) -> None:
        self.files.setdefault(package, {})[name] = content

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


class Handler(BaseHTTPRequestHandler):
    server: Index

    def log_message(self, *arguments: object) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        server = self.server
        server.answering.wait(300)
        server.asked.append((self.path, dict(self.headers)))
        wanted = server.login and f"Basic {base64.b64encode(server.login.encode()).decode()}"
        if wanted and self.headers.get("Authorization") != wanted:
            self.send_error(401)
            return
        # a request to a proxy names the host
        _, area, rest = self.path.removeprefix("http://index.invalid").split("/", 2)
        package, _, name = rest.partition("/")
        content = server.files.get(package, {})
        if area == "simple" and not name and (content or server.page is not None):
            self.reply_page(package, content)
        elif area == "files" and server.elsewhere is not None:
            self.send_response(302)
            self.send_header("Location", f"{server.elsewhere}{self.path}")
            self.end_headers()
        elif area == "files" and name in content:
            self.reply_file(content[name])
        else:
            self.send_error(404)

    def reply_page(self, package: str, content: dict[str, bytes]) -> None:
        server = self.server
        if server.form == "json":
            kind = "application/vnd.pypi.simple.v1+json"
            files = [
                {
                    "filename": name,
                    "url": f"../../files/{package}/{name}",
                    "hashes": {"sha256": hashlib.sha256(body).hexdigest()},
                }
                for name, body in content.items()
            ]
            text = json.dumps({"meta": {"api-version": "1.1"}, "name": package, "files": files})
        else:
            kind = "text/html; charset=utf-8"
            links = "".join(
                f'<a href="../files/{package}/{name.replace("+", "%2B")}'
                f'#sha256={hashlib.sha256(body).hexdigest()}">{name}</a><br>'
                for name, body in content.items()
            )
            base = f"{server.scheme}://{self.headers['Host']}/simple/"
            text = f"<!DOCTYPE html><html><head><base href='{base}'></head>{links}</html>"
        body = text.encode() if server.page is None else server.page
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reply_file(self, body: bytes) -> None:
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : len(body) // 2 if self.server.cut else None])
        self.server.cut = False


@contextmanager
def running_index(folder=None):
    """An index that runs; with TLS where a folder for its certificate is given."""
    with Index() as index:
        if folder is not None:
            pem = folder / "localhost.pem"
            pem.write_text(CERTIFICATE + KEY)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            index.socket = context.wrap_socket(index.socket, server_side=True)
            index.scheme = "https"
        thread = threading.Thread(target=index.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield index
        finally:
            index.answering.set()
            index.shutdown()
            thread.join()


def tar_gz(members):
    """A source archive as bytes; a member is its content or a `TarInfo`, such as that of a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            body = content if isinstance(content, bytes) else b""
            info.name, info.size = name, len(body)
            archive.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def tar_link(target, kind=tarfile.SYMTYPE):
    """A member of `tar_gz` that is a link."""
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def zipped(members, links=()):
    """A zip archive as bytes, in which the members of `links` are symbolic links."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            if name in links:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, content)
    return buffer.getvalue()
