"""The record of a land-cover job, and the facts of its training that are kept to be resumed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_geo.class_maps.class_map import open_class_map
from sam_geo.class_maps.training_pixels import pack_pixels
from sam_geo.results.record import fingerprint, job_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_geo.bands.stack import RasterStack
    from sam_geo.class_maps.legend import Legend
    from sam_geo.learning.model import LandcoverModel
    from sam_geo.learning.training import Learned
    from sam_geo.mapping.opened import OpenedMap
    from sam_geo.mapping.request import LandcoverRequest, SampleChoice

PACKAGES = ("scikit-image", "scikit-learn", "skops", "spyndex")
"""Distributions beside those of every job whose versions can change a map."""
MOST_DOUBTS = 100
"""Samples to look at that a record holds, the surest first."""
STRANGE = (0.05, 0.25)
"""Least and greatest share of the pixels of a map from which a feature out of the range of the
samples is told. In between it hangs on their number: of pixels that are like n samples, 2 of n + 1
lie out of the range of these by chance, so few samples cover little."""
BY_CHANCE = 3.0
"""How many times as many as by chance are told."""
MOST_NAMED = 5
"""Features out of the range that a note names."""


def training_facts(learned: Learned, choice: SampleChoice) -> dict[str, Any]:
    """What is to be known of a training, as JSON; it is kept in the model too.

    Args:
        learned: What was learned.
        choice: The samples, and how a classifier was to learn from them.

    Returns:
        `samples` (the file, features and pixels by class, features left out by reason,
        contradictions), `pixels` (where they lie, see `pack_pixels`), `features` (the
        names), `tried` (sets of features), `blocks` (of ground), `accuracies` and `doubts`.
    """
    samples = learned.samples
    features = np.bincount(samples.class_of, minlength=len(samples.classes))
    pixels = np.bincount(samples.pixel_classes, minlength=len(samples.classes))
    blocked, by_chance = learned.blocked, learned.by_chance
    return {
        "samples": {
            "file": fingerprint(choice.samples),
            "class_field": choice.class_field,
            "features": dict(zip(samples.classes, features.tolist(), strict=True)),
            "pixels": dict(zip(samples.classes, pixels.tolist(), strict=True)),
            "left_out": dict(samples.left_out),
            "contradictions": samples.contradictions,
        },
        "pixels": pack_pixels(samples.cells),
        "features": list(learned.model.features.names),
        "tried": list(learned.tried),
        "blocks": {
            "side_px": learned.groups.side_px,
            "groups": len(np.unique(learned.groups.group_of)),
        },
        "accuracies": {
            "blocked": None if blocked is None else blocked.as_record(),
            "random": None if by_chance is None else by_chance.as_record(),
        },
        "doubts": [asdict(doubt) for doubt in learned.doubts[:MOST_DOUBTS]],
    }


def _alike(names: Sequence[str]) -> list[str]:
    """Those of the names that another one equals but for letter case and blanks.

    >>> _alike(["Wald", "water", "wald", "bare soil", "Bare  soil"])
    ['Wald', 'wald', 'bare soil', 'Bare  soil']
    """
    spelled = [" ".join(name.casefold().split()) for name in names]
    return [name for name, one in zip(names, spelled, strict=True) if spelled.count(one) > 1]


def training_notes(learned: Learned) -> list[str]:
    """What users should know of their samples, one sentence each."""
    samples = learned.samples
    words = {
        "class": "without a class",
        "geometry": "without a geometry, or of an unknown kind",
        "outside": "outside of the raster",
        "contradicted": "contradicted by another class on all of their pixels",
        "repeated": "on the pixels of others of their class",
        "nodata": "on pixels without data",
    }
    notes = []
    told = [f"{count} {words[reason]}" for reason, count in samples.left_out.items() if count]
    if told:
        notes.append(f"samples that do not count: {', '.join(told)}")
    if samples.contradictions:
        notes.append(
            f"{samples.contradictions} pixels lie in samples of different classes and count for "
            f"none"
        )
    if alike := _alike(samples.classes):
        notes.append(
            f"names that differ by letter case or blanks only are taken as classes of their own: "
            f"{', '.join(alike)}"
        )
    count = learned.groups.count_by_class(samples)
    single = [name for name, n in zip(samples.classes, count.tolist(), strict=True) if n == 1]
    if single:
        notes.append(
            f"samples in one place only, so nothing says how right the map is there: "
            f"{', '.join(single)}"
        )
    if learned.blocked is None:
        notes.append(
            "no two classes have samples in two places: the map is untested, and no accuracy is "
            "told"
        )
    return notes


def outside_shares(
    outside: npt.NDArray[np.int64], anywhere: int, pixels: int, model: LandcoverModel
) -> dict[str, Any]:
    """Shares of the pixels of a map that lie out of the range of the samples.

    Args:
        outside: (F,) pixels out of the range of each feature.
        anywhere: Pixels out of the range of any feature.
        pixels: Pixels that have a class.
        model: The model, which knows the ranges.

    Returns:
        `share` of the pixels out of the range of any feature, and `features`: the share of each
        in which a pixel is, the largest first; 0 to 1.
    """
    share = outside / max(pixels, 1)
    order = np.argsort(-share, kind="stable").tolist()
    names = model.features.names
    return {
        "share": anywhere / max(pixels, 1),
        "features": {names[n]: float(share[n]) for n in order if share[n] > 0},
    }


def range_notes(outside: Mapping[str, Any], *, samples: int, is_own: bool) -> list[str]:
    """A sentence on the features that lie out of the range of the samples in much of the map.

    Args:
        outside: As `outside_shares` gives it.
        samples: Number of samples, each a point, line or polygon.
        is_own: Whether the samples are of this very image.
    """
    least, most = STRANGE
    told_from = min(most, max(least, BY_CHANCE * 2 / (samples + 1)))
    strange = [(name, share) for name, share in outside["features"].items() if share >= told_from]
    if not strange:
        return []
    told = ", ".join(f"{name} ({share:.0%})" for name, share in strange[:MOST_NAMED])
    more = f" and {len(strange) - MOST_NAMED} more" if len(strange) > MOST_NAMED else ""
    advice = ": the samples cover a part of the map only, draw some there" if is_own else ""
    note = (
        f"features out of the range of the samples in {outside['share']:.0%} of the pixels, most "
        f"often {told}{more}; the classes there are guesses{advice}"
    )
    return [note]


def map_record(
    request: LandcoverRequest,
    opened: OpenedMap,
    model: LandcoverModel,
    legend: Legend,
    *,
    results: Mapping[str, Any],
) -> dict[str, Any]:
    """The record of a map: what it was made from, how good it is, and what it says.

    Args:
        request: What was asked for.
        opened: The rasters and the times of the steps.
        model: The classifier, with the facts of its training.
        legend: Class of each value of the map.
        results: Counts and other figures of the result; each becomes an entry of its own.
    """
    own = {
        "classes": legend.record,
        "colours": {str(value): list(rgb) for value, rgb in legend.colours.items()},
        "training": _training(request, model),
    }
    return job_record(
        inputs=raster_identities(opened.stack) | {path.name: path for path in request.read_files},
        parameters={
            "table": request.output.name,
            "bands": list(opened.stack.band_names),
            "objects": request.objects,
            "tried_features": [] if request.learn is None else list(request.learn.features),
            "smallest": request.smallest,
            "classifier": None if request.learn is None else request.learn.classifier,
            "seed": None if request.learn is None else request.learn.seed,
        },
        results={**own, **results},
        seconds=opened.seconds(),
        packages=PACKAGES,
    )


def raster_identities(stack: RasterStack) -> dict[str, dict[str, Any]]:
    """Identities of the rasters of a stack by their role, for plan and record."""
    return {
        "raster" if n == 0 else f"raster {n + 1}": layer.source.identity
        for n, layer in enumerate(stack.layers)
    }


def _training(request: LandcoverRequest, model: LandcoverModel) -> dict[str, Any]:
    """The facts of a training; of a model that is applied, without the pixels of its own image."""
    known = dict(model.training)
    if request.apply is not None:
        known.pop("pixels", None)
    return known


def mapped_areas(
    request: LandcoverRequest, legend: Legend, progress: Progress
) -> list[dict[str, Any]]:
    """Pixels and true area of each class of the map that was written."""
    pixels, area = (dict.fromkeys(legend.names, 0) for _ in range(2))
    square_metres: dict[int, float] = dict(area)
    with open_class_map(request.output) as classes:
        for part in classes.pixels(progress):
            count = np.bincount(part.values, minlength=max(legend.names) + 1)
            sums = np.bincount(part.values, part.areas_m2, max(legend.names) + 1)
            for value in legend.names:
                pixels[value] += int(count[value])
                square_metres[value] += float(sums[value])
    return [
        {"value": value, "class": name, "pixels": pixels[value], "area_m2": square_metres[value]}
        for value, name in legend.names.items()
    ]


def failure_list(failures: Mapping[int, str], windows: Sequence[Any]) -> list[str]:
    """Messages of failed blocks with their place, in the order of the blocks."""
    return [
        f"block at row {windows[n].start[0]}, column {windows[n].start[1]}: {failures[n]}"
        for n in sorted(failures)
    ]
