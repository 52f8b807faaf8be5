"""Records of the jobs that tell objects apart: how their tables came about."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sam_geo.learning.similarity import NEGATIVE, POSITIVE, UNLABELLED
from sam_geo.mapping.record import MOST_DOUBTS, raster_identities
from sam_geo.object_classes.request import FEW
from sam_geo.results.record import job_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas
    import numpy as np
    import numpy.typing as npt

    from sam_geo.learning.fitting import Fitted
    from sam_geo.object_classes.judgement import Judgement
    from sam_geo.object_classes.opened import OpenedObjects
    from sam_geo.object_classes.request import ClassifyRequest, ObjectRequest, SimilarRequest
    from sam_geo.object_features.kept import MeasuredObjects

    IntArray = npt.NDArray[np.int64]

PACKAGES = ("scikit-learn", "scipy")
"""Distributions beside those of every job whose versions can change a probability."""


def similar_record(  # noqa: PLR0913  # what a result is made of
    request: SimilarRequest,
    opened: OpenedObjects,
    objects: MeasuredObjects,
    said: IntArray,
    *,
    written: geopandas.GeoDataFrame,
    judgement: Judgement | None,
    results: Mapping[str, Any],
) -> dict[str, Any]:
    """The record of a search for more objects of a kind.

    Args:
        request: What was asked for.
        opened: The rasters and the times of the steps.
        objects: The candidates.
        said: (N,) what the user said of each.
        written: The table.
        judgement: How right the result is, where there is truth.
        results: Further entries: `candidates` and `notes`.

    Returns:
        The entries `inputs, parameters, features, network` (name and sha256, None without an
        embedding), `said` (candidates by what was said of them), `written`, `judgement`, those of
        `results`, `seconds` and `versions`.
    """
    inputs = {
        **raster_identities(opened.stack),
        **{name: path for name, path in _inputs(request).items() if path is not None},
    }
    return job_record(
        inputs=inputs,
        parameters={
            **_parameters(request, FEW),
            "bands": list(opened.stack.band_names),
            "example_field": request.example_field,
            "least_probability": request.least_probability,
            "all": request.every,
            "kept": request.kept.name,
            "auto": asdict(request.auto) if request.candidates is None else None,
        },
        results={
            "features": list(objects.features.names),
            "network": _network(objects),
            "said": {
                "examples": int((said == POSITIVE).sum()),
                "refused": int((said == NEGATIVE).sum()),
                "nothing": int((said == UNLABELLED).sum()),
            },
            "written": len(written),
            "judgement": (
                None if judgement is None else judgement.as_record(request.least_probability)
            ),
            **results,
        },
        seconds=opened.seconds(),
        packages=PACKAGES,
    )


def classify_record(  # what a result is made of
    request: ClassifyRequest,
    opened: OpenedObjects,
    objects: MeasuredObjects,
    fitted: Fitted,
    *,
    counts: Mapping[str, int],
    results: Mapping[str, Any],
) -> dict[str, Any]:
    """The record of a classification of objects.

    Args:
        request: What was asked for.
        opened: The rasters and the times of the steps.
        objects: The objects.
        fitted: What was learned, and how right it is.
        counts: Objects of each class.
        results: Further entries: `objects` (how many the layer has), `samples` and `notes`.

    Returns:
        The entries `inputs, parameters, features, network, counts, tried` (sets of features),
        `accuracies` (`blocked`, on ground that was not learned, and `random`), `doubts`, those of
        `results`, `seconds` and `versions`.
    """
    blocked, by_chance = fitted.blocked, fitted.by_chance
    return job_record(
        inputs={
            **raster_identities(opened.stack),
            "objects": request.objects,
            "samples": request.samples,
        },
        parameters={
            **_parameters(request, "ensemble"),
            "class_field": request.class_field,
            "tried_features": list(request.features),
        },
        results={
            "features": [objects.features.names[n] for n in fitted.columns.tolist()],
            "network": _network(objects),
            "counts": dict(counts),
            "tried": list(fitted.tried),
            "accuracies": {
                "blocked": None if blocked is None else blocked.as_record(),
                "random": None if by_chance is None else by_chance.as_record(),
            },
            "doubts": [asdict(doubt) for doubt in fitted.doubts[:MOST_DOUBTS]],
            **results,
        },
        seconds=opened.seconds(),
        packages=PACKAGES,
    )


def _parameters(request: ObjectRequest, usual: str) -> dict[str, Any]:
    """Options that both jobs share."""
    return {
        "table": request.output.name,
        "layer": request.layer,
        "classifier": request.classifier or usual,
        "seed": request.seed,
    }


def _inputs(request: SimilarRequest) -> dict[str, Any]:
    """Files of a search by their role."""
    return {
        "examples": request.examples,
        "negatives": request.negatives,
        "corrections": request.corrections,
        "candidates": request.candidates,
        "judge": request.judge,
    }


def _network(objects: MeasuredObjects) -> dict[str, str] | None:
    axes = objects.axes
    return None if axes is None else {"name": axes.network, "sha256": axes.sha256}
