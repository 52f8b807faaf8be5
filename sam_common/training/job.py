"""Training job: from a lesson to a tuned file with its cards and curve, or to a refusal.

```
mine.safetensors             the delta, only where it is better (or `keep_anyway`)
mine.card.json, .card.md     model card for programs and for people
mine.curve.png               loss and stopping score of each epoch
mine.safetensors.parts/      embeddings and the last state, until the job is done
```
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sam_common.engines.build import resolve_device
from sam_common.errors import OutputError
from sam_common.segmenter.located import locate
from sam_common.segmenter.predictor import load_segmenter
from sam_common.support.files import check_apart, check_no_address, check_output
from sam_common.support.held_outputs import held as held_outputs
from sam_common.tiled_job.folder import check_unfinished, held, remove_parts
from sam_common.tiled_job.progress import silent
from sam_common.training.options import TrainingOptions
from sam_common.tuned.learning_curve import write_curve
from sam_common.tuned.tuned_file import side_files, write_cards, write_delta

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sam_common.segmenter.located import LocatedWeights
    from sam_common.tiled_job.progress import Progress
    from sam_common.training.run import Finetuned, Lesson

SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What is tuned, how, and where the result goes."""

    output: Path
    """The tuned file to write, which ends in `.safetensors`."""
    model: str
    """The base: a name in the registry, or a checkpoint file."""
    arch: str | None = None
    """Architecture of a checkpoint file."""
    options: TrainingOptions = field(default_factory=TrainingOptions)
    """What of it is tuned, and how."""
    device: str = "auto"
    """Where training runs: "auto", "cpu", "cuda" or "mps"."""
    engine: str = "auto"
    """Engine that embeds the images where their encoder stays as it is."""
    precision: str = "auto"
    """Precision of that engine."""
    keep_anyway: bool = False
    """Whether the result is written also where it is not better."""
    resume: bool = False
    """Whether to go on with an interrupted job."""
    overwrite: bool = False
    """Whether outputs that exist may be replaced."""

    @property
    def parts(self) -> Path:
        """Folder beside the output that keeps what is done until the job is finished."""
        return self.output.with_name(f"{self.output.name}.parts")

    @property
    def curve(self) -> Path:
        """Picture of the learning curve, beside the output."""
        return self.output.with_suffix(".curve.png")

    @property
    def outputs(self) -> list[Path]:
        """Every file that may be written."""
        return [self.output, *side_files(self.output), self.curve]

    def check_outputs(self, inputs: Sequence[Path]) -> None:
        """Raise `OutputError` where an output could not be written, or is an input."""
        check_no_address(self.output)
        if self.output.suffix != SUFFIX:
            raise OutputError(f"a tuned model ends in {SUFFIX}, got {self.output.name}")
        for path in self.outputs:
            check_output(path, overwrite=self.overwrite or self.resume)
        check_apart([*self.outputs, self.parts], inputs)


@contextmanager
def opened(job: TrainingJob) -> Iterator[None]:
    """Keep other jobs from the outputs and the parts; an unfinished one needs `resume`."""
    with held(job.parts), held_outputs([job.output]):
        check_unfinished(job.parts, resume=job.resume)
        yield


def run_job(
    job: TrainingJob, lesson: Lesson, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Tune, judge, and write what is better.

    Args:
        job: What is tuned; its outputs were checked, and it is `opened`.
        lesson: The examples.
        progress: Called with a description and a total for each step.

    Returns:
        The model card, with `output` (None where nothing was written) and `objects`: one row for
        each judging object.

    Raises:
        SuiteError: The base cannot be had, or the lesson has too few objects.
    """
    from sam_common.training.run import Base, finetune  # noqa: PLC0415 - loads torch
    from sam_common.training_data.examples import check_counts  # noqa: PLC0415

    check_counts(lesson.images)
    device = resolve_device(job.device)
    with (progress or silent)("model", 1) as advance:
        found = locate(job.model, job.arch)
        base = Base.of(found)
        # a tuned encoder runs on torch: before and after are judged on one engine
        alike = "encoder" in job.options.tuned
        segmenter = load_segmenter(
            job.model,
            arch=job.arch,
            device=device,
            engine="torch" if alike else job.engine,
            precision="fp32" if alike else job.precision,
        )
        network = found.load()
        advance(1)
    tuned = finetune(
        lesson,
        base,
        network,
        segmenter=segmenter,
        options=job.options,
        folder=job.parts,
        device=device,
        progress=progress,
    )
    written = write_outcome(job, tuned)
    remove_parts(job.parts)
    return {
        **tuned.card,
        "output": str(job.output) if written else None,
        "judged": tuned.judgement.objects(),
        "seconds": round(tuned.seconds, 1),
    }


def write_outcome(job: TrainingJob, tuned: Finetuned) -> bool:
    """Write the curve, and where the network is better, or wanted anyway, the delta and its cards.

    Returns:
        Whether the delta was written.
    """
    write_curve(tuned.card, job.curve)
    if not tuned.is_better and not job.keep_anyway:
        return False
    write_cards(job.output, tuned.card)
    # last: a delta has its cards beside it
    write_delta(job.output, tuned.delta, tuned.card)
    return True


def dry_run_job(job: TrainingJob, lesson: Lesson) -> dict[str, Any]:
    """What a job would cost: one image is embedded, nothing is trained and nothing written.

    Args:
        job: What would be tuned.
        lesson: The examples.

    Returns:
        `objects` by part, `images`, `embeddings` and the seconds and bytes that they would take,
        `prompts`: how many are decoded with gradients in all epochs at most.
    """
    from sam_common.training.run import Base  # noqa: PLC0415 - loads torch
    from sam_common.training_data.embedded_views import needed_views  # noqa: PLC0415
    from sam_common.training_data.examples import check_counts  # noqa: PLC0415

    check_counts(lesson.images)
    found: LocatedWeights = locate(job.model, job.arch)
    Base.of(found)
    segmenter = load_segmenter(
        job.model,
        arch=job.arch,
        device=resolve_device(job.device),
        engine=job.engine,
        precision=job.precision,
    )
    image = lesson.images[0].load()
    segmenter.embed(image)  # the first one may convert and compile
    start = time.perf_counter()
    segmenter.embed(image)
    seconds = time.perf_counter() - start
    embeddings = len(needed_views(lesson.images, job.options.views))
    about: Mapping[str, Any] = lesson.described()
    learned = about["objects"]["learn"]
    if "encoder" in job.options.tuned:
        embeddings = sum(1 for image in lesson.images if image.of("stop", "judge"))
    return {
        **about,
        "base": found.name,
        "base_sha256": found.sha256,
        "parts": list(job.options.tuned),
        "embeddings": embeddings,
        "embedding_seconds": round(embeddings * seconds, 1),
        "embedding_bytes": embeddings * 4 * 1024 * 1024,
        "prompts": learned * job.options.epochs_for(learned),
    }
