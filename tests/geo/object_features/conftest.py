"""A scene of discs and squares."""

from __future__ import annotations

import pytest
from object_scenes import object_scene


@pytest.fixture(scope="package")
def scene(tmp_path_factory):
    return object_scene(tmp_path_factory.mktemp("objects"))
