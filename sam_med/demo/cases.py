"""Cases: the scans of the demo, the organs that are looked for, and a box for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from sam_common.published import samples
from sam_med.files.read import read_volume
from sam_med.objects.snomed import find_code
from sam_med.prompts.object_prompt import ObjectPrompt, with_codes
from sam_med.run.methods import DEFAULT_METHOD
from sam_med.segmentations.align import onto_grid
from sam_med.segmentations.read import read_segmentation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sam_common.frame import Frame
    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment
    from sam_med.run.methods import Method
    from sam_med.segmentations.objects import SegmentationFile

SIDES = (("L", "R"), ("P", "A"), ("S", "I"))
"""Sides of the patient that x, y and z in LPS grow to, and those that they come from."""
BODY_HU = -300
"""Values of a CT above this are the body, or the table under it; below it are air and lung."""


@dataclass(frozen=True, slots=True)
class Case:
    """A scan among the samples, with the labels that come with it."""

    name: str
    """Name of the part of the demo."""
    title: str
    scan: str
    """Name of the sample with the images."""
    labels: str
    """Name of the sample with the label map."""
    organs: Mapping[str, int]
    """Organs that are looked for, and their values in the label map."""
    output: str
    """File of the result; its suffix is the format."""
    method: Method = DEFAULT_METHOD
    """How the organs are followed from their boxes."""


CASES = (
    Case(
        "abdomen",
        "From DICOM to SEG: four organs of a CT",
        "abdomen_ct_dicom",
        "abdomen_ct_dicom_organs.nii.gz",
        MappingProxyType({"liver": 5, "spleen": 1, "stomach": 6, "aorta": 52}),
        "abdomen.seg.dcm",
        # 20 slices show all four organs: one axis takes a part of the slices of three
        "litemedsam",
    ),
    Case(
        "kidney",
        "A kidney of another CT, in three planes",
        "abdomen_ct.nii.gz",
        "abdomen_ct_organs.nii.gz",
        MappingProxyType({"right kidney": 2}),
        "kidney.nii.gz",
    ),
)
"""The DICOM series is 4 cm of an upper abdomen and ends above the kidneys, so that this one is of
the other scan of the package. Along one axis its upper third is lost, see
`docs/decisions/0004-published-loop.md`: it takes the default method."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A scan, the truth that comes with it, and a box around each organ."""

    case: Case
    volume: Volume
    truth: tuple[Segment, ...]
    """The organs as the label map has them, on the grid of the volume, in the order of the case."""
    boxes: tuple[ObjectPrompt, ...]
    """The 3-D box around each of them, as a person would draw it."""
    facts: Mapping[str, str]
    """How images and labels lie to each other."""


def prepare(case: Case, *, progress: bool = True) -> Task:
    """Fetch a scan and its labels, put the labels on the grid of the scan, and box the organs.

    Args:
        case: One of `CASES`.
        progress: Whether to show progress bars and notes on stderr.

    Raises:
        WeightsError: A sample cannot be fetched.
        GeometryError: The labels lie on another grid than the scan.
    """
    volume = read_volume(samples.fetch(case.scan, progress=progress), modality="CT")
    file = read_segmentation(samples.fetch(case.labels, progress=progress))
    found = {segment.value: segment for segment in onto_grid(file, volume).segments}
    truth = tuple(found[value] for value in case.organs.values())
    boxes = [
        ObjectPrompt(organ, value, found[value].window) for organ, value in case.organs.items()
    ]
    return Task(
        case, volume, truth, tuple(with_codes(boxes, find_code)), _facts(volume, file, truth)
    )


def directions(frame: Frame) -> str:
    """The sides of the patient that the axes (k, j, i) of a grid grow to best, such as `S P L`."""
    letters = []
    for axis in frame.array[:3, :3].T:
        world = int(np.argmax(np.abs(axis)))
        letters.append(SIDES[world][0 if axis[world] > 0 else 1])
    return " ".join(letters)


def _facts(volume: Volume, file: SegmentationFile, truth: tuple[Segment, ...]) -> Mapping[str, str]:
    """How images and labels lie to each other, checked by the body in the images.

    Labels of organs lie in the body. If they were mirrored, some of them would not.
    """
    placed, mirrored, count = 0, 0, 0
    for segment in truth:
        whole = segment.full(volume.shape)
        body = volume.array > BODY_HU
        placed += int(np.count_nonzero(body & whole))
        mirrored += int(np.count_nonzero(body & whole[:, ::-1]))
        count += segment.voxels
    return {
        "axes (k, j, i) of the images grow to": directions(volume.frame),
        "axes (k, j, i) of the labels grow to": directions(file.frame),
        "labelled voxels in the body": f"{placed / count:.1%}",
        "in the body, had the rows been mirrored": f"{mirrored / count:.1%}",
    }
