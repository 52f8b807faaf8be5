"""How far the masks of bf16 are from those of fp32, on the real test images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image
from rich.console import Console

from sam_common.masks.decoded import Masks
from sam_common.prompts import Prompts
from sam_common.segmenter.predictor import Segmenter, load_segmenter
from tests.conftest import data_root

PICTURES = (
    ("geo/neon_osbs_trees", "OSBS_029.tif"),
    ("geo/neon_soap_trees_png", "SOAP_061.png"),
    ("geo/neon_blan_tree_polygons", "2019_BLAN_crop.jpg"),
    ("geo/oam_tree_polygons_city", "5b90f92da0d7280005fab355_4310.tif"),
    ("geo/drone_field_painted_marks", "field_rgba.tif"),
)
ORGANS = {"spleen": 1, "kidney_right": 2, "kidney_left": 3, "liver": 5}


def pictures(root: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, (H, W, 3) image and (N, 4) boxes in index coordinates."""
    for folder, name in PICTURES:
        side_file = root / folder / f"{Path(folder).name}.json"
        edges = [p["box_xyxy_px"] for p in json.loads(side_file.read_text())["prompts"]]
        yield Path(folder).name, _rgb(root / folder / name), np.array(edges) - 0.5
    listed = json.loads((root / "natural" / "natural_prompts.json").read_text())
    for picture in listed["images"]:
        edges = [p["box_xyxy_px"] for p in picture["prompts"]]
        image = _rgb(root / "natural" / picture["file"])
        yield picture["file"], image, np.array(edges, dtype=float) - 0.5


def slices(root: Path) -> Iterator[tuple[str, list[tuple[np.ndarray, np.ndarray]]]]:
    """Organ, and its axial slices with the organ's box in each."""
    folder = root / "med" / "volumes" / "ct_abdomen"
    volume = np.clip(nibabel.load(folder / "ct.nii.gz").get_fdata(), -160, 240)
    grey = ((volume - volume.min()) / np.ptp(volume) * 255).astype(np.uint8).T
    organs = np.asarray(nibabel.load(folder / "organs.nii.gz").dataobj).T
    for name, value in ORGANS.items():
        found = []
        for k in np.flatnonzero((organs == value).any(axis=(1, 2))):
            rows, cols = np.nonzero(organs[k] == value)
            box = np.array([[cols.min(), rows.min(), cols.max(), rows.max()]], dtype=float)
            found.append((np.ascontiguousarray(grey[k]), box))
        yield name, found


def _rgb(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def overlaps(a: Masks, b: Masks) -> list[float]:
    """IoU of each pair of masks; 1 where both are empty."""
    out = []
    for n in range(len(a)):
        one, two = a.full(n), b.full(n)
        union = (one | two).sum()
        out.append(float((one & two).sum() / union) if union else 1.0)
    return out


def agreement(
    pair: tuple[Segmenter, Segmenter], work: list[tuple[np.ndarray, np.ndarray]]
) -> list[float]:
    """IoU of every mask between two segmenters."""
    found: list[float] = []
    for image, boxes in work:
        one, two = (s.decode(s.embed(image), Prompts.from_boxes(boxes)) for s in pair)
        found += overlaps(one, two)
    return found


def both_precisions(name: str) -> tuple[Segmenter, Segmenter]:
    """The same checkpoint in fp32 and in bf16."""
    return load_segmenter(name, precision="fp32"), load_segmenter(name, precision="bf16")


def precision_table(console: Console) -> list[str]:
    """Markdown lines."""
    root = data_root()
    lines = [
        "### bf16 against fp32",
        "",
        "IoU of the masks of a bf16 encoder with those of fp32. Precision `auto` takes bf16 for a",
        "checkpoint whose mean is at least 0.99 on every image (`sam_common.engines.precision`).",
        "",
        "| checkpoint | image | masks | mean IoU | lowest IoU |",
        "|---|---|---|---|---|",
    ]
    pair = both_precisions("mobile_sam")
    work = [("mobile_sam", pair, name, [(image, boxes)]) for name, image, boxes in pictures(root)]
    pair = both_precisions("lite_medsam")
    work += [("lite_medsam", pair, f"ct_abdomen {name}", found) for name, found in slices(root)]
    for model, segmenters, name, images in work:
        values = agreement(segmenters, images)
        line = f"| {model} | {name} | {len(values)} | {np.mean(values):.4f} | {min(values):.4f} |"
        console.log(line)
        lines.append(line)
    return lines
