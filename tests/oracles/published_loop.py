"""The published LiteMedSAM 3-D loop, written out around the reference network."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import torch
from reference import lite_medsam_reference


def soft_tissue(volume: np.ndarray) -> np.ndarray:
    """Hounsfield units to grey values as the script prepares a CT: -160 to 240, uint8."""
    window = np.clip(volume, -160.0, 240.0)
    return np.uint8((window - window.min()) / (window.max() - window.min()) * 255.0)


def resize_longest_side(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    scale = 256 / max(height, width)
    size = int(width * scale + 0.5), int(height * scale + 0.5)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


class PublishedLoop:
    """Steps of the published script, slice by slice, on the reference network.

    The script encodes a slice anew for each object. The network is deterministic, so a test keeps
    the features; a benchmark does not.

    Args:
        imgs: (k, j, i) uint8.
        keep: Keep what a slice was encoded to.
    """

    def __init__(self, imgs: np.ndarray, *, keep: bool = True) -> None:
        self.imgs = imgs
        self.network = lite_medsam_reference()
        self.features = functools.cache(self._features) if keep else self._features

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
