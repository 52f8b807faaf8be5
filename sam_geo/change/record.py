"""The numbers of a comparison: as the record beside its table, and as data frames."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from sam_geo.results.record import job_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sam_geo.change.classified import Compared
    from sam_geo.change.request import ChangeRequest
    from sam_geo.comparison.common_grid import CommonGrid
    from sam_geo.comparison.from_to import FromTo
    from sam_geo.comparison.polygons import PolygonCounts


def changes_frame(found: FromTo, *, has_area: bool) -> pd.DataFrame:
    """One row for each change, the largest first.

    Args:
        found: The areas from class to class.
        has_area: Whether they are square metres; else pixels, and the column of areas is NaN.
    """
    pairs = found.pairs
    return pd.DataFrame(
        {
            "from": pd.Series([pair.before for pair in pairs], dtype=object),
            "to": pd.Series([pair.after for pair in pairs], dtype=object),
            "pixels": pd.Series([pair.pixels for pair in pairs], dtype="int64"),
            "area_m2": pd.Series(
                [pair.area if has_area else math.nan for pair in pairs], dtype="float64"
            ),
            "misreg_share": pd.Series([pair.share for pair in pairs], dtype="float64"),
        }
    )


def matrix_frame(found: FromTo) -> pd.DataFrame:
    """Areas from each class (index `from`) to each class (columns `to`)."""
    rows, columns = (pd.Index(found.names, dtype=object, name=name) for name in ("from", "to"))
    return pd.DataFrame(found.areas, index=rows, columns=columns)


def change_record(
    request: ChangeRequest,
    grid: CommonGrid,
    found: FromTo,
    counts: PolygonCounts,
    *,
    maps: Compared,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """The record of a comparison: what was compared, and all of its numbers.

    Args:
        request: What was asked for.
        grid: Both maps.
        found: The areas from class to class.
        counts: Number of polygons.
        maps: Where both maps come from.
        seconds: Wall time of each step.

    Returns:
        The entries `inputs` (`before`, `after`; of images `model` too), `parameters`, `grid` (shape
        of the extent in common; mean and spread of the distance of the centres, in pixels), `names`
        (of each class its value in both maps), `pixels` and `area_m2` from class (row) to class
        (column) in their order, `compared_m2`, `changed_m2`, `misreg_m2` and `misreg_share` of all
        changes, `changes` (the same of each, the largest first), `polygons`, `notes`, `failures`,
        `seconds` and `versions`; of images also `model` (file and sha256) and `maps` (of both the
        file, and notes, failures and counts of its own record). Areas are None where the maps have
        no reference system; shares are 0 to 1.
    """
    has_area = grid.before.source.crs is not None

    def area(value: float) -> float | None:
        return float(value) if has_area else None

    results = {
        "grid": {
            "rows": grid.extent.shape[0],
            "columns": grid.extent.shape[1],
            "offset_px": {name: list(pair) for name, pair in asdict(grid.offset).items()},
        },
        "names": [
            {"class": name, "before": before, "after": after}
            for name, before, after in zip(found.names, found.before, found.after, strict=True)
        ],
        "pixels": found.pixels.tolist(),
        "area_m2": found.areas.tolist() if has_area else None,
        "compared_m2": area(found.compared),
        "changed_m2": area(found.changed),
        "misreg_m2": area(found.explained_total),
        "misreg_share": found.explained_share,
        "changes": [
            {
                "from": pair.before,
                "to": pair.after,
                "pixels": pair.pixels,
                "area_m2": area(pair.area),
                "misreg_m2": area(pair.explained),
                "misreg_share": pair.share,
            }
            for pair in found.pairs
        ],
        "polygons": {
            "written": counts.written,
            "left_out": counts.left_out,
            "left_out_m2": area(counts.left_out_area),
        },
        "notes": [*maps.notes, *found.notes],
        "failures": maps.failures,
        **maps.facts,
    }
    return job_record(
        inputs=maps.inputs
        or {"before": grid.before.source.identity, "after": grid.after.source.identity},
        parameters={
            "table": request.output.name,
            "layer": request.layer,
            "misregistration_px": request.misregistration,
            "min_area_m2": request.min_area_m2,
            "min_pixels": request.min_pixels,
        },
        results=results,
        seconds=seconds,
    )
