"""One case, from files to files: what `sam-med segment` does, and a batch for each of its cases.

```
input -> volume -> prompts -> stretch -> segment -> outputs, manifest, review, picture
```
Everything that can be wrong with what was asked for is found before the network is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sam_common.errors import InputError, PromptError
from sam_common.support.held_outputs import held, staged
from sam_med.files.read import read_volume
from sam_med.formats.suffixes import files_of
from sam_med.objects.snomed import find_code
from sam_med.prompts.files import read_prompts
from sam_med.prompts.flags import PromptFlags, prompts_from_flags
from sam_med.prompts.object_prompt import check_objects, clip_notes, with_codes
from sam_med.propagate.planes import idle_notes
from sam_med.report import overview_picture
from sam_med.report.review import check_review, write_review
from sam_med.run.methods import check_model_name, check_prompts
from sam_med.run.segment import segment_volume, steps
from sam_med.series.zip_input import unpacking
from sam_med.slices.embedding_cache import check_folder, embedding_store
from sam_med.slices.window_level import choose_stretch
from sam_med.write.output_paths import check_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_med.geometry.volume import Volume
    from sam_med.prompts.labels import LabelUse
    from sam_med.prompts.object_prompt import ObjectPrompt
    from sam_med.run.case_list import Case
    from sam_med.run.methods import Method
    from sam_med.run.segmentation import Segmentation
    from sam_med.slices.window_level import Stretch

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Reading:
    """Which part of the input, and how its values are shown to the network."""

    series: str | None = None
    time: int | None = None
    modality: str | None = None
    preset: str | None = None
    width: float | None = None
    level: float | None = None
    join_series: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Where to look: options of the command line, or a file."""

    flags: PromptFlags = field(default_factory=PromptFlags)
    file: Path | None = None
    use: LabelUse = "box"
    """Of a label map: its boxes, or its masks to refine."""
    names: Path | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to write."""

    output: Path
    formats: tuple[str, ...] = ()
    """Names of `sam_med.write.results.FORMATS`; by the output's suffix where empty."""
    overlay: Path | None = None
    review: Path | None = None
    overwrite: bool = False
    keep_embeddings: bool = False
    model: str = ""
    """Name of the network: what it takes is known before it is loaded."""

    @property
    def others(self) -> tuple[Path, ...]:
        """The files beside the objects: picture and review, where they are wanted."""
        return tuple(path for path in (self.overlay, self.review) if path is not None)


def reading_of(case: Case) -> Reading:
    """What the list of a batch says of how to read a case.

    Raises:
        InputError: A number is none.
    """
    options = case.options
    return Reading(
        series=options.get("series"),
        time=_number(options, "time", int),
        modality=options.get("modality"),
        preset=options.get("preset"),
        width=_number(options, "window", float),
        level=_number(options, "level", float),
        join_series=_yes(options, "join_series"),
    )


def asked_of(case: Case) -> Asked:
    """The prompts of a case in the list of a batch.

    Raises:
        InputError: It has none, or they are neither boxes nor masks.
    """
    if case.prompts is None:
        raise InputError(f"{case.name} of the list has no prompts")
    match case.options.get("labels_as", "box"):
        case "box":
            return Asked(file=case.prompts)
        case "mask":
            return Asked(file=case.prompts, use="mask")
        case other:
            raise InputError(f"labels_as of {case.name} must be box or mask, got {other!r}")


def _yes(options: Mapping[str, str], name: str) -> bool:
    text = options.get(name, "no").lower()
    if text not in {"yes", "no"}:
        raise InputError(f"{name} of a case must be yes or no, got {text!r}")
    return text == "yes"


def _number(options: Mapping[str, str], name: str, kind: Callable[[str], N]) -> N | None:
    if (text := options.get(name)) is None:
        return None
    try:
        return kind(text)
    except ValueError as error:
        raise InputError(f"{name} of a case must be a number, got {text!r}") from error


