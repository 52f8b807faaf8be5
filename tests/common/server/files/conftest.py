"""Files outside of the roots, and the volumes that a server makes."""

from __future__ import annotations

import pytest
from outside_files import write_outside

from sam_med.geometry.volume import Volume


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """Files that nobody may read, each full of the canary."""
    folder = tmp_path_factory.mktemp("outside")
    write_outside(folder)
    return folder


@pytest.fixture
def volumes(monkeypatch):
    """The voxels of every volume that is made."""
    seen = []
    check = Volume.__post_init__

    def noted(volume):
        seen.append(volume.array)
        check(volume)

    monkeypatch.setattr(Volume, "__post_init__", noted)
    return seen
