"""Fake segmenter: the interface of `Segmenter` without a network, for tests of adapters.

`FakeSegmenter` answers a box with exactly the pixels whose centres lie in it, and a point with a
disc, so that every error of an adapter's coordinates shows in the masks, to the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from sam_common.masks.decoded import MaskRegion, Masks
from sam_common.network.architecture import GRID
from sam_common.network.preprocess import check_image, resized_hw
from sam_common.segmenter.capabilities import Capabilities, check_prompts
from sam_common.segmenter.predictor import Embedding
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_common.prompts import Prompts


@dataclass(frozen=True, slots=True, eq=False)
class ExactMasks(Masks):
    """Masks whose regions are given pixel by pixel; the logits are zeros of the usual shape."""

    regions: tuple[MaskRegion | None, ...] = ()
    """The mask of each prompt, None where it is empty."""

    def best(self) -> ExactMasks:
        """The same masks: each prompt has one candidate only."""
        return self

    def __getitem__(self, rows: slice) -> ExactMasks:
        return replace(
            self, logits=self.logits[rows], scores=self.scores[rows], regions=self.regions[rows]
        )

    def onto(self, size_hw: tuple[int, int]) -> ExactMasks:
        """The masks for an image of another size, by the pixel under each new pixel's centre."""
        regions = tuple(
            None if region is None else _onto(region, self.image_size_hw, size_hw)
            for region in self.regions
        )
        return replace(self, image_size_hw=size_hw, regions=regions)

    def stability(self, *, offset: float = 1.0) -> npt.NDArray[np.float32]:
        """Ones of shape (N, 1): these masks have no soft edge."""
        del offset
        return np.ones_like(self.scores)

    def full_stability(self, n: int, c: int = 0, *, offset: float = 1.0) -> float:
        """Always 1: these masks have no soft edge."""
        del n, c, offset
        return 1.0

    def region(self, n: int, c: int = 0, *, threshold: float = 0.0) -> MaskRegion | None:
        """The given mask of prompt `n`, whatever the threshold."""
        del c, threshold
        return self.regions[n]

    def region_and_stability(
        self, n: int, c: int = 0, *, offset: float = 1.0
    ) -> tuple[MaskRegion | None, float]:
        """The given mask of prompt `n`, and 1."""
        return self.region(n, c), self.full_stability(n, c, offset=offset)


@dataclass(slots=True)
class FakeSegmenter:
    """A segmenter whose masks are the shapes of the prompts themselves.

    Args:
        radius_px: Radius of the disc with which a point is answered, in pixels.
        empty_below: Images without a value above this give empty masks.
    """

    radius_px: float = 5.0
    empty_below: int = -1
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(points=True, boxes=True, masks=True, multimask=True)
    )
    name: str = "fake"
    sha256: str = "0" * 64
    engine: str = "none"
    precision: str = "exact"
    device: str = "cpu"
    model_size: int = 1024
    embedded: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    """Every image that was embedded, in order, for tests to count and compare."""

    def embed(self, image: npt.NDArray[np.uint8]) -> Embedding:
        """Remember an image, and embed it as its brightest value."""
        check_image(image)
        self.embedded.append(image)
        features = np.full((1, 1, 1, 1), image.max(), dtype=np.float32)
        size_hw = (image.shape[0], image.shape[1])
        return Embedding(features, size_hw, resized_hw(size_hw, self.model_size), self.sha256)

    def embed_batch(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[Embedding]:
        """Embed several images one by one."""
        return [self.embed(image) for image in images]

    def decode(
        self, embedding: Embedding, prompts: Prompts, *, multimask: bool = False
    ) -> ExactMasks:
        """One mask for each prompt, with a score of 0.9."""
        del multimask
        check_prompts(self.name, self.capabilities, prompts)
        dark = float(embedding.features.max()) <= self.empty_below
        regions = tuple(
            None if dark else self._answer(prompts[n : n + 1], embedding.image_size_hw)
            for n in range(len(prompts))
        )
        return ExactMasks(
            logits=np.zeros((len(prompts), 1, GRID, GRID), dtype=np.float32),
            scores=np.full((len(prompts), 1), 0.9, dtype=np.float32),
            image_size_hw=embedding.image_size_hw,
            input_size_hw=embedding.input_size_hw,
            model_size=self.model_size,
            regions=regions,
        )

    def decode_batches(
        self, embedding: Embedding, prompts: Prompts, *, multimask: bool = False
    ) -> Iterator[ExactMasks]:
        """As `decode`, one prompt at a time."""
        for n in range(len(prompts)):
            yield self.decode(embedding, prompts[n : n + 1], multimask=multimask)

    def _answer(self, prompt: Prompts, size_hw: tuple[int, int]) -> MaskRegion | None:
        if prompt.boxes_xyxy is not None:
            x0, y0, x1, y1 = np.round(prompt.boxes_xyxy[0], 6)
            start = (int(np.ceil(y0)), int(np.ceil(x0)))
            stop = (int(np.floor(y1)) + 1, int(np.floor(x1)) + 1)
            if stop[0] <= start[0] or stop[1] <= start[1]:
                return None
            window = Window(start, stop).intersect(Window.full(size_hw))
            return None if window is None else MaskRegion(window, np.ones(window.shape, np.bool_))
        return self._disc(prompt, size_hw)

    def _disc(self, prompt: Prompts, size_hw: tuple[int, int]) -> MaskRegion | None:
        if prompt.points_xy is None or prompt.point_labels is None:
            return None
        rows, cols = np.ogrid[: size_hw[0], : size_hw[1]]
        mask = np.zeros(size_hw, dtype=np.bool_)
        for (x, y), label in zip(prompt.points_xy[0], prompt.point_labels[0], strict=True):
            if label == 1:
                mask |= (rows - y) ** 2 + (cols - x) ** 2 <= self.radius_px**2
        return MaskRegion.tight((0, 0), mask)


def _onto(
    region: MaskRegion, old_hw: tuple[int, int], new_hw: tuple[int, int]
) -> MaskRegion | None:
    """A region in an image of another size: the pixels whose centres lie in it."""
    full = np.zeros(old_hw, dtype=np.bool_)
    full[region.window.slices] = region.mask
    rows, cols = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for old, new in zip(old_hw, new_hw, strict=True)
    )
    return MaskRegion.tight((0, 0), full[np.ix_(rows, cols)])
