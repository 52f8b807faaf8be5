"""Land-cover maps against references: `python -m tests.benchmarks.landcover MODULE:NAME`.

Samples are left out in blocks. The method of the product is a function as `Method`; each map is
made from the training samples of a fold alone, and read at the samples left out. The references
are implemented here, by scikit-learn and OpenCV. Needs `SAM_TEST_DATA`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt
from skimage.measure import label
from skimage.segmentation import slic
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.mixture import GaussianMixture

from tests.benchmarks.landcover_data import SCENES, Samples, Scene, deal, scenes

if TYPE_CHECKING:
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]
    FloatArray = npt.NDArray[np.float32]

Method = Callable[[Scene, Samples], "IntArray"]
"""From a scene and its training samples, the (h, w) class of each pixel. A method must not look at
the samples or the truth of the scene itself."""

NEAR_PX = 2
"""A boundary pixel counts as found where the other boundary is so near."""
SMALL_PX = 4
"""Pieces of fewer pixels are speckle."""
ROWS = 100_000
REFERENCES = ("forest", "forest in squares", "gaussians", "segment majority")
FIGURES = ("overall accuracy", "macro F1", "boundary F", "small pieces", "seconds per megapixel")


def predict(features: FloatArray, rows: IntArray, classes: IntArray, model: object) -> IntArray:
    """Classes of all pixels of (F, h, w) features, learned at flat indices."""
    table = features.reshape(len(features), -1).T
    model.fit(table[rows], classes)  # type: ignore[attr-defined]
    parts = [
        model.predict(table[start : start + ROWS])  # type: ignore[attr-defined]
        for start in range(0, len(table), ROWS)
    ]
    found: IntArray = np.concatenate(parts).reshape(features.shape[1:])
    return found


def forest(scene: Scene, samples: Samples) -> IntArray:
    rows = np.ravel_multi_index(tuple(samples.cells.T), scene.valid.shape)
    return predict(scene.bands, rows, samples.label, RandomForestClassifier(random_state=0))


def forest_in_squares(scene: Scene, samples: Samples) -> IntArray:
    found = [*scene.bands]
    for side in (5, 11):
        for band in scene.bands.astype(np.float64):
            mean = cv2.blur(band, (side, side), borderType=cv2.BORDER_REFLECT)
            square = cv2.blur(band * band, (side, side), borderType=cv2.BORDER_REFLECT)
            found += [mean, np.sqrt(np.maximum(square - mean * mean, 0))]
    rows = np.ravel_multi_index(tuple(samples.cells.T), scene.valid.shape)
    features = np.stack(found).astype(np.float32)
    return predict(features, rows, samples.label, RandomForestClassifier(random_state=0))


class Gaussians:
    """One Gaussian per class, weighted by the pixels of the class: dzetsaka's default."""

    def fit(self, table: FloatArray, classes: IntArray) -> None:
        self.classes = np.unique(classes)
        spread = table.astype(np.float64).var(axis=0).mean()
        self.shares = np.log([(classes == each).mean() for each in self.classes])
        self.models = [
            # the covariance of fewer pixels than bands needs a floor
            GaussianMixture(1, reg_covar=1e-3 * spread).fit(
                np.repeat(table[classes == each].astype(np.float64), 2, axis=0)
            )
            for each in self.classes
        ]

    def predict(self, table: FloatArray) -> IntArray:
        wide = table.astype(np.float64)
        scores = [model.score_samples(wide) for model in self.models]
        found: IntArray = self.classes[np.argmax(np.stack(scores, axis=1) + self.shares, axis=1)]
        return found


def gaussians(scene: Scene, samples: Samples) -> IntArray:
    rows = np.ravel_multi_index(tuple(samples.cells.T), scene.valid.shape)
    return predict(scene.bands, rows, samples.label, Gaussians())