class Listener(Protocol):
    """Who is told about a case while it runs."""

    def note(self, message: str) -> None:
        """One line of news."""

    def progress(self, what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A counter of `total` steps, see `sam_common.support.console.progress`."""


def run_case(  # noqa: PLR0913  # one parameter for each thing a case is made of
    source: Path,
    asked: Asked,
    wanted: Wanted,
    load: Callable[[], Segmenter],
    *,
    reading: Reading,
    method: Method,
    listener: Listener,
) -> dict[str, Any]:
    """Segment one case and write all that is wanted of it.

    Args:
        source: The input, see `sam_med.read_volume`.
        asked: The prompts.
        wanted: The outputs.
        load: Gives the network; called when everything else is known to be in order.
        reading: Which part of the input.
        method: How prompts become 3-D masks, see `sam_med.run.segment`.
        listener: Hears notes and progress.

    Returns:
        The manifest, with the paths of the `outputs`.

    Raises:
        SuiteError: Whatever is wrong, before any output was written.
    """
    files = _check_outputs(source, asked, wanted)
    with held(files), unpacking():
        volume = read_volume(
            source,
            modality=reading.modality,
            series=reading.series,
            time=reading.time,
            join_series=reading.join_series,
        )
        _check_outputs(source, asked, wanted, volume)
        for line in _told(volume):
            listener.note(line)
        prompts = _prompts(asked, volume, listener)
        stretch = choose_stretch(
            volume, preset=reading.preset, width=reading.width, level=reading.level
        )
        listener.note(stretch.describe())
        check_prompts(prompts, method)
        check_model_name(prompts, wanted.model)
        if _keeps(wanted, method):
            check_folder()
        elif wanted.keep_embeddings:
            listener.note("note: the published loop keeps no embeddings")
        run = _segment(volume, prompts, stretch, load(), method, wanted, listener)
        return _write(run, wanted, listener)


def _keeps(wanted: Wanted, method: Method) -> bool:
    """Whether embeddings outlive the run: only where that was asked for."""
    return wanted.keep_embeddings and method == "planes"


def _check_outputs(
    source: Path, asked: Asked, wanted: Wanted, volume: Volume | None = None
) -> list[Path]:
    """Every file that the run writes, the manifest aside.

    Raises:
        OutputError: One of them cannot be written, or is one that the run reads.
    """
    others = wanted.others
    if wanted.review is not None:
        check_review(wanted.review, overwrite=wanted.overwrite)
    given = [path for path in (source, asked.file, asked.names) if path is not None]
    inputs = [file for path in given for file in _read_files(path)]
    targets = check_targets(
        wanted.output,
        wanted.formats,
        overwrite=wanted.overwrite,
        volume=volume,
        others=others,
        inputs=inputs,
    )
    if wanted.overlay is not None:
        overview_picture.check_picture(wanted.overlay)
    return [*targets.values(), *others]


def _read_files(path: Path) -> tuple[Path, ...]:
    """What is read for a path: voxels may lie in a file beside a header."""
    try:
        return files_of(path) if path.is_file() else (path,)
    except OSError:
        return (path,)  # what is wrong with it is told when it is read


def _told(volume: Volume) -> list[str]:
    """Diagnostics of an input and notes about it, one line each."""
    said = {diagnostic.line for diagnostic in volume.diagnostics}
    return [
        *(f"note: {line}" for line in volume.notes if line not in said),
        *(f"{diagnostic.severity}: {diagnostic.line}" for diagnostic in volume.diagnostics),
    ]


def _prompts(asked: Asked, volume: Volume, listener: Listener) -> list[ObjectPrompt]:
    """The objects, inside the volume, with the codes that their names stand for."""
    found: list[ObjectPrompt] = []
    if asked.file is None and (asked.names is not None or asked.use != "box"):
        raise PromptError("--labels-as mask and --label-names go with a label map as --prompts")
    if asked.file is not None:
        given = read_prompts(asked.file, volume, use=asked.use, names=asked.names)
        found += given.objects
        for line in given.notes:
            listener.note(f"note: {line}")
    if asked.flags.given or asked.file is None:
        # values go on where those of the file end
        last = max((prompt.value for prompt in found), default=0)
        found += prompts_from_flags(asked.flags, volume, first=last + 1)
    check_objects(found)
    inside = [prompt.clip(volume) for prompt in found]
    for line in _about_prompts(found, inside, volume):
        listener.note(line)
    return with_codes(inside, find_code)


def _about_prompts(
    found: Sequence[ObjectPrompt], inside: Sequence[ObjectPrompt], volume: Volume
) -> Iterator[str]:
    """What a person should know of prompts: what was cut off, and what has no effect."""
    for before, after in zip(found, inside, strict=True):
        yield from (f"note: {line}" for line in clip_notes(before, after))
        yield from (f"warning: {line}" for line in idle_notes(after, volume))


def _segment(  # noqa: PLR0913, PLR0917  # the way of the data, one thing each
    volume: Volume,
    prompts: list[ObjectPrompt],
    stretch: Stretch,
    segmenter: Segmenter,
    method: Method,
    wanted: Wanted,
    listener: Listener,
) -> Segmentation:
    store = None
    if _keeps(wanted, method):
        store = embedding_store(volume, stretch, segmenter)
    with listener.progress("slices", steps(prompts, volume, method)) as advance:
        return segment_volume(
            volume,
            prompts,
            segmenter,
            method=method,
            stretch=stretch,
            store=store,
            progress=advance,
        )


def _write(run: Segmentation, wanted: Wanted, listener: Listener) -> dict[str, Any]:
    with staged(wanted.others) as parts:
        if wanted.overlay is not None:
            overview_picture.save_png(
                overview_picture.draw(run.volume, run.labels, run.stretch), parts[wanted.overlay]
            )
        if wanted.review is not None:
            write_review(run.segments, run.volume, run.stretch, parts[wanted.review])
        report = run.save(wanted.output, wanted.formats, overwrite=wanted.overwrite)
    for line in _about(run, report["notes"]):
        listener.note(line)
    return report


def _about(run: Segmentation, notes: Sequence[str]) -> list[str]:
    """What a person should know of the objects that were found, and of the files."""
    empty = [segment.name for segment in run.segments if not segment.voxels]
    return [
        *(f"warning: nothing was found for label {name}" for name in empty),
        *(f"note: {line}" for line in notes),
    ]
