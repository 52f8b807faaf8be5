"""Dice of whole objects from one prompt: `python -m tests.benchmarks.propagation`.

Every structure is asked for by its true 3-D box, by looser ones, and by its true box on its
largest slice alone; the published loop and the true box on every slice show what is to be beaten
and what could be reached. `--write docs/propagation-figures.md` puts the table into that page.
Needs `SAM_TEST_DATA`; takes hours on two cores.
"""

from __future__ import annotations

import argparse
import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import nibabel
import nrrd
import numpy as np

from sam_common.metrics.agreement import dice
from sam_common.prompts import Prompts
from sam_common.segmenter.predictor import load_segmenter
from sam_common.support import console
from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry.slice_box import SliceBox
from sam_med.propagate.litemedsam import loop_masks
from sam_med.propagate.planes import segment_box, segment_slice_boxes
from sam_med.slices.embedded_slices import SliceEmbeddings
from sam_med.slices.embedding_cache import embedding_store
from sam_med.slices.window_level import choose_stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

Mask = np.ndarray
LOOSE = (5, 10, 20)
"""Per cent by which each side of the box grows, half of it at either end."""
SOFT_CT = ("spleen", "kidney right", "kidney left", "gallbladder", "liver", "bladder")


@dataclass(frozen=True)
class Case:
    """One structure of one volume."""

    name: str
    slices: SliceEmbeddings
    truth: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Row:
    """What was measured of one structure; Dice by column."""

    name: str
    values: dict[str, float]
    ends: str


Labelled: TypeAlias = "int | tuple[int, ...] | str"
"""A label value, several that make one structure together, or another file of one structure."""
NIFTI = ("image.nii.gz", "label.nii.gz")
STRUCTURES: dict[str, tuple[str, str, str, dict[Labelled, str]]] = {
    "ct_abdomen": (
        "ct.nii.gz",
        "organs.nii.gz",
        "CT",
        {
            1: "spleen",
            2: "kidney right",
            3: "kidney left",
            4: "gallbladder",
            5: "liver",
            6: "stomach",
            7: "pancreas",
            21: "bladder",
            29: "vertebra",
            52: "aorta",
        },
    ),
    "mr_brain1": ("brain1_image.nrrd", "brain1_label.nrrd", "MR", {1: "brain lesion"}),
    "mr_spine_t2": ("t2.nii.gz", "cord.nii.gz", "MR", {1: "cord, T2"}),
    "mr_spine_oblique": ("t2w.nii.gz", "cord.nii.gz", "MR", {1: "cord, oblique"}),
    "ct_aorta": (
        "ct.nii.gz",
        "aorta.nii.gz",
        "CT",
        {1: "dissected aorta", "vertebra_T12.nii.gz": "vertebra T12"},
    ),
    "ct_lesion_deeplesion_000001_008_023": (*NIFTI, "CT", {1: "lesion 1"}),
    "ct_lesion_deeplesion_000009_036_048": (*NIFTI, "CT", {1: "lesion 2"}),
    "ct_lesion_deeplesion_000015_081_093": (*NIFTI, "CT", {1: "lesion 3"}),
    "ct_sarcoma_sts003": (*NIFTI, "CT", {1: "sarcoma, CT"}),
    "ct_thorax_lung1_002": (
        *NIFTI,
        "CT",
        {1: "lung left", 2: "lung right", 3: "heart", 4: "oesophagus", 5: "cord, CT", 6: "tumour"},
    ),
    "mr_abdomen": (
        "mr.nii.gz",
        "organs.nii.gz",
        "MR",
        {
            1: "spleen, MR",
            2: "kidney right, MR",
            3: "kidney left, MR",
            4: "gallbladder, MR",
            5: "liver, MR",
            6: "stomach, MR",
            7: "pancreas, MR",
        },
    ),
    "mr_abdomen_chaos_t2_01": (
        *NIFTI,
        "MR",
        {1: "liver, T2", 2: "kidney right, T2", 3: "kidney left, T2", 4: "spleen, T2"},
    ),
    "mr_brain_tumour_brats13_0004": (*NIFTI, "MR", {(1, 2, 3, 4): "brain tumour"}),
    "mr_heart_acdc_001": (*NIFTI, "MR", {1: "RV, cine", 2: "myocardium, cine", 3: "LV, cine"}),
    "mr_heart_bssfp_mscmr_01": (
        *NIFTI,
        "MR",
        {200: "myocardium, bSSFP", 500: "LV, bSSFP", 600: "RV, bSSFP"},
    ),
    "mr_sarcoma_sts001": (*NIFTI, "MR", {1: "sarcoma, MR"}),
    "pet_sarcoma_sts001": (*NIFTI, "PT", {1: "sarcoma, PET"}),
}
"""Item to its image, its labels, its modality, and the names of its structures."""


def cases(
    data: Path,
    wanted: Sequence[str],
    precision: str = "fp32",
    is_asked: Callable[[str], bool] = lambda _name: True,
    *,
    keep: Path | None = None,
) -> Iterator[Case]:
    """All structures, or those whose name holds one of the words and that are asked for.

    Args:
        data: Folder of the test data.
        wanted: Words; all structures where there are none.
        precision: Of the image encoder.
        is_asked: Whether a structure of a name is asked for.
        keep: Folder in which embeddings outlive the run; they do not where none is given.
    """
    segmenter = load_segmenter("lite_medsam", precision=precision)
    for item, (image, labels, modality, names) in STRUCTURES.items():
        chosen = {
            value: name
            for value, name in names.items()
            if (not wanted or any(word in name for word in wanted)) and is_asked(name)
        }
        if not chosen:
            continue
        folder = data / "med/volumes" / item
        volume = read_volume(folder / image, modality=modality)
        truth = _labels(folder / labels)
        stretch = choose_stretch(volume)
        store = None if keep is None else embedding_store(volume, stretch, segmenter, folder=keep)
        with SliceEmbeddings(volume, stretch, segmenter, store=store) as slices:
            for value, name in chosen.items():
                if isinstance(value, str):
                    yield Case(name, slices, _labels(folder / value) > 0)
                else:
                    yield Case(name, slices, np.isin(truth, value))


