"""Assessment: from a class map and reference points to accuracies and areas with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import PromptError
from sam_common.tiled_job.progress import silent
from sam_geo.accuracy.estimates import Sample, estimate
from sam_geo.accuracy.points import read_points
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.class_maps.training_pixels import training_pixels

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from sam_common.tiled_job.progress import Progress
    from sam_geo.accuracy.estimates import Estimate, MapEstimates
    from sam_geo.accuracy.points import ReferencePoints
    from sam_geo.class_maps.class_map import ClassMap

SAME_AREA = 0.01
"""Difference of the areas of two maps, as a share, up to which they cover the same ground."""

MOST_LEARNED = 0.5
"""Share of points on pixels that trained the map from which they are no sample of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """What reference points say of a map."""

    estimates: MapEstimates
    points: int
    """Points that count."""
    left_out: Mapping[str, int]
    """Points that do not, by the reason."""
    notes: tuple[str, ...]
    """What the user should know, one sentence each."""


def assess(
    class_map: str | os.PathLike[str],
    points: str | os.PathLike[str],
    *,
    class_field: str | None = None,
    layer: str | None = None,
    crs: str | None = None,
    progress: Progress = silent,
) -> Assessment:
    """Accuracies and areas of a class map, with 95 % intervals, from a probability sample.

    Points with the columns `stratum` and `weight_m2`, as `sam-geo sample` writes them, are used as
    they were drawn, also where the map is another one today. Others are taken as a random sample
    within each class of the map, as a simple random and a systematic sample are. Points that were
    chosen by hand, or that trained the map, are neither, and no interval follows from them.

    Args:
        class_map: The map, see `open_class_map`.
        points: Points with their true class, see `read_points`.
        class_field: Column of the true class; `reference` where None.
        layer: Layer of a vector file that has several.
        crs: Reference system of the points, over what the file says.
        progress: Called with a description and the number of windows of the map.

    Raises:
        InputError: The map is no class map, or a class of it has no point.
        PromptError: The points cannot be read, their classes are not those of the map, or they are
            the samples that trained it.
    """
    with open_class_map(class_map) as classes:
        found = read_points(
            points, classes, class_field=class_field, layer=layer, crs=crs, progress=progress
        )
        areas = found.mapped_m2
        names = {value: classes.name_of(value) for value in sorted(areas)}
        reference, extra = _named(found, names, classes)
        notes = _notes(found, extra, sum(areas.values()))
        notes += _learned(found, class_map, classes)
    kinds = [*names.values(), *extra]
    of_name = {name: n for n, name in enumerate(kinds)}
    of_value = {value: n for n, value in enumerate(names)}
    mapped = np.array([of_value[int(value)] for value in found.mapped], dtype=np.int64)
    area = np.array([areas[value] for value in names])
    truth = np.array([of_name[name] for name in reference], dtype=np.int64)
    if found.strata is None:
        sample = Sample(mapped, mapped, truth, area, tuple(names.values()))
    else:
        drawn = sorted(found.stratum_m2)
        strata = np.array([drawn.index(name) for name in found.strata], dtype=np.int64)
        strata_m2 = np.array([found.stratum_m2[name] for name in drawn])
        sample = Sample(strata, mapped, truth, strata_m2, tuple(drawn))
    result = estimate(sample, kinds, np.concatenate([area, np.zeros(len(extra))]))
    return Assessment(result, len(mapped), found.left_out, tuple(notes))


def _named(
    found: ReferencePoints, names: Mapping[int, str], classes: ClassMap
) -> tuple[list[str], list[str]]:
    """True classes by the names of the map, and those that the map does not have."""
    by_value = {str(value): name for value, name in names.items()}
    known = set(names.values())
    given = set(found.reference)
    if not given & known and given & set(by_value):
        reference = [by_value.get(name, name) for name in found.reference]
    else:
        reference = list(found.reference)
    extra = sorted(set(reference) - known)
    if not set(reference) & known:
        raise PromptError(
            f"the points and {classes.source.path} have no class in common: the points have "
            f"{', '.join(sorted(given))}, the map {', '.join(names.values())} (choose the column "
            f"with --class-field)"
        )
    return reference, extra


def _learned(
    found: ReferencePoints, class_map: str | os.PathLike[str], classes: ClassMap
) -> list[str]:
    """A sentence on points that lie on pixels which trained the map.

    Raises:
        PromptError: They are so many that the points are those which trained it.
    """
    trained = training_pixels(class_map)
    height, width = classes.source.size_hw
    keys = found.cells[:, 0] * width + found.cells[:, 1]
    hits = int(np.isin(keys, trained[:, 0] * width + trained[:, 1]).sum())
    share = hits / len(keys)
    # a random sample meets these pixels as often as they are many
    if share > MOST_LEARNED and share > 2 * len(trained) / (height * width):
        raise PromptError(
            f"{hits} of {len(keys)} points lie on pixels that trained {classes.source.path}: the "
            f"map was made to fit them, so no accuracy or interval follows from them (draw points "
            f"of your own with sam-geo sample)"
        )
    if not hits:
        return []
    told = f"{hits} of {len(keys)} points lie on pixels that trained the map"
    return [f"{told}, where it is more often right than elsewhere"]


def _notes(found: ReferencePoints, extra: list[str], total_m2: float) -> list[str]:
    notes = []
    words = {
        "geometry": "without a geometry",
        "outside": "outside of the map",
        "nodata": "where the map has no class",
        "unlabelled": "without a true class",
    }
    told = [f"{count} {words[reason]}" for reason, count in found.left_out.items() if count]
    if told:
        notes.append(f"points that do not count: {', '.join(told)}")
    if found.left_out["unlabelled"]:
        notes.append(
            "points without a true class are taken to be missing at random: look them up too where "
            "they were left out because they are hard to tell"
        )
    if extra:
        notes.append(f"the map does not have these true classes: {', '.join(extra)}")
    drawn_m2 = sum(found.stratum_m2.values())
    if found.strata is not None and abs(drawn_m2 - total_m2) > SAME_AREA * total_m2:
        notes.append(
            f"the points were drawn from a map of {drawn_m2:.6g} m2, and this one has "
            f"{total_m2:.6g} m2: what is said holds where the points were drawn"
        )
    return notes


def record_of(assessment: Assessment) -> dict[str, Any]:
    """All figures of an assessment as plain values, ready for JSON.

    Returns:
        `overall` and for each class `users`, `producers` and `area_m2`, each with `value`,
        `standard_error` and the 95 % interval `low` to `high`; shares are 0 to 1. `counts` and
        `proportions` are error matrices with map classes as rows. What is unknown is None.
    """
    found = assessment.estimates
    return {
        "points": assessment.points,
        "left_out": dict(assessment.left_out),
        "area_m2": found.total_m2,
        "overall": _plain(found.overall),
        "classes": [
            {
                "class": one.name,
                "mapped_m2": one.mapped_m2,
                "area_m2": _plain(one.area_m2),
                "users": _plain(one.users),
                "producers": _plain(one.producers),
            }
            for one in found.classes
        ],
        "counts": found.counts.tolist(),
        "proportions": found.proportions.tolist(),
        "notes": list(assessment.notes),
    }


def _plain(estimate_: Estimate) -> dict[str, float | None]:
    figures = {
        "value": estimate_.value,
        "standard_error": estimate_.standard_error,
        "low": estimate_.value - estimate_.margin,
        "high": estimate_.value + estimate_.margin,
    }
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
