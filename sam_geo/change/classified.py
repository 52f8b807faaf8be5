"""Classified images: the two maps of a comparison that is made of two images and one model.

```
change.gpkg.parts/
  plan.json            both images, the model and its bands
  00000000.part        the first map is finished, and what identifies its file
change_before.tif.parts/   blocks of the map that is being made, as of any land-cover job
```
Each map is a land-cover job of its own, so it is resumed as one; a map that is finished is not made
again.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sam_common.support.files import sha256_of
from sam_common.tiled_job.folder import check_unfinished, held, remove_parts
from sam_common.tiled_job.parts import Part, PartStore
from sam_common.tiled_job.plan import Plan
from sam_common.window import Window
from sam_geo.mapping.opened import opened_map
from sam_geo.mapping.record import PACKAGES
from sam_geo.mapping.run import run_landcover
from sam_geo.raster.fingerprint import file_facts
from sam_geo.results.record import manifest_path, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.change.request import ChangeRequest

MAP = "map"
"""Note of a part that identifies the file of a finished map."""
KEPT = ("notes", "failures", "windows", "pixels")
"""Entries of the record of a map that the record of the comparison has too."""


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The two maps of a comparison, and what is known of how they came about."""

    before: str
    """Path or address of the first map."""
    after: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Identities of the images and of the model, by their role; none where maps were given."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Entries of the record: `model` (its file and sha256) and `maps` (of `before` and
    `after` the file, and notes, failures and counts of its own record)."""

    @property
    def notes(self) -> list[str]:
        """The notes on both maps, with the file that each is about."""
        return self._of_maps("notes")

    @property
    def failures(self) -> list[str]:
        """Blocks of both maps that failed, with the file that each belongs to."""
        return self._of_maps("failures")

    def _of_maps(self, entry: str) -> list[str]:
        maps = self.facts.get("maps", {})
        return [f"{one['file']}: {text}" for one in maps.values() for text in one[entry]]


@contextmanager
def compared_maps(
    request: ChangeRequest,
    load: Callable[[], Segmenter] | None,
    *,
    progress: Progress,
) -> Iterator[Compared]:
    """The maps that a request compares; where it has a model, they are made first.

    Args:
        request: Inputs, outputs and options.
        load: Makes the network; needed where the model was trained with one.
        progress: Called with a description and a total for each step.

    Yields:
        The maps. Parts of unfinished work are kept where a block has failed, or the block raises.

    Raises:
        SuiteError: The images, the model or the outputs do not fit together.
    """
    if request.apply is None:
        yield Compared(request.before, request.after)
        return
    with held(request.parts):
        check_unfinished(request.parts, resume=request.resume)
        compared = _classified(request, request.apply, load, progress)
        yield compared
        if not compared.failures:
            remove_parts(request.parts)


def _classified(
    request: ChangeRequest,
    file: Path,
    load: Callable[[], Segmenter] | None,
    progress: Progress,
) -> Compared:
    """Make the two maps that are not finished yet, by the model in a file."""
    jobs = request.cover_requests
    identities: dict[str, Any] = {}
    windows = []
    # what is wrong with the second image is told before the first one is classified
    for side, job in jobs.items():
        with opened_map(job, writes=False) as opened:
            request.check_image(opened.stack.grid)
            identities[side] = opened.stack.grid.identity
            windows.append(Window.full(opened.stack.size_hw))
    model = {"file": str(file), "sha256": sha256_of(file)}
    signature = {
        **identities,
        "model": model["sha256"],
        "band_names": request.band_names,
        "network": request.network,
        "packages": versions(PACKAGES),
    }
    first = windows[0].shape
    plan = Plan((first[0], first[1]), tuple(windows), signature)
    parts = PartStore(request.parts, plan, resume=request.resume)
    maps = {}
    for n, (side, job) in enumerate(jobs.items()):
        if not _is_finished(parts.read(n), job.output):
            run_landcover(job, load, progress=_told_of(side, progress))
        record = _record_of(job.output)
        maps[side] = {"file": job.output.name, **{name: record[name] for name in KEPT}}
        if not record["failures"]:
            parts.write(n, Part(notes={MAP: file_facts(job.output)}))
    inputs = {**identities, "model": file}
    return Compared(
        str(jobs["before"].output),
        str(jobs["after"].output),
        inputs,
        {"model": model, "maps": maps},
    )


def _is_finished(part: Part | None, path: Path) -> bool:
    """Whether a map was finished by an earlier run, and is still there as it was."""
    is_there = path.is_file() and manifest_path(path).is_file()
    return part is not None and is_there and part.notes[MAP] == file_facts(path)


def _record_of(path: Path) -> dict[str, Any]:
    """The record of a map that this job has made."""
    found: dict[str, Any] = json.loads(manifest_path(path).read_text(encoding="utf-8"))
    return found


def _told_of(side: str, progress: Progress) -> Progress:
    """Progress whose steps say which of the two maps they are about."""
    return lambda what, total: progress(f"{what}, {side}", total)
