"""Where the parts of a job are kept, and a progress that shows nothing."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from squares import square

from sam_common.errors import OutputError
from sam_common.tiled_job.parts import Part
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.progress import parts_of, silent
from sam_common.tiled_job.storage import Storage
from sam_common.window import Window

if TYPE_CHECKING:
    from pathlib import Path

PLAN = Plan((4, 4), (Window.full((4, 4)),), {})


def test_parts_without_a_folder_go_with_the_job() -> None:
    with parts_of(PLAN, None) as store:
        store.write(0, Part([square(0, 0, 2, 2)]))
        assert store.missing() == []
        folder = store.folder
        assert folder.is_dir()
    assert not folder.exists()


def test_parts_in_a_folder_stay_and_are_taken_over(tmp_path: Path) -> None:
    with parts_of(PLAN, tmp_path) as store:
        store.write(0, Part([square(0, 0, 2, 2)]))
    with pytest.raises(OutputError, match="an unfinished job lies in"), parts_of(PLAN, tmp_path):
        pass
    with parts_of(PLAN, tmp_path, resume=True) as store:
        assert store.missing() == []


def test_parts_go_to_a_storage(tmp_path: Path) -> None:
    storage = Storage(f"memory://{uuid.uuid4().hex}/o.parts")
    with parts_of(PLAN, tmp_path, storage=storage) as store:
        store.write(0, Part([square(0, 0, 2, 2)]))
    assert storage.listed(1) == {0}
    assert not list(tmp_path.glob("*.part"))


def test_a_silent_progress_takes_steps() -> None:
    with silent("windows", 3) as advance:
        advance(1)
