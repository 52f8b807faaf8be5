"""Stated values: what the header of a NRRD or MetaImage file says of its numbers.

```
MetaImage    ElementToIntensityFunctionSlope, -Offset    value = stored * slope + offset
NRRD         old min, old max                            the range before it was quantized
```
ITK looks at neither. The first is applied, being all that says what the numbers are; the second
tells only how coarse they are, and is told.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sam_med.geometry.diagnostics import Diagnostic, RefusedError, found

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOPE, OFFSET = "elementtointensityfunctionslope", "elementtointensityfunctionoffset"
QUANTIZED = frozenset({"oldmin", "oldmax"})


def stated_values(fields: Mapping[str, str]) -> tuple[float, float, list[Diagnostic]]:
    """Slope and intercept of the stored numbers, and what to say about them.

    Args:
        fields: From `sam_med.formats.text_header.header_fields`.

    Raises:
        RefusedError: "bad-rescale": one of them is no number, or the slope is 0.
    """
    slope, intercept = _number(fields, SLOPE, 1.0), _number(fields, OFFSET, 0.0)
    if not (slope and math.isfinite(slope) and math.isfinite(intercept)):
        message = "ElementToIntensityFunctionSlope is 0, or it or its Offset is no number"
        raise RefusedError([found("bad-rescale", message)])
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
