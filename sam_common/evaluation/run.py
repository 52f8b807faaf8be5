"""Run: a segmenter asked for all objects of a dataset, image by image, and judged.

```
images -> pixels and objects -> ask -> overlaps -> parts     one for each image, resumable
                                                     |
                                                     +-> summary, table, pictures of the worst
```
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sam_common import __version__
from sam_common.automatic.options import EverythingOptions
from sam_common.errors import InputError, OutputError, SuiteError
from sam_common.evaluation.datasets import AnnotatedImage, KnownObject, open_dataset
from sam_common.evaluation.protocols import PROTOCOLS, ask, protocols_for
from sam_common.evaluation.results import ObjectScore, figures, markdown, table_of
from sam_common.evaluation.worst import write_worst
from sam_common.masks.instance import Instance
from sam_common.masks.region_overlap import boundary_iou, region_iou
from sam_common.segmenter.predictor import load_segmenter
from sam_common.support.files import check_apart, check_no_address, write_bytes, writing
from sam_common.tiled_job.folder import check_unfinished, held, remove_parts
from sam_common.tiled_job.parts import Part, PartStore
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.progress import silent
from sam_common.tiled_job.run import run_job
from sam_common.tiled_job.work import Work
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress

SUMMARY, PAGE, TABLE, WORST = "summary.json", "summary.md", "objects.csv", "worst"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What is evaluated, how, and where the results go."""

    data: Path
    """The dataset, see `sam_common.evaluation.datasets`."""
    output: Path
    """Folder of the results."""
    model: str
    """Name of a network, or a checkpoint or tuned file."""
    images: Path | None = None
    """Folder of the images, where they lie elsewhere."""
    protocols: tuple[str, ...] = PROTOCOLS
    """Some of `PROTOCOLS`; those that the network cannot do are left out."""
    everything: EverythingOptions = field(default_factory=EverythingOptions)
    """Options of the automatic mask generator."""
    most_images: int | None = None
    """Images that are taken at most, the first ones by name."""
    pictures: int = 12
    """Objects that are pictured, the worst ones."""
    arch: str | None = None
    """Architecture of a checkpoint file."""
    device: str = "auto"
    engine: str = "auto"
    precision: str = "auto"
    resume: bool = False
    """Whether to go on with an interrupted run."""
    overwrite: bool = False
    """Whether results in the folder may be replaced."""

    def __post_init__(self) -> None:
        for name, value, least in (
            ("most images", self.most_images, 1),
            ("pictures", self.pictures, 0),
        ):
            if value is not None and value < least:
                raise InputError(f"{name} must be at least {least}, got {value}")

    @property
    def parts(self) -> Path:
        """Folder that keeps what is done until the run is finished."""
        return self.output.with_name(f"{self.output.name}.parts")


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """An image that was read."""

    pixels: npt.NDArray[np.uint8]
    objects: list[KnownObject]
    left: dict[str, int]


def evaluate(asked: Evaluation, *, progress: Progress | None = None) -> dict[str, Any]:
    """Ask a network for all objects of a dataset, and write how well it did.

    Args:
        asked: What is evaluated.
        progress: Called with a description and a total for each step.

    Returns:
        The summary: `data`, `model`, `images`, `objects`, `left_out` by reason, `protocols` with
        the figures of each, `failures` by image, `worst`: file names of pictures, and `notes`.

    Raises:
        SuiteError: The dataset, the model or the output cannot be used.
    """
    _check_output(asked)
    images = open_dataset(asked.data, asked.images)[: asked.most_images]
    told = progress or silent
    with held(asked.parts):
        check_unfinished(asked.parts, resume=asked.resume)
        with told("model", 1) as advance:
            segmenter = load_segmenter(
                asked.model,
                arch=asked.arch,
                device=asked.device,
                engine=asked.engine,
                precision=asked.precision,
            )
            advance(1)
        protocols = protocols_for(segmenter.capabilities, asked.protocols)
        parts = PartStore(
            asked.parts, _plan(asked, images, segmenter, protocols), resume=asked.resume
        )
        work: Work[int, Any] = Work(
            lambda n: _read(images[n]), lambda _n, item: _part(item, segmenter, asked, protocols)
        )
        with told("images", len(images)) as advance:
            report = run_job(work, parts, advance=advance)
        failures = {images[n].name: told_of for n, told_of in sorted(report.failures.items())}
        summary = _written(asked, images, parts, segmenter, failures)
        # an image that failed is tried again by --resume
        if not failures:
            remove_parts(asked.parts)
    return summary


def _check_output(asked: Evaluation) -> None:
    """Raise `OutputError` where the folder cannot be used, or holds results."""
    check_no_address(asked.output)
    if asked.output.exists() and not asked.output.is_dir():
        raise OutputError(f"{asked.output} is no folder")
    check_apart(
        [asked.output, asked.parts], [asked.data, *([asked.images] if asked.images else [])]
    )
    known = asked.output / SUMMARY
    if known.exists() and not (asked.overwrite or asked.resume):
        raise OutputError(f"{known} exists: choose another folder, or replace it by --overwrite")
    if asked.output.is_dir() and not known.exists() and any(asked.output.iterdir()):
        raise OutputError(f"{asked.output} holds something else: choose another folder")


