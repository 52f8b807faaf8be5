"""Finetune: from examples to a delta with its model card.

```
views -> embeddings, once      training_data/views, embedded_views; the encoder is frozen
epochs until no gain           epochs, losses, trainable; checkpoint_file after each
before and after               judgement, on objects that took no part
delta and card                 sam_common/tuned
```
The folder keeps embeddings and the state after the last epoch, so that an interrupted run goes on
to the same result.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common import __version__
from sam_common.errors import InputError, ModelError
from sam_common.segmenter.embedding_store import EmbeddingStore
from sam_common.support.files import write_bytes, writing
from sam_common.tiled_job.plan_file import PLAN
from sam_common.tiled_job.progress import silent
from sam_common.training.answers import best_scored
from sam_common.training.checkpoint_file import read_state, write_state
from sam_common.training.course import Course
from sam_common.training.epochs import first_state, is_over, run_epoch
from sam_common.training.judgement import Judge
from sam_common.training.trainable import Trainable
from sam_common.training_data.embedded_views import EmbeddedViews
from sam_common.training_data.examples import check_counts, counts
from sam_common.training_data.views import views_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import torch

    from sam_common.network.sam import Sam
    from sam_common.segmenter.capabilities import Capabilities
    from sam_common.segmenter.located import LocatedWeights
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_common.training.answers import Pick
    from sam_common.training.checkpoint_file import TrainingState
    from sam_common.training.judgement import Judgement
    from sam_common.training.options import TrainingOptions
    from sam_common.training_data.examples import TrainingImage

STATE = "state.safetensors"
"""File of the state after the last epoch, in the folder of an unfinished run."""
LIBRARIES = ("torch", "numpy", "safetensors")


@dataclass(frozen=True, slots=True)
class Base:
    """The network that is tuned."""

    name: str
    """Name in the registry, or file name."""
    arch: str
    """Name in `ARCHITECTURES`."""
    sha256: str
    """sha256 of its checkpoint."""
    licence: str
    """SPDX identifier, or "not stated"."""
    capabilities: Capabilities
    """The prompts that it takes."""

    @classmethod
    def of(cls, found: LocatedWeights) -> Base:
        """The base at a located checkpoint.

        Raises:
            InputError: If it is itself a tuned model, of which no delta can be kept.
            ModelError: If it is a SAM 2, which is not tuned here.
        """
        if found.architecture.is_sam2:
            raise ModelError(
                f'"{found.name}" is a SAM 2, which cannot be tuned yet: tune mobile_sam, '
                f"lite_medsam or a SAM"
            )
        if found.tuned is not None:
            raise InputError(
                f"{found.name} is itself tuned: tune its base {found.tuned.base}, with the objects "
                f"of both"
            )
        return cls(found.name, found.arch, found.sha256, found.licence, found.capabilities)


@dataclass(frozen=True, slots=True, eq=False)
class Finetuned:
    """A tuned network, with all that is known of how it came about and how good it is."""

    delta: Mapping[str, torch.Tensor]
    """What it learned, for `sam_common.tuned.tuned_file.write_delta`."""
    card: Mapping[str, Any]
    """Its model card, plain values."""
    judgement: Judgement
    """Overlaps of the judging objects before and after."""
    seconds: float
    """Time that it took, which no file holds: equal runs write equal bytes."""

    @property
    def is_better(self) -> bool:
        """Whether it is to be taken."""
        return not self.judgement.faults


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What is taught: images, and what their model card says of them."""

    images: Sequence[TrainingImage]
    source: str
    """Where the objects come from, without names of people or patients."""
    split: str
    """How the objects were parted, in words."""
    signature: Mapping[str, Any] = field(default_factory=dict)
    """Everything that decides the images, by which an unfinished run is recognised."""
    pick: Pick = best_scored
    """Chooses the mask of a point among its candidates."""

    def described(self) -> dict[str, Any]:
        """What a model card says of the data."""
        objects: dict[str, int] = {str(part): n for part, n in counts(self.images).items()}
        return {
            "objects": objects,
            "images": len(self.images),
            "source": self.source,
            "split": self.split,
        }


