"""Requests: how the input of a case is read, where its prompts are, and what is written of it.

The command line fills these in from its options, and a batch from the columns of its list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

from sam_common.errors import InputError
from sam_med.files.read import read_volume
from sam_med.objects.overlap import DEFAULT_OVERWRITE
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE
from sam_med.prompts.flags import PromptFlags
from sam_med.slices.window_level import choose_stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sam_med.geometry.volume import Volume
    from sam_med.objects.overlap import OverwriteLabels
    from sam_med.objects.seg_type import SegType
    from sam_med.prompts.labels import LabelUse
    from sam_med.run.case_list import Case
    from sam_med.slices.window_level import Stretch

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Which part of the input is read, and which intensity window it is shown in."""

    series: str | None = None
    """Number of a series as `sam-med info` counts them, or its SeriesInstanceUID."""
    time: int | None = None
    """Time point of a 4-D input, from 1."""
    modality: str | None = None
    """CT, MR ..., instead of what the file says."""
    preset: str | None = None
    """Name of a CT window, see `sam_med.slices.window_level.PRESETS`."""
    width: float | None = None
    """Width of an intensity window of one's own, in the units of the volume."""
    level: float | None = None
    """Middle of that window."""
    join_series: bool = False
    """Whether slices of one volume that are each in a series of their own are one series."""

    def volume(self, source: Path) -> Volume:
        """The part of an input that is meant, see `sam_med.read_volume`."""
        return read_volume(
            source,
            modality=self.modality,
            series=self.series,
            time=self.time,
            join_series=self.join_series,
        )

    def stretch(self, volume: Volume) -> Stretch:
        """How values of that volume become 8 bits, see `sam_med.choose_stretch`."""
        return choose_stretch(volume, preset=self.preset, width=self.width, level=self.level)


@dataclass(frozen=True, slots=True)
class PromptSources:
    """Where the prompts of a case come from: options of the command line, a file, or both."""

    flags: PromptFlags = field(default_factory=PromptFlags)
    """Prompts that were given as options."""
    file: Path | None = None
    """File of prompts, or segmentation whose objects are the prompts."""
    use: LabelUse = "box"
    """Whether the objects of a segmentation give boxes, or masks to refine."""
    names: Path | None = None
    """Table of the names of a label map's values."""


@dataclass(frozen=True, slots=True)
class OutputRequest:
    """What is written of a case."""

    output: Path
    """The result; or the folder or stem of several formats."""
    formats: tuple[str, ...] = ()
    """Names of `sam_med.write.output_paths.FORMATS`; that of the output's suffix where empty."""
    overlay: Path | None = None
    """Picture of three planes with the result, as PNG."""
    review: Path | None = None
    """Table of slices to check, as HTML or CSV."""
    report: Path | None = None
    """Page about the objects, as HTML."""
    overwrite: bool = False
    """Whether files that are there are replaced."""
    keep_embeddings: bool = False
    """Whether embeddings outlive the run, see `sam_med.slices.embedding_cache`."""
    model: str = ""
    """Name of the network: what prompts it takes is known before it is loaded."""
    seg_type: SegType = DEFAULT_SEG_TYPE
    """How a DICOM SEG holds its pixels."""
    overwrite_labels: OverwriteLabels = DEFAULT_OVERWRITE
    """Whether later objects take voxels of earlier ones in label maps."""

    candidates: Path | None = None
    """Folder for label maps of the answers that were not chosen."""

    @property
    def others(self) -> tuple[Path, ...]:
        """The files beside the objects: picture, review and report, where they are wanted."""
        wanted = (self.overlay, self.review, self.report)
        return tuple(path for path in wanted if path is not None)


def read_options_of(case: Case) -> ReadOptions:
    """How the input of a case in the list of a batch is read.

    Raises:
        InputError: The text in a column of numbers is no number, or neither yes nor no.
    """
    options = case.options
    return ReadOptions(
        series=options.get("series"),
        time=_number(options, "time", int),
        modality=options.get("modality"),
        preset=options.get("preset"),
        width=_number(options, "window", float),
        level=_number(options, "level", float),
        join_series=_yes(options, "join_series"),
    )


def prompt_sources_of(case: Case) -> PromptSources:
    """Where the prompts of a case in the list of a batch come from.

    Raises:
        InputError: The case has no prompts, or they are to be neither boxes nor masks.
    """
    if case.prompts is None:
        raise InputError(f"{case.name} of the list has no prompts")
    use = case.options.get("labels_as", "box")
    if use not in {"box", "mask"}:
        raise InputError(f"labels_as of {case.name} must be box or mask, got {use!r}")
    return PromptSources(file=case.prompts, use=cast("LabelUse", use))


def _yes(options: Mapping[str, str], name: str) -> bool:
    """Whether an option of a case says yes; no where the case does not have it."""
    text = options.get(name, "no").lower()
    if text not in {"yes", "no"}:
        raise InputError(f"{name} of a case must be yes or no, got {text!r}")
    return text == "yes"


def _number(options: Mapping[str, str], name: str, kind: Callable[[str], N]) -> N | None:
    """The number of an option of a case; None where the case does not have it."""
    if (text := options.get(name)) is None:
        return None
    try:
        return kind(text)
    except ValueError as error:
        raise InputError(f"{name} of a case must be a number, got {text!r}") from error