def _plan(
    asked: Evaluation,
    images: Sequence[AnnotatedImage],
    segmenter: Segmenter,
    protocols: Sequence[str],
) -> Plan:
    """The plan of the run; row n of its windows stands for image n."""
    known = "\n".join(f"{one.name} {one.path.stat().st_size}" for one in images)
    signature = {
        "images": hashlib.sha256(known.encode()).hexdigest(),
        "data": asked.data.stat().st_size if asked.data.is_file() else None,
        "model": segmenter.sha256,
        "engine": segmenter.engine,
        "precision": segmenter.precision,
        "protocols": list(protocols),
        "everything": asdict(asked.everything),
        "version": __version__,
    }
    rows = tuple(Window((n, 0), (n + 1, 1)) for n in range(len(images)))
    return Plan((len(images), 1), rows, signature)


def _read(image: AnnotatedImage) -> _Item:
    pixels = image.pixels()
    objects, left = image.read_objects((pixels.shape[0], pixels.shape[1]))
    return _Item(pixels, objects, left)


def _part(item: _Item, segmenter: Segmenter, asked: Evaluation, protocols: Sequence[str]) -> Part:
    """The overlaps of the objects of an image, and the masks found by the first protocol."""
    if not item.objects:
        return Part(notes={"scores": [], "left": item.left, "pictured": []})
    size_hw = (item.pixels.shape[0], item.pixels.shape[1])
    regions = [one.region for one in item.objects]
    scores: list[list[Any]] = []
    kept: list[Instance] = []
    pictured: list[int | None] = []
    for answer in ask(segmenter, item.pixels, regions, protocols, asked.everything):
        for one, found in zip(item.objects, answer.found, strict=True):
            iou, near = region_iou(one.region, found), boundary_iou(one.region, found, size_hw)
            scores.append([one.name, answer.protocol, one.region.area_px, iou, near])
        if answer.protocol == protocols[0]:
            for found in answer.found:
                pictured.append(None if found is None else len(kept))
                kept += [] if found is None else [Instance(found, 0.0, 0.0)]
    return Part(kept, {"scores": scores, "left": item.left, "pictured": pictured})


def _written(
    asked: Evaluation,
    images: Sequence[AnnotatedImage],
    parts: PartStore,
    segmenter: Segmenter,
    failures: dict[str, str],
) -> dict[str, Any]:
    """Write the results of all parts; returns the summary."""
    scores = list(_scores(images, parts))
    if not scores:
        why = next(iter(failures.values()), "no image has one")
        raise InputError(f"{asked.data} gave no objects to ask for: {why}")
    left: Counter[str] = Counter()
    for n in range(len(images)):
        if (part := parts.read(n)) is not None:
            left.update(part.notes["left"])
    with writing(asked.output):
        asked.output.mkdir(parents=True, exist_ok=True)
    pictures = _pictures(asked, images, parts, scores)
    found = figures(scores)
    notes = [f"{count} annotations left out: {why}" for why, count in sorted(left.items())]
    notes += [f"{name} failed: {why}" for name, why in failures.items()]
    summary = {
        "data": str(asked.data),
        "model": {"name": segmenter.name, "sha256": segmenter.sha256},
        "engine": segmenter.engine,
        "precision": segmenter.precision,
        "images": len(images) - len(failures),
        "left_out": dict(sorted(left.items())),
        "protocols": {name: one.described() for name, one in found.items()},
        "failures": failures,
        "worst": pictures,
        "notes": notes,
        "version": __version__,
    }
    title = f"{segmenter.name} on {asked.data.name}"
    write_bytes(asked.output / TABLE, table_of(scores).encode())
    write_bytes(asked.output / PAGE, markdown(title, found, notes).encode())
    # last: results are whole where it is there
    write_bytes(asked.output / SUMMARY, f"{json.dumps(summary, indent=2)}\n".encode())
    return summary


def _scores(images: Sequence[AnnotatedImage], parts: PartStore) -> Iterator[ObjectScore]:
    """The scores of all parts, image by image."""
    for n, image in enumerate(images):
        part = parts.read(n)
        for name, protocol, area, iou, near in part.notes["scores"] if part is not None else ():
            yield ObjectScore(image.name, name, protocol, area, iou, near)


def _pictures(
    asked: Evaluation,
    images: Sequence[AnnotatedImage],
    parts: PartStore,
    scores: Sequence[ObjectScore],
) -> list[str]:
    """Write the pictures of the worst objects by the first protocol; returns their names."""
    folder = asked.output / WORST
    with writing(folder):
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.png"):
            old.unlink()
    first = scores[0].protocol
    order = [one for one in scores if one.protocol == first]
    worst = sorted(order, key=lambda one: (one.iou, -one.area_px))[: asked.pictures]
    places = {image.name: n for n, image in enumerate(images)}
    names = []
    for rank, one in enumerate(worst):
        n = places[one.image]
        part, item = parts.read(n), _read(images[n])
        at = next(k for k, known in enumerate(item.objects) if known.name == one.object)
        if part is None:
            raise SuiteError(f"the part of {one.image} is lost: go on with --resume")
        kept = part.notes["pictured"][at]
        name = f"{rank + 1:02d}-iou-{one.iou:.2f}.png"
        found = None if kept is None else part.instances[kept].region
        write_worst(folder / name, item.pixels, item.objects[at].region, found)
        names.append(f"{WORST}/{name}")
    return names
