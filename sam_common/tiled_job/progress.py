"""Progress of a job of windows, and the folder in which its parts are kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sam_common.tiled_job.parts import PartStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sam_common.tiled_job.plan import Plan

Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Called with a description and a total; gives a function that takes steps done."""


@contextmanager
def silent(_description: str, _total: int) -> Iterator[Callable[[int], None]]:
    """A progress that shows nothing."""
    yield lambda _done: None


@contextmanager
def parts_of(plan: Plan, folder: Path | None, *, resume: bool = False) -> Iterator[PartStore]:
    """The store of a job's parts.

    Args:
        plan: Of the job.
        folder: Where the parts are kept; a temporary one, which goes with the job, where None.
        resume: Whether to go on with the parts that are there.
    """
    if folder is not None:
        yield PartStore(folder, plan, resume=resume)
        return
    with tempfile.TemporaryDirectory(prefix="sam-geo-") as temporary:
        yield PartStore(Path(temporary), plan, resume=False)
