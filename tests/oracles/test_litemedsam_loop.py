"""The published LiteMedSAM 3-D loop against ours."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from published_loop import PublishedLoop, soft_tissue

from sam_common.segmenter.predictor import Embedding, Segmenter, load_segmenter
from sam_med.files.read import read_volume
from sam_med.geometry.volume import Volume
from sam_med.prompts.object_prompt import ObjectPrompt
from sam_med.run.segment import segment_volume
from sam_med.run.segmentation import Segmentation

pytestmark = pytest.mark.slow
ORGANS = {"spleen": 1, "kidney_left": 3, "kidney_right": 2, "liver": 5}
LOOP_DICE = {"spleen": 0.837, "kidney_left": 0.950, "kidney_right": 0.767, "liver": 0.572}
"""Of the published loop with the truth: docs/decisions/0004-published-loop.md."""


@pytest.fixture(scope="module")
def folder(data: Path) -> Path:
    return data / "med" / "volumes" / "ct_abdomen"


@pytest.fixture(scope="module")
def organs(folder: Path) -> np.ndarray:
    """(k, j, i) labels."""
    return np.asarray(nibabel.load(folder / "organs.nii.gz").dataobj).T


class Remembering:
    """A segmenter that encodes no picture twice: tests look at the same slices."""

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter = segmenter
        self.known: dict[bytes, Embedding] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(self.segmenter, name)

    def embed(self, image: np.ndarray) -> Embedding:
        key = hashlib.sha256(image.tobytes()).digest()
        if key not in self.known:
            self.known[key] = self.segmenter.embed(image)
        return self.known[key]


@pytest.fixture(scope="module")
def segmenter() -> Remembering:
    return Remembering(load_segmenter("lite_medsam", precision="fp32"))


def loop(volume: Volume, prompts: list[ObjectPrompt], segmenter: Remembering) -> Segmentation:
    # as published, a later organ is drawn over earlier ones
    return segment_volume(volume, prompts, segmenter, method="litemedsam", overwrite_labels="all")


def extent(mask: np.ndarray) -> list[int]:
    """Inclusive (x0, y0, z0, x1, y1, z1)."""
    z, y, x = np.nonzero(mask)
    return [int(v) for v in (x.min(), y.min(), z.min(), x.max(), y.max(), z.max())]


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.fixture(scope="module")
def published(folder: Path) -> PublishedLoop:
    return PublishedLoop(soft_tissue(np.asarray(nibabel.load(folder / "ct.nii.gz").dataobj).T))


def test_four_organs(folder: Path, organs: np.ndarray, segmenter: Remembering) -> None:
    volume = read_volume(folder / "ct.nii.gz")
    boxes = {name: extent(organs == value) for name, value in ORGANS.items()}
    found = {}
    for name, box in boxes.items():
        run = loop(volume, [ObjectPrompt.from_ijk(name, ORGANS[name], box)], segmenter)
        found[name] = run.labels.array == ORGANS[name]
        truth = organs == ORGANS[name]
        assert dice(found[name], truth) == pytest.approx(LOOP_DICE[name], abs=0.01)


def test_several_organs_share_their_slices(
    folder: Path, organs: np.ndarray, segmenter: Remembering
) -> None:
    volume = read_volume(folder / "ct.nii.gz")
    # all of them are on these slices, and each begins on another
    boxes = {
        name: [*extent(organs == value)[:2], 86 + n, *extent(organs == value)[3:5], 92]
        for n, (name, value) in enumerate(ORGANS.items())
    }
    prompts = [ObjectPrompt.from_ijk(n, ORGANS[n], b) for n, b in boxes.items()]
    together = loop(volume, prompts, segmenter)
    assert together.encoder_calls == 7
    # what is drawn last hides no part of itself
    last = list(ORGANS)[-1]
    alone = loop(volume, prompts[-1:], segmenter)
    assert alone.labels.array.any()
    assert np.array_equal(together.labels.array == ORGANS[last], alone.labels.array > 0)


@pytest.mark.parametrize("name", ORGANS)
def test_the_published_loop(
    name: str, folder: Path, organs: np.ndarray, segmenter: Remembering, published: PublishedLoop
) -> None:
    """On slices that show all organs: the published network takes two seconds to encode one.

    Their middle lies between two slices, and to either side a box goes on from one that went on.
    """
    x0, y0, _, x1, y1, _ = extent(organs == ORGANS[name])
    box = [x0, y0, 88, x1, y1, 93]
    expected = published.segment(box)
    volume = read_volume(folder / "ct.nii.gz")
    run = loop(volume, [ObjectPrompt.from_ijk(name, ORGANS[name], box)], segmenter)
    found = run.labels.array == ORGANS[name]
    assert (found == expected).mean() >= 0.999
    # of the object too, not only of the background that fills a volume
    assert dice(found, expected) >= 0.999


def test_the_published_loop_on_mirrored_slices(
    folder: Path, organs: np.ndarray, segmenter: Remembering
) -> None:
    """On five slices that show all organs, whose middle is one of them."""
    volume = read_volume(folder / "ct.nii.gz")
    mirrored = replace(volume, array=np.ascontiguousarray(volume.array[:, :, ::-1]))
    published = PublishedLoop(soft_tissue(mirrored.array))
    for name, value in ORGANS.items():
        x0, y0, _, x1, y1, _ = extent(organs[:, :, ::-1] == value)
        # the upper edges lie outside of the organ
        box = [x0, y0, 88, x1 + 1, y1 + 1, 92]
        found = loop(mirrored, [ObjectPrompt.from_ijk(name, value, box)], segmenter)
        expected = published.segment(box)
        assert expected.any()
        assert ((found.labels.array == value) == expected).mean() >= 0.999
        assert dice(found.labels.array == value, expected) >= 0.999


@pytest.mark.parametrize("name", ORGANS)
def test_true_boxes_on_every_slice(
    name: str, folder: Path, organs: np.ndarray, segmenter: Remembering
) -> None:
    """Outer edges of the organ on each slice, one box a slice."""
    volume = read_volume(folder / "ct.nii.gz")
    truth = organs == ORGANS[name]
    slices = np.flatnonzero(truth.any(axis=(1, 2)))
    found = np.zeros_like(truth)
    for k in slices:
        only = np.zeros_like(truth)
        only[k] = truth[k]
        x0, y0, z0, x1, y1, z1 = extent(only)
        prompt = ObjectPrompt.from_ijk(name, 1, [x0, y0, z0, x1 + 1, y1 + 1, z1])
        found |= loop(volume, [prompt], segmenter).labels.array == 1
    assert dice(found, truth) >= 0.90
