"""Values of DICOM tags as plain numbers, missing ones included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset


def numbers(dataset: Dataset, tag: str, count: int) -> tuple[float, ...]:
    """The numbers of a tag; empty where it is missing.

    Raises:
        ValueError: It is there, but holds something else.
    """
    values = dataset.get(tag, None)
    if values is None or values == "":
        return ()
    listed = tuple(float(v) for v in np.atleast_1d(np.asarray(values, dtype=np.float64)))
    if len(listed) != count or not np.isfinite(listed).all():
        raise ValueError(f"{tag} must be {count} numbers")
    return listed


def positive(dataset: Dataset, tag: str) -> float | None:
    """A length in mm; None where it is missing or no length."""
    try:
        value = float(dataset.get(tag, None) or 0)
    except (TypeError, ValueError):
        return None
    return value if value > 0 and np.isfinite(value) else None


def rescale(dataset: Dataset) -> tuple[float, float]:
    """Slope and intercept; 1 and 0 where they are missing."""
    slope, intercept = dataset.get("RescaleSlope", None), dataset.get("RescaleIntercept", None)
    return (
        1.0 if slope is None else float(slope),
        0.0 if intercept is None else float(intercept),
    )


def kind_of(image_type: Sequence[str]) -> str:
    """What of the image type tells kinds of image apart; how it was stored does not."""
    dull = {"ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "MOSAIC", "ND", "NORM"}
    return " ".join(word for word in image_type if word not in dull)
