"""Progress of a tiled job, and the folder in which its parts are kept."""

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
    from sam_common.tiled_job.storage import Storage

Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Called with a description and the number of steps; gives, as a context, a function that counts
steps as done."""


@contextmanager
def silent(_description: str, _total: int) -> Iterator[Callable[[int], None]]:
    """Show no progress."""
    yield lambda _done: None


@contextmanager
def parts_of(
    plan: Plan, folder: Path | None, *, resume: bool = False, storage: Storage | None = None
) -> Iterator[PartStore]:
    """The store of a job's parts.

    Args:
        plan: Plan of the job.
        folder: Folder of the parts; where None, a temporary one, which is removed at the end.
        resume: Whether parts in the folder, or the storage, are taken over.
        storage: Where the parts are kept in place of the folder.
    """
    if folder is not None:
        yield PartStore(folder, plan, resume=resume, storage=storage)
        return
    with tempfile.TemporaryDirectory(prefix="sam-parts-") as temporary:
        yield PartStore(Path(temporary), plan, resume=False)
