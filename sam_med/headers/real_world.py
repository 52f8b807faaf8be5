"""Real-world value mappings: DICOM's second way to state what pixels mean (C.7.6.16.2.11).

```
rescale (or Modality LUT) alone          applied
one linear mapping alone                 applied, in its units
both, or several mappings, or a table    the rescale is applied, with a diagnostic "other-values"
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sam_med.dicom import tag_values as tags
from sam_med.geometry.volume import HOUNSFIELD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from sam_med.headers.slice_header import Mapping

SEQUENCE = "RealWorldValueMappingSequence"
UNITS = {"[hnsf'U]": HOUNSFIELD, "1": "", "{no units}": ""}
"""UCUM codes that are written differently in the suite; all others are kept."""


class Values(NamedTuple):
    """How stored pixels become values: by a rescale, in a unit."""

    rescale: tuple[float, float]
    """Slope and intercept."""
    units: str
    """Unit of the rescaled values; "" where none is stated."""
    mapping: Mapping
    """Whether a real-world value mapping was applied."""


def values_of(
    scale: Dataset, mappings: Sequence[Dataset], modality: str, *, table: bool = False
) -> Values:
    """The rescale and the unit of the values of a file or frame.

    Args:
        scale: The data set that would hold RescaleSlope and RescaleIntercept.
        mappings: Items of `SEQUENCE`.
        modality: DICOM modality, e.g. "CT".
        table: Whether values go through a Modality LUT.
    """
    rescaled = table or "RescaleSlope" in scale or "RescaleIntercept" in scale
    linear = _linear(mappings)
    if linear is not None and not rescaled:
        return Values(linear, _units(mappings[0]), "applied")
    rescale = tags.rescale(scale)
    same = not mappings or (linear == rescale and not table)
    return Values(rescale, tags.units(scale, modality), "" if same else "not applied")


def _linear(mappings: Sequence[Dataset]) -> tuple[float, float] | None:
    """Slope and intercept of a single linear mapping; None for a table or several mappings."""
    if len(mappings) != 1:
        return None
    slope, intercept = (
        tags.number(mappings[0], f"RealWorldValue{name}") for name in ("Slope", "Intercept")
    )
    return None if slope is None or intercept is None else (slope, intercept)


def _units(mapping: Dataset) -> str:
    """The unit of a mapping; "" where none is stated."""
    codes = list(tags.value(mapping, "MeasurementUnitsCodeSequence") or ())
    word = tags.text(codes[0], "CodeValue") if codes else ""
    return UNITS.get(word, word)