def _labels(path: Path) -> npt.NDArray[np.int64]:
    """A label map in the order (k, j, i), by other code than the project's own reader."""
    if path.suffix == ".nrrd":
        array, _ = nrrd.read(str(path))
    else:
        array = np.asanyarray(nibabel.load(path).dataobj)
    return np.asarray(array).T.astype(np.int64)


def measure(case: Case, columns: Sequence[str]) -> Row:
    """Dice of a structure in each of the columns."""
    ways: dict[str, Callable[[Case], Mask]] = {
        "loop": loop,
        "box": functools.partial(boxed, share=0),
        **{f"+{share} %": functools.partial(boxed, share=share) for share in LOOSE},
        "one slice": one_slice,
        "true boxes": true_boxes,
    }
    values, ends = {}, ""
    for column in columns:
        found = ways[column](case)
        values[column] = dice(found, case.truth)
        if column == "one slice":
            ends = overshoot(found, case.truth)
    return Row(case.name, values, ends)


def loop(case: Case) -> Mask:
    """The published loop."""
    slices, box = case.slices, tight(case.truth)
    mask = np.zeros(case.truth.shape, dtype=np.bool_)
    size_hw = case.truth.shape[1:]
    for one in loop_masks(
        lambda k: slices.pixels(0, k), [box], slices.segmenter, size_hw=(size_hw[0], size_hw[1])
    ):
        if one.region is not None:
            mask[one.k][one.region.window.slices] |= one.region.mask
    return mask


def boxed(case: Case, share: int) -> Mask:
    """The default, by a box that is `share` per cent longer along each axis."""
    return segment_box(case.slices, longer_box(case.truth, share)).full(case.slices.shape)


def longer_box(truth: Mask, share: int) -> Window:
    """The box of a structure, `share` per cent longer along each axis, cut to the volume."""
    box = tight(truth)
    more = [int(np.floor(side * share / 200 + 0.5)) for side in box.shape]
    start = tuple(max(0, s - m) for s, m in zip(box.start, more, strict=True))
    stop = tuple(min(n, e + m) for n, e, m in zip(truth.shape, box.stop, more, strict=True))
    return Window(start, stop)


def one_slice(case: Case) -> Mask:
    """The default, by one box on the largest slice along the first axis."""
    k = int(np.argmax(case.truth.sum(axis=(1, 2))))
    part = tight(case.truth[k])
    return segment_slice_boxes(case.slices, [SliceBox(0, k, part)]).full(case.slices.shape)


def true_boxes(case: Case) -> Mask:
    """The true box on every slice."""
    mask = np.zeros(case.truth.shape, dtype=np.bool_)
    for k in np.flatnonzero(case.truth.any(axis=(1, 2))):
        (y0, x0), (y1, x1) = tight(case.truth[k]).start, tight(case.truth[k]).stop
        masks = case.slices.decode(0, int(k), Prompts.from_boxes([x0, y0, x1 - 1, y1 - 1]))
        mask[k] = masks.full(0)
    return mask


def overshoot(found: Mask, truth: Mask) -> str:
    """Slices too many and too few along the first axis, as "+3 -1"."""
    said, true = found.any(axis=(1, 2)), truth.any(axis=(1, 2))
    return f"+{np.count_nonzero(said & ~true)} -{np.count_nonzero(true & ~said)}"


def tight(mask: Mask) -> Window:
    """The smallest window that holds a mask."""
    found = np.nonzero(mask)
    return Window(tuple(int(x.min()) for x in found), tuple(int(x.max()) + 1 for x in found))


def table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """The rows, their mean, and the mean of the soft organs of the CT."""
    lines = [
        f"| structure | {' | '.join(columns)} | ends |",
        f"| --- |{' --- |' * (len(columns) + 1)}",
    ]
    lines += [_line(row.name, row.values, columns, row.ends) for row in rows]
    soft = [row for row in rows if row.name in SOFT_CT]
    for name, part in (("**mean**", rows), ("**mean of the six soft CT organs**", soft)):
        if part:
            means = {c: float(np.mean([row.values[c] for row in part])) for c in columns}
            lines.append(_line(name, means, columns, ""))
    return "\n".join(lines) + "\n"


def _line(name: str, values: dict[str, float], columns: Sequence[str], ends: str) -> str:
    return f"| {name} | {' | '.join(f'{values[c]:.3f}' for c in columns)} | {ends} |"


def main() -> None:
    """Measure and print, and put the table into a page in place of its first one."""
    every = ["loop", "box", *(f"+{share} %" for share in LOOSE), "one slice", "true boxes"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--columns", nargs="+", default=every, choices=every)
    parser.add_argument("--structures", nargs="*", default=[], help="words of their names")
    parser.add_argument("--precision", default="fp32", help="of the image encoder")
    options = parser.parse_args()
    rows = []
    data = Path(os.environ["SAM_TEST_DATA"])
    for case in cases(data, options.structures, options.precision):
        rows.append(measure(case, options.columns))
        console.note(_line(rows[-1].name, rows[-1].values, options.columns, rows[-1].ends))
    if options.write is not None:
        page = options.write.read_text(encoding="utf-8")
        before, _, rest = page.partition("| structure |")
        after = rest[rest.index("\n\n") + 1 :]
        options.write.write_text(before + table(rows, options.columns) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
