"""Boxes from lines: how well they fit lesions of which the outline is known.

Both axes of each public lesion are measured on its mask, and turned back into boxes. Each row has
the intersection over union with the true box on that slice.

python -m tests.benchmarks.line_boxes
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from sam_common.window import Window
from sam_med.annotations.drawing import Annotation, AnnotationFile, Drawing
from sam_med.measurements.diameters import axes_of
from sam_med.prompts import drawings
from sam_med.segmentations.read import read_segmentation

LESIONS = (
    "ct_lesion_deeplesion_000001_008_023",
    "ct_lesion_deeplesion_000009_036_048",
    "ct_lesion_deeplesion_000015_081_093",
    "ct_sarcoma_sts003",
    "mr_brain_tumour_brats13_0004",
    "mr_sarcoma_sts001",
    "pet_sarcoma_sts001",
)
WIDTHS = (0.5, 0.625, 0.75, 0.875, 1.0)


def overlap(one, other):
    """Intersection over union of two windows."""
    shared = one.intersect(other)
    both = 0 if shared is None else np.prod(shared.shape)
    return float(both / (np.prod(one.shape) + np.prod(other.shape) - both))


def box_of(grid, *lines):
    """The box of some lines of one object."""
    file = AnnotationFile((Annotation("lesion", lines),))
    (found,), _ = drawings.prompts_from_annotations(file, grid)
    return found.slice_boxes[0].window


def main():
    """Print a row for each lesion, and the means."""
    folder = Path(os.environ["SAM_TEST_DATA"]) / "med/volumes"
    usual, rows = drawings.WIDTH, []
    for name in LESIONS:
        file = read_segmentation(folder / name / "label.nii.gz")
        for segment in file.segments:
            axes = axes_of(file.grid, segment)
            shown = np.nonzero(segment.on_slice(axes.index, file.shape[1:]))
            true = Window(tuple(n.min() for n in shown), tuple(n.max() + 1 for n in shown))
            long, short = (Drawing("line", ends) for ends in (axes.long_kji, axes.short_kji))
            row = [axes.short_mm / axes.long_mm, overlap(box_of(file.grid, long, short), true)]
            for width in WIDTHS:
                drawings.WIDTH = width
                row.append(overlap(box_of(file.grid, long), true))
            drawings.WIDTH = usual
            rows.append(row)
            told = " ".join(f"{value:.3f}" for value in row)
            sys.stdout.write(f"{name} {segment.name} {told}\n")
    heads = ("short/long", "both lines", *(f"line, {width}" for width in WIDTHS))
    for head, value in zip(heads, np.mean(rows, axis=0), strict=True):
        sys.stdout.write(f"mean {head}: {value:.3f}\n")


if __name__ == "__main__":
    main()
