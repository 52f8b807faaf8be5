"""An object storage on loopback: moto's S3 behind a door that knows which keys are good."""

from __future__ import annotations

import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

REFUSAL = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>'
)
SIGNED = re.compile(r"Credential=([^/]+)/")


@dataclass(eq=False)
class ObjectStorage:
    """A server that runs, its bucket, and what it was asked for."""

    endpoint: str
    bucket: str
    credentials: Path
    """File of credentials, which a process reads when it first asks."""
    keys: set[str] = field(default_factory=set)
    """Keys of users, by which requests are let in."""
    expired: set[str] = field(default_factory=set)
    """Keys that were good once."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request."""
    expires: Callable[[str, str], bool] = lambda _method, _path: False
    """Whether all keys expire with a request, by its method and path."""

    @property
    def environment(self) -> dict[str, str]:
        """What a process has to know to reach the storage by fsspec, and by GDAL."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
            "AWS_CONFIG_FILE": str(self.credentials.with_name("config")),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def renew(self) -> str:
        """Give users a new key in the file of credentials."""
        key = f"KEY{uuid.uuid4().hex[:13].upper()}"
        self.keys.add(key)
        self.give(key)
        return key

    def give(self, key: str) -> None:
        """Write a key into the file of credentials, whether it is good or not."""
        self.credentials.write_text(
            f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret-of-{key}\n"
        )

    def expire(self) -> None:
        """Let all keys be too old."""
        self.expired |= self.keys

    def puts(self) -> list[str]:
        """Names of the objects that were written, in their order."""
        return [
            path.removeprefix(f"/{self.bucket}/") for method, path in self.asked if method == "PUT"
        ]

    def refusal(self, environ: Mapping[str, Any]) -> tuple[str, str] | None:
        """Status and body for a request that is not let in."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked.append((method, path))
        if self.expires(method, path):
            self.expire()
        found = SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        if found is None or found[1] not in self.keys:
            text = "The AWS Access Key Id you provided does not exist in our records."
            return "403 Forbidden", REFUSAL.format("InvalidAccessKeyId", text)
        if found[1] in self.expired:
            text = "The provided token has expired."
            return "400 Bad Request", REFUSAL.format("ExpiredToken", text)
        return None


@contextmanager
def object_storage(folder: Path) -> Iterator[ObjectStorage]:
    """A storage with an empty bucket and one good key.

    Args:
        folder: Where the file of credentials lies.
    """
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.s3.models import s3_backends
    from werkzeug.serving import make_server

    inner = DomainDispatcherApplication(create_backend_app)
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        refused = storage.refusal(environ)
        if refused is None:
            return inner(environ, start_response)
        status, body = refused
        start_response(status, [("Content-Type", "application/xml")])
        # the answer to HEAD has no body, so a refusal without a reason
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body.encode()]

    server = make_server("127.0.0.1", 0, app, threaded=True)
    storage = ObjectStorage(
        f"http://127.0.0.1:{server.server_port}", bucket, folder / "credentials"
    )
    s3_backends["123456789012"]["aws"].create_bucket(bucket, "us-east-1")
    storage.credentials.with_name("config").write_text("[default]\n")
    storage.renew()
    thread = threading.Thread(target=server.serve_forever, name="object storage")
    thread.start()
    try:
        yield storage
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def reached_storage(folder: Path) -> Iterator[ObjectStorage]:
    """A storage that this process reaches by its environment, as do those that it starts."""
    with object_storage(folder) as started, pytest.MonkeyPatch.context() as patch:
        for name, value in started.environment.items():
            patch.setenv(name, value)
        # a request is not worth a line in the report of a test that fails
        patch.setattr(logging.getLogger("werkzeug"), "disabled", True)
        yield started