def segment_majority(scene: Scene, samples: Samples, pixels: int = 25) -> IntArray:
    """The forest's commonest class in each superpixel."""
    low, high = np.percentile(scene.bands[:, scene.valid], (1, 99), axis=1)[..., None, None]
    scaled = np.clip((scene.bands - low) / np.maximum(high - low, 1e-6), -0.5, 1.5)
    segments = slic(
        np.moveaxis(scaled, 0, -1) * np.sqrt(3 / len(scaled)),
        n_segments=max(scene.valid.size // pixels, 4),
        compactness=0.1,
        channel_axis=-1,
        start_label=0,
    )
    found = forest(scene, samples)
    votes = np.zeros((segments.max() + 1, len(scene.classes)), dtype=np.int64)
    np.add.at(votes, (segments, found), 1)
    commonest: IntArray = votes.argmax(axis=1)[segments]
    return commonest


def edges(classes: IntArray) -> npt.NDArray[np.bool_]:
    """Pixels beside one of another class; -1 is no class."""
    found = np.zeros(classes.shape, dtype=bool)
    for here, there in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differs = (classes[here] != classes[there]) & (classes[here] >= 0) & (classes[there] >= 0)
        found[here] |= differs
        found[there] |= differs
    return found


def boundary_f(classes: IntArray, scene: Scene, test: Samples) -> float:
    """F of boundaries between known classes, of polygons around those left out.

    Edges to ground whose class nobody drew do not count: no map has a class for it. What a map has
    near it is neither right nor wrong.
    """
    if scene.truth is None:
        return float("nan")
    known = scene.truth >= 0
    where = scene.valid & known
    if len(np.unique(test.feature)) < len(test.feature):
        drawn = np.zeros(scene.valid.shape, dtype=bool)
        drawn[tuple(test.cells.T)] = True
        where &= binary_dilation(drawn, iterations=NEAR_PX + 1)
    found, true = edges(classes), edges(scene.truth)
    clear = where if known.all() else where & (distance_transform_edt(known) > NEAR_PX)
    precision = (distance_transform_edt(~true) <= NEAR_PX)[found & clear].mean()
    recall = (distance_transform_edt(~found) <= NEAR_PX)[true & where].mean()
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def small_pieces(classes: IntArray, scene: Scene) -> int:
    """Pieces of one class, joined by sides, under `SMALL_PX` pixels."""
    pieces = label(np.where(scene.valid, classes + 1, 0), background=0, connectivity=1)
    return int((np.bincount(pieces.ravel())[1:] < SMALL_PX).sum())


def examine(scene: Scene, method: Method, seeds: range) -> dict[str, float]:
    """Overall accuracy and macro F1 at samples left out, boundary F, pieces and seconds."""
    rows = []
    for seed in seeds:
        true, said, rest = [], [], []
        for train, test in deal(scene, seed):
            left = scene.samples.take(test)
            start = time.process_time()
            classes = method(scene, scene.samples.take(train))
            seconds = (time.process_time() - start) * 1e6 / scene.valid.size
            true.append(left.label)
            said.append(classes[tuple(left.cells.T)])
            rest.append((boundary_f(classes, scene, left), small_pieces(classes, scene), seconds))
        truth, found = np.concatenate(true), np.concatenate(said)
        macro = f1_score(truth, found, average="macro")
        rows.append(((truth == found).mean(), macro, *np.mean(rest, axis=0)))
    return dict(zip(FIGURES, np.mean(rows, axis=0).tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", nargs="*", help="MODULE:NAME of a method beside the references")
    parser.add_argument("--sets", nargs="*", default=[], choices=[*SCENES, []])
    parser.add_argument("--seeds", type=int, default=2)
    asked = parser.parse_args()
    methods: dict[str, Method] = dict(
        zip(REFERENCES, (forest, forest_in_squares, gaussians, segment_majority), strict=True)
    )
    for each in asked.method:
        module, name = each.split(":")
        methods[each] = getattr(importlib.import_module(module), name)
    for scene in scenes(asked.sets):
        for name, method in methods.items():
            row = {"set": scene.name, "method": name, **examine(scene, method, range(asked.seeds))}
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
