"""Training: samples to a model, with features that earn their place and two accuracies.

```
samples -> features of their pixels -> candidates, each tested on ground that it has not seen
        -> the simplest that is as good as the best -> temperature -> model of all samples
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.tiled_job.progress import silent
from sam_geo.bands.guide import survey
from sam_geo.learning.classifier import DEFAULT, check_classifier
from sam_geo.learning.fitting import fit_best
from sam_geo.learning.model import LandcoverModel
from sam_geo.learning.sample_pixels import pixel_weights, read_features
from sam_geo.learning.trials import Material, candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_geo.bands.embedded_raster import EmbeddingFeatures
    from sam_geo.bands.indices import SpectralIndex
    from sam_geo.bands.stack import RasterStack
    from sam_geo.learning.fitting import Doubt
    from sam_geo.learning.folds import Groups
    from sam_geo.learning.samples import Samples
    from sam_geo.learning.trials import Outcome

    FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A model, and what is known of it from its own samples."""

    model: LandcoverModel
    samples: Samples
    """Those that count, on pixels with data."""
    groups: Groups
    blocked: Outcome | None
    """On ground that was not learned; None where no two classes have samples apart."""
    by_chance: Outcome | None
    """Where neighbours were learned; never to be shown without `blocked`."""
    tried: Sequence[dict[str, Any]]
    """Each candidate by its `name`, with `overall`, `macro_f1` and whether it was `chosen`."""
    doubts: Sequence[Doubt]
    """Samples to look at, the surest first."""


def learn(  # noqa: PLR0913  # what a training is made of
    stack: RasterStack,
    samples: Samples,
    *,
    indices: Sequence[SpectralIndex] = (),
    classifier: str | None = None,
    seed: int = 0,
    embedding: EmbeddingFeatures | None = None,
    progress: Progress = silent,
) -> Learned:
    """Choose features, fit and calibrate a classifier, and say how good it is.

    Args:
        stack: The rasters.
        samples: Labelled pixels on them.
        indices: Spectral indices that are features too.
        classifier: A kind, or `module:function`, see `make_classifier`.
        seed: Another number gives other folds and other trees.
        embedding: What a network makes of the raster, which is tried as features too.
        progress: Called with a description and a total for each step.

    Raises:
        InputError: A raster cannot be read, or there is no such classifier.
        PromptError: Fewer than two classes have samples on data.
    """
    kind = classifier or DEFAULT
    check_classifier(kind)  # raises where there is none, before anything is read
    axes, beside = (None, None) if embedding is None else (embedding.axes, embedding.beside)
    guide = survey(stack)
    every = candidates(stack.band_names, indices, 0 if axes is None else axes.count)
    read = read_features(stack, samples, every[-1].features, guide, progress, beside)
    samples, pixels = samples.on_data(read.has_data), read.on_data()
    material = Material(samples, pixels, pixel_weights(samples), kind, seed)
    fitted = fit_best(material, every, progress=progress)
    features = every[fitted.number].features
    table = pixels.table[:, fitted.columns]
    model = LandcoverModel(
        samples.classes,
        features,
        guide,
        fitted.classifier,
        np.stack([_least(table, np.fmin), _least(table, np.fmax)], axis=1),
        embedding=axes if features.embedding_axes else None,
    )
    return Learned(
        model,
        samples,
        fitted.groups,
        fitted.blocked,
        fitted.by_chance,
        fitted.tried,
        fitted.doubts,
    )


def _least(table: FloatArray, least: np.ufunc) -> FloatArray:
    """(F,) least or greatest value of each feature; NaN where no pixel has one."""
    found: FloatArray = least.reduce(table, axis=0)
    return found