def finetune(  # noqa: PLR0913 - keyword-only after the first three
    lesson: Lesson,
    base: Base,
    network: Sam,
    *,
    segmenter: Segmenter,
    options: TrainingOptions,
    folder: Path,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Finetuned:
    """Tune a network on examples, and judge it on examples that it has not seen.

    Args:
        lesson: The examples.
        base: What the network is.
        network: Its network, as `Sam.prepare_inference` returned it; it is changed.
        segmenter: The base on any engine, which embeds the images where its encoder stays as it is.
        options: What is tuned, and how.
        folder: Keeps embeddings and the state after each epoch; a run of the same lesson, base and
            options goes on from what lies there.
        device: Where training runs: "cpu", "cuda", "mps".
        progress: Called with a description and a total for each step.

    Raises:
        InputError: If there are too few objects, or the folder holds another run.
    """
    told = progress or silent
    check_counts(lesson.images)
    if base.capabilities.kinds.isdisjoint(options.prompts):
        raise InputError(
            f"{base.name} takes {', '.join(sorted(base.capabilities.kinds))} only, not "
            f"{', '.join(options.prompts)}"
        )
    start = time.perf_counter()
    _check_plan(folder, lesson, base, options, segmenter)
    signature = {"embeddings of": base.sha256, **_plan(lesson, base, options, segmenter)}
    store = EmbeddingStore(folder / "embeddings", signature, private=True)
    views = EmbeddedViews(
        lesson.images, views_of(options.views, seed=options.seed), segmenter, store
    )
    if "encoder" not in options.tuned:
        with told("embeddings", len(views.needed())) as advance:
            views.fill(advance)
    trainable = Trainable(network, options, device)
    course = Course(trainable, views, options, base.capabilities, base.sha256, lesson.pick)
    state = _trained(course, folder / STATE, told)
    trainable.load(state.best)
    delta = trainable.delta()
    trainable.round_as_kept()
    with told("judging", len(lesson.images)) as advance:
        judgement = _judged(course, lesson, segmenter, advance)
    card = _card(lesson, base, options, state, judgement)
    return Finetuned(delta, card, judgement, time.perf_counter() - start)


def _trained(course: Course, path: Path, told: Progress) -> TrainingState:
    """The state after the last epoch, from the last one that is kept."""
    if path.exists():
        state = read_state(path)
    else:
        state = first_state(course)
        write_state(path, state)
    with told("epochs", course.epochs) as advance:
        advance(state.history[-1].number)
        while not is_over(course, state):
            state = run_epoch(course, state, advance)
            write_state(path, state)
            advance(1)
    return state


def _judged(course: Course, lesson: Lesson, before: Segmenter, advance: Any) -> Judgement:
    """Before and after, on the judging objects."""
    learned = [one.mask.area_px for image in lesson.images for one in image.of("learn")]
    after = course.segmenter()
    judge = Judge(before, after, course.kinds, lesson.pick, float(np.median(learned)))
    for n, image in enumerate(lesson.images):
        if objects := image.of("judge"):
            # by the base: a tuned decoder answers on the same embedding
            first = course.views.embedding(n, 0)
            judge.add(objects, first, course.embedding(after, n))
        advance(1)
    return judge.result


def _plan(
    lesson: Lesson, base: Base, options: TrainingOptions, segmenter: Segmenter
) -> dict[str, Any]:
    """Everything that decides a run, as values for JSON."""
    about = {
        "lesson": dict(lesson.signature),
        "objects": lesson.described()["objects"],
        "base": base.sha256,
        "engine": segmenter.engine,
        "precision": segmenter.precision,
        "version": __version__,
        **options.described(),
    }
    plan: dict[str, Any] = json.loads(json.dumps(about, sort_keys=True))
    return plan


def _check_plan(
    folder: Path, lesson: Lesson, base: Base, options: TrainingOptions, segmenter: Segmenter
) -> None:
    """Write what the run is of, or raise `InputError` where the folder holds another."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    plan, path = _plan(lesson, base, options, segmenter), folder / PLAN
    if not path.exists():
        write_bytes(path, json.dumps(plan, indent=2, sort_keys=True).encode())
        return
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        differing = sorted(k for k in known.keys() | plan.keys() if known.get(k) != plan.get(k))
    except (ValueError, AttributeError, OSError) as error:
        raise InputError(f"{path} cannot be read: delete {folder}") from error
    if differing:
        raise InputError(
            f"{folder} belongs to another run ({', '.join(differing)} differ): delete it, or run "
            f"with the same inputs and options"
        )


def _card(
    lesson: Lesson,
    base: Base,
    options: TrainingOptions,
    state: TrainingState,
    judgement: Judgement,
) -> dict[str, Any]:
    """The model card, plain values."""
    about = {
        "name": base.name,
        "arch": base.arch,
        "sha256": base.sha256,
        "licence": base.licence,
    }
    data = lesson.described()
    digest = hashlib.sha256(json.dumps(lesson.signature, sort_keys=True).encode()).hexdigest()
    return {
        "base": about,
        "parts": list(options.tuned),
        "data": {**data, "signature": digest},
        "figures": judgement.figures(),
        "verdict": judgement.verdict(),
        "history": [asdict(epoch) for epoch in state.history],
        "settings": {**options.described(), "best epoch": state.best_epoch.number},
        "versions": {
            "sam-geomed": __version__,
            **{name: _version(name) for name in LIBRARIES},
        },
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
