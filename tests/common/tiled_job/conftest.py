"""An object storage on loopback, whose credentials this process has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from object_storage import ObjectStorage, object_storage


@pytest.fixture
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorage]:
    with (
        object_storage(tmp_path_factory.mktemp("s3")) as started,
        pytest.MonkeyPatch.context() as to,
    ):
        for name, value in started.environment.items():
            to.setenv(name, value)
        yield started
