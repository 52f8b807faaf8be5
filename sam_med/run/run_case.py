"""One case, from files to files: what `sam-med segment` does, and a batch for each of its cases.

This is the way of the data through `sam_med`, and each line is a call below:

```
check outputs     write/output_paths     may they be written, and is none of them an input?
read volume       files, or series       voxels on their grid, in LPS mm
read prompts      prompts                boxes, points and masks of named objects, in voxels
choose stretch    slices/window_level    values -> 8 bits
check prompts     run/methods            does the method, and does the network, take them?
load network      sam_common/segmenter   only now: whatever can be wrong was found before
segment           run/segment            slices -> embeddings -> propagate -> 3-D masks
write             run/segmentation,      objects, manifest; review, picture and report
                  report
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from sam_common.errors import PromptError
from sam_common.pages.object_page import check_page_output
from sam_common.support.held_outputs import held, staged
from sam_med.formats.suffixes import files_of
from sam_med.objects.snomed import find_code
from sam_med.prompts.files import read_prompts
from sam_med.prompts.flags import prompts_from_flags
from sam_med.prompts.object_prompt import check_objects, clip_notes, with_codes
from sam_med.propagate.planes import idle_notes
from sam_med.report import overview_picture
from sam_med.report.object_report import write_object_report
from sam_med.report.plates import Shown
from sam_med.report.review import check_review, write_review
from sam_med.run.methods import check_model_name, check_prompts
from sam_med.run.segment import segment_volume, steps
from sam_med.series.zip_input import unpacking
from sam_med.slices.embedding_cache import check_folder, embedding_store
from sam_med.write.candidates import check_candidates, write_candidates
from sam_med.write.output_paths import check_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.segmenter.tracking import LoadedTracker
    from sam_med.geometry.volume import Volume
    from sam_med.prompts.object_prompt import ObjectPrompt
    from sam_med.run.methods import Method
    from sam_med.run.request import OutputRequest, PromptSources, ReadOptions
    from sam_med.run.segmentation import Segmentation


class Listener(Protocol):
    """Whoever is told about a case while it runs: the terminal, or a job of the server."""

    def note(self, message: str) -> None:
        """Take one line of news."""

    def progress(self, what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A counter of `total` steps, see `sam_common.support.console.progress`."""


def run_case(  # noqa: PLR0913  # one parameter for each thing a case is made of
    source: Path,
    sources: PromptSources,
    wanted: OutputRequest,
    load: Callable[[], Segmenter | LoadedTracker],
    *,
    options: ReadOptions,
    method: Method,
    listener: Listener,
) -> dict[str, Any]:
    """Segment one case and write all that is wanted of it.

    Args:
        source: The input, see `sam_med.read_volume`.
        sources: Where the prompts come from.
        wanted: The files to write.
        load: Gives the network; called when everything else is known to be in order.
        options: Which part of the input is read, and which intensity window it is shown in.
        method: How prompts become 3-D masks, see `sam_med.run.segment`.
        listener: Hears notes and progress.

    Returns:
        The manifest, with the paths of the `outputs`.

    Raises:
        SuiteError: Something is wrong with the case; nothing was written.
    """
    files = _check_outputs(source, sources, wanted)
    with held(files), unpacking():
        volume = options.volume(source)
        _check_outputs(source, sources, wanted, volume)
        for line in _notes_on_input(volume):
            listener.note(line)
        prompts = _prompts(sources, volume, listener)
        stretch = options.stretch(volume)
        listener.note(stretch.describe())
        check_prompts(prompts, method)
        check_model_name(prompts, wanted.model, method)
        # prompts that are not for the method are told before a network is fetched and loaded
        count = steps(prompts, volume, method)
        keeps = wanted.keep_embeddings and method == "planes"
        if keeps:
            check_folder()
        elif wanted.keep_embeddings:
            listener.note(f"note: method {method} keeps no embeddings")
        segmenter = load()
        store = embedding_store(volume, stretch, cast("Segmenter", segmenter)) if keeps else None
        with listener.progress("slices", count) as advance:
            run = segment_volume(
                volume,
                prompts,
                segmenter,
                method=method,
                stretch=stretch,
                store=store,
                overwrite_labels=wanted.overwrite_labels,
                progress=advance,
            )
        return _write(run, wanted, listener)


