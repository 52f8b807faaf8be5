"""Memory of one large box whose hypotheses differ: `python -m tests.benchmarks.box_memory`.

A volume of noise, all of which is the box of one object, is segmented with a segmenter that answers
at once; its embeddings have the size of real ones, and it finds another thing for every box, so
that no step is left out. Memory is counted from the moment when every library is loaded, and
holds the volume and the embeddings.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from dataclasses import replace

import cv2
import numpy as np

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.support import console
from sam_med.geometry import frame
from sam_med.geometry.volume import Volume
from sam_med.propagate.planes import segment_box
from sam_med.slices.embedded_slices import SliceEmbeddings
from sam_med.slices.window_level import choose_stretch
from tests.benchmarks.volumes import SPACING_MM, Sized, peak_mb

SHAPE_KJI = (400, 512, 512)
UNSURE = 0.62
"""Predicted IoU of its masks: the first guesses are in doubt, and many are made."""
GRAIN = 16
"""Side of the squares of noise in logits, in pixels of the decoder's grid; between them smooth."""


class Doubtful(Sized):
    """Unsure of its masks, whose logits are smooth hills as those of a network are."""

    def decode(self, embedding, prompts, *, multimask=False):
        """Masks of two thirds of each box, a part of which depends on the box."""
        masks = FakeSegmenter.decode(self, embedding, prompts, multimask=multimask)
        logits = masks.logits.copy()
        for n, box in enumerate(np.round(prompts.boxes_xyxy, 3)):
            rng = np.random.default_rng(np.abs(8 * box).astype(int))
            hills = rng.normal(0, 6, (GRAIN, GRAIN)).astype(np.float32)
            logits[n, 0] = cv2.resize(hills, logits.shape[2:], interpolation=cv2.INTER_CUBIC)
        return replace(masks, logits=logits, scores=np.full_like(masks.scores, UNSURE))


def main() -> None:
    """Segment the box, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=SHAPE_KJI, metavar=("K", "J", "I"))
    shape = tuple(parser.parse_args().shape)
    before = peak_mb()
    rng = np.random.default_rng(1)
    array = rng.integers(-10, 10, shape, dtype=np.int16)
    k, j, i = SPACING_MM
    placed = frame.from_itk((0, 0, 0), (i, j, k), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    volume = Volume(array, placed, "CT")
    made = peak_mb()
    with SliceEmbeddings(volume, choose_stretch(volume), Doubtful()) as slices:
        started = time.perf_counter()
        found = segment_box(slices, volume.window)
        seconds = time.perf_counter() - started
        row = {
            "volume MB": round(made - before),
            "segmented MB": round(peak_mb() - before),
            "seconds": round(seconds, 1),
            "encoded": slices.calls,
            "decoded": slices.decoded,
            "candidates": len(found.candidates),
            "voxels": int(np.count_nonzero(found.mask)),
            "score": round(found.score, 6),
            # equal before and after a change of how predictions are kept
            "digest": hashlib.sha256(np.packbits(found.mask).tobytes()).hexdigest()[:16],
        }
    console.table("one box", list(row), [list(row.values())])


if __name__ == "__main__":
    main()
