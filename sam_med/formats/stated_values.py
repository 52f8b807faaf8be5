"""Stated values: the rescale and the quantization that a NRRD or MetaImage header states.

```
MetaImage    ElementToIntensityFunctionSlope, -Offset    value = stored * slope + offset
NRRD         old min, old max                            the range before it was quantized
```
ITK ignores both. The rescale is applied, because nothing else says what the stored numbers mean. A
quantization only says how coarse the values are, and becomes a diagnostic.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sam_med.geometry.diagnostics import Diagnostic, found, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOPE, OFFSET = "elementtointensityfunctionslope", "elementtointensityfunctionoffset"
QUANTIZED = frozenset({"oldmin", "oldmax"})
"""NRRD fields of the range that the values had before they were quantized."""


def stated_values(fields: Mapping[str, str]) -> tuple[float, float, list[Diagnostic]]:
    """Slope and intercept of the stored numbers, and diagnostics about them.

    Args:
        fields: From `sam_med.formats.text_header.header_fields`.

    Raises:
        RefusedError: "bad-rescale": the slope or intercept is no number, or the slope is 0.
    """
    slope, intercept = _number(fields, SLOPE, 1.0), _number(fields, OFFSET, 0.0)
    if not (slope and math.isfinite(slope) and math.isfinite(intercept)):
        message = "ElementToIntensityFunctionSlope is 0, or it or its Offset is no number"
        raise refused("bad-rescale", message)
    told = []
    if (slope, intercept) != (1.0, 0.0):
        message = f"values are the stored ones times {slope:g} plus {intercept:g}"
        told.append(found("stated-rescale", message, slope=slope, intercept=intercept))
    if QUANTIZED & fields.keys():
        message = "the file states the range that its values had before they were quantized"
        told.append(found("other-values", message))
    return slope, intercept, told


def _number(fields: Mapping[str, str], name: str, missing: float) -> float:
    try:
        return float(fields.get(name) or missing)
    except ValueError:
        return math.nan