def _check_outputs(
    source: Path, sources: PromptSources, wanted: OutputRequest, volume: Volume | None = None
) -> list[Path]:
    """Paths of all files that the run writes, but for the manifest.

    Raises:
        OutputError: One of them cannot be written, or is a file that the run reads.
    """
    others = wanted.others
    if wanted.candidates is not None:
        check_candidates(wanted.candidates, overwrite=wanted.overwrite)
    if wanted.review is not None:
        check_review(wanted.review, overwrite=wanted.overwrite)
    if wanted.report is not None:
        check_page_output(wanted.report, overwrite=wanted.overwrite)
    given = [path for path in (source, sources.file, sources.names) if path is not None]
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
    """The files that are read for a path: voxels may lie in a file beside a header."""
    try:
        return files_of(path) if path.is_file() else (path,)
    except OSError:
        return (path,)  # whatever is wrong with the file is told when it is read


def _notes_on_input(volume: Volume) -> list[str]:
    """Notes and diagnostics of an input, one line each."""
    said = {diagnostic.line for diagnostic in volume.diagnostics}
    return [
        *(f"note: {line}" for line in volume.notes if line not in said),
        *(f"{diagnostic.severity}: {diagnostic.line}" for diagnostic in volume.diagnostics),
    ]


def _prompts(sources: PromptSources, volume: Volume, listener: Listener) -> list[ObjectPrompt]:
    """The prompts of all objects, cut to the volume, with the codes of their names."""
    found: list[ObjectPrompt] = []
    if sources.file is None and (sources.names is not None or sources.use != "box"):
        raise PromptError("--labels-as mask and --label-names go with a label map as --prompts")
    if sources.file is not None:
        given = read_prompts(sources.file, volume, use=sources.use, names=sources.names)
        found += given.objects
        for line in given.notes:
            listener.note(f"note: {line}")
    if sources.flags.given or sources.file is None:
        # values go on where those of the file end
        last = max((prompt.value for prompt in found), default=0)
        found += prompts_from_flags(sources.flags, volume, first=last + 1)
    check_objects(found)
    inside = [prompt.clip(volume) for prompt in found]
    for line in _notes_on_prompts(found, inside, volume):
        listener.note(line)
    return with_codes(inside, find_code)


def _notes_on_prompts(
    found: Sequence[ObjectPrompt], inside: Sequence[ObjectPrompt], volume: Volume
) -> Iterator[str]:
    """One line for each part of a prompt that was cut off or has no effect."""
    for before, after in zip(found, inside, strict=True):
        yield from (f"note: {line}" for line in clip_notes(before, after))
        yield from (f"warning: {line}" for line in idle_notes(after, volume))


def _write(run: Segmentation, wanted: OutputRequest, listener: Listener) -> dict[str, Any]:
    """Write the objects, the manifest, review, picture and report; gives the manifest."""
    with staged(wanted.others) as parts:
        if wanted.overlay is not None:
            overview_picture.save_png(
                overview_picture.draw(run.volume, run.labels, run.stretch), parts[wanted.overlay]
            )
        if wanted.review is not None:
            write_review(run.segments, run.volume, run.stretch, parts[wanted.review])
        report = run.save(
            wanted.output, wanted.formats, overwrite=wanted.overwrite, seg_type=wanted.seg_type
        )
        if wanted.report is not None:
            shown = Shown(run.volume, run.stretch, run.segments)
            write_object_report(parts[wanted.report], shown, report)
    if wanted.candidates is not None:
        written = write_candidates(run.segments, run.volume, wanted.candidates)
        listener.note(f"note: {len(written)} candidate(s) that were not chosen are written")
        report = {**report, "candidate_files": [str(path) for path in written]}
    for line in _notes_on_results(run, report["notes"]):
        listener.note(line)
    return report


def _notes_on_results(run: Segmentation, notes: Sequence[str]) -> list[str]:
    """One line for each object that was not found, and for each note on the files."""
    empty = [segment.name for segment in run.segments if not segment.voxels]
    return [
        *(f"warning: nothing was found for label {name}" for name in empty),
        *(f"note: {line}" for line in notes),
    ]
