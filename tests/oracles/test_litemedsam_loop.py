"""The published LiteMedSAM 3-D loop, written out around the reference network, against ours."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
import torch
from reference import lite_medsam_reference

from sam_common.segmenter import Embedding, Segmenter, load_segmenter
from sam_med.prompts import ObjectPrompt
from sam_med.segment import Segmentation, segment_volume
from sam_med.source import read_volume
from sam_med.volume import Volume

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
    return segment_volume(volume, prompts, segmenter, method="litemedsam")


def extent(mask: np.ndarray) -> list[int]:
    """Inclusive (x0, y0, z0, x1, y1, z1)."""
    z, y, x = np.nonzero(mask)
    return [int(v) for v in (x.min(), y.min(), z.min(), x.max(), y.max(), z.max())]


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def resize_longest_side(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    scale = 256 / max(height, width)
    size = int(width * scale + 0.5), int(height * scale + 0.5)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


class PublishedLoop:
    """Steps of the published script, slice by slice, on the reference network.

    The script encodes a slice anew for each object; the network is deterministic, so the features
    are kept.
    """

    def __init__(self, imgs: np.ndarray) -> None:
        self.imgs = imgs
        self.network = lite_medsam_reference()
        self.features = functools.cache(self._features)

    @torch.inference_mode()
    def _features(self, z: int) -> torch.Tensor:
        small = resize_longest_side(np.repeat(self.imgs[z][:, :, None], 3, axis=-1))
        small = (small - small.min()) / np.clip(small.max() - small.min(), 1e-8, None)
        padding = ((0, 256 - small.shape[0]), (0, 256 - small.shape[1]), (0, 0))
        image = torch.tensor(np.pad(small, padding)).float().permute(2, 0, 1)
        return self.network.image_encoder(image[None])

    @torch.inference_mode()
    def infer(self, z: int, box_256: np.ndarray) -> np.ndarray:
        size = self.imgs.shape[1:]
        sparse, dense = self.network.prompt_encoder(
            points=None, boxes=torch.as_tensor(box_256[None, None], dtype=torch.float), masks=None
        )
        low, _ = self.network.mask_decoder(
            image_embeddings=self.features(z),
            image_pe=self.network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        inner = resize_longest_side(self.imgs[z]).shape
        logits = self.network.postprocess_masks(low, inner, size)
        return (torch.sigmoid(logits).squeeze().numpy() > 0.5).astype(np.uint8)

    def first_box(self, box: list[int]) -> np.ndarray:
        ratio = 256 / max(self.imgs.shape[1:])
        return np.array([int(v * ratio) for v in box])

    @staticmethod
    def next_box(previous: np.ndarray) -> np.ndarray | None:
        if previous.max() == 0:
            return None
        small = resize_longest_side(previous)
        rows, cols = np.where(np.pad(small, ((0, 256 - small.shape[0]), (0, 0))) > 0)
        if not len(rows):
            return None
        return np.array(
            [
                max(0, cols.min() - 3),
                max(0, rows.min() - 3),
                min(256, cols.max() + 3),
                min(256, rows.max() + 3),
            ]
        )

    def segment(self, box: list[int]) -> np.ndarray:
        x0, y0, z0, x1, y1, z1 = box
        segs = np.zeros(self.imgs.shape, dtype=np.uint8)
        first = self.first_box([x0, y0, x1, y1])
        middle = int((z1 - z0) / 2 + z0)
        for z in range(middle, min(z1 + 1, len(segs))):
            following = None if z == middle else self.next_box(segs[z - 1])
            segs[z] = self.infer(z, first if following is None else following)
        for z in range(middle - 1, max(-1, z0 - 1), -1):
            following = self.next_box(segs[z + 1])
            segs[z] = self.infer(z, first if following is None else following)
        return segs > 0


@pytest.fixture(scope="module")
def published(folder: Path) -> PublishedLoop:
    volume = np.asarray(nibabel.load(folder / "ct.nii.gz").dataobj).T
    window = np.clip(volume, -160.0, 240.0)
    scaled = (window - window.min()) / (window.max() - window.min()) * 255.0
    return PublishedLoop(np.uint8(scaled))


def test_the_published_loop_on_four_organs(
    folder: Path, organs: np.ndarray, segmenter: Remembering, published: PublishedLoop
) -> None:
    volume = read_volume(folder / "ct.nii.gz")
    boxes = {name: extent(organs == value) for name, value in ORGANS.items()}
    found = {}
    for name, box in boxes.items():
        expected = published.segment(box)
        prompt = ObjectPrompt.from_ijk(name, ORGANS[name], box)
        run = loop(volume, [prompt], segmenter)
        found[name] = run.labels.array == ORGANS[name]
        assert (found[name] == expected).mean() >= 0.999
        # of the object too, not only of the background that fills a volume
        assert dice(found[name], expected) >= 0.999
        truth = organs == ORGANS[name]
        assert dice(found[name], truth) == pytest.approx(LOOP_DICE[name], abs=0.01)
    together = loop(
        volume, [ObjectPrompt.from_ijk(n, ORGANS[n], b) for n, b in boxes.items()], segmenter
    )
    # every slice once, whatever the number of organs on it
    slices = {k for box in boxes.values() for k in range(box[2], box[5] + 1)}
    assert together.encoder_calls == len(slices)
    last = list(ORGANS)[-1]
    assert np.array_equal(together.labels.array == ORGANS[last], found[last])


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
