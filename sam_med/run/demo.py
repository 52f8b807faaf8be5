"""The demo: the brain of the MNI152 head from one 3-D box, measured against its tissue maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sam_common.errors import OutputError
from sam_common.metrics.agreement import dice
from sam_common.published import samples
from sam_med.files.read import read_volume
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelMask
from sam_med.report import overview_picture
from sam_med.run.segment import segment_volume
from sam_med.slices.window_level import choose_stretch
from sam_med.write.output_paths import check_targets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_med.geometry.volume import Volume
    from sam_med.run.segmentation import Segmentation

HEAD = "mni152_t1.nii.gz"
TISSUES = ("mni152_gm.nii.gz", "mni152_wm.nii.gz")
"""Probability maps of grey and white matter, 255 is certain."""
TISSUE_THRESHOLD = 127
WIDTH, LEVEL = 40, 60
"""Intensity window of the head. The default of MR shows grey against white matter, so that the
network takes the structures within the brain for the object; this one shows the brain against the
rest."""
LABELS_NAME = "brain.nii.gz"
PICTURE_NAME = "brain_overlay.png"


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """The head, the truth of its brain, and a box around it."""

    volume: Volume
    truth: npt.NDArray[np.bool_]
    """(k, j, i) voxels that are grey or white matter."""
    box: ObjectPrompt
    """The 3-D box around the truth."""


def prepare(*, progress: bool = True) -> Task:
    """Fetch the samples and make the box that a person would draw around the brain."""
    volume = read_volume(samples.fetch(HEAD, progress=progress), modality="MR")
    maps = [read_volume(samples.fetch(name, progress=progress)).array for name in TISSUES]
    truth = np.asarray(np.sum(maps, axis=0, dtype=np.int16) > TISSUE_THRESHOLD)
    return Task(volume, truth, ObjectPrompt("brain", 1, VoxelMask.from_array(truth).window))


def run(
    task: Task,
    segmenter: Segmenter,
    folder: Path,
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> tuple[Segmentation, float]:
    """Segment the brain and write the label map, its manifest and a picture into the folder.

    Files of an earlier demo are replaced.

    Returns:
        The result and its Dice coefficient against the tissue maps.

    Raises:
        OutputError: The folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make folder {folder}: {error.strerror}") from error
    target = folder / LABELS_NAME
    check_targets(target, overwrite=True)
    stretch = choose_stretch(task.volume, width=WIDTH, level=LEVEL)
    result = segment_volume(
        task.volume,
        [task.box],
        segmenter,
        method="litemedsam",  # a third of the slices that three planes would look at
        stretch=stretch,
        progress=progress,
    )
    result.save(target, overwrite=True)
    overview_picture.save_png(
        overview_picture.draw(result.volume, result.labels, result.stretch), folder / PICTURE_NAME
    )
    return result, dice(result.labels.array == task.box.value, task.truth)
