"""A segmenter that answers a point with three masks: a part, an object and what is around it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.network.architecture import GRID
from sam_common.segmenter.fake import ExactMasks, FakeSegmenter
from sam_common.window import Window

RADII = (2.0, 6.0, 18.0)


@dataclass(frozen=True, slots=True, eq=False)
class ThreeMasks(ExactMasks):
    """Masks of prompts with three candidates each, in turn."""

    def __getitem__(self, rows):
        first, last, _ = rows.indices(len(self.scores))
        return replace(
            self,
            logits=self.logits[rows],
            scores=self.scores[rows],
            regions=self.regions[3 * first : 3 * last],
        )

    def region(self, n, c=0, **_):
        return self.regions[3 * n + c]


@dataclass(slots=True)
class ThreeMaskSegmenter(FakeSegmenter):
    """Discs of three radii around a point; which has the best score is drawn by its place."""

    radii: tuple[float, ...] = RADII

    def decode(self, embedding, prompts, *, multimask=False):
        if not multimask:
            return FakeSegmenter.decode(self, embedding, prompts)
        regions, scores = [], []
        for n in range(len(prompts)):
            x, y = prompts.points_xy[n, 0]
            regions += [_disc(x, y, radius, embedding.image_size_hw) for radius in self.radii]
            likely = np.array([0.8, 0.85, 0.8])
            likely[int(x + y) % 3] += 0.06
            scores.append(likely)
        return ThreeMasks(
            logits=np.zeros((len(prompts), 3, GRID, GRID), dtype=np.float32),
            scores=np.array(scores, dtype=np.float32),
            image_size_hw=embedding.image_size_hw,
            input_size_hw=embedding.input_size_hw,
            model_size=self.model_size,
            regions=tuple(regions),
        )


def _disc(x, y, radius, size_hw):
    top, left = max(0, int(y - radius)), max(0, int(x - radius))
    box = Window((top, left), (int(y + radius) + 1, int(x + radius) + 1))
    box = box.intersect(Window.full(size_hw))
    rows, cols = np.ogrid[box.start[0] : box.stop[0], box.start[1] : box.stop[1]]
    return MaskRegion.tight(box.start, (rows - y) ** 2 + (cols - x) ** 2 <= radius**2)
