"""`sam_geo.landcover`: a land-cover map in one call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.tiled_job.progress import silent
from sam_geo.mapping.request import LandcoverRequest, SampleChoice
from sam_geo.mapping.run import run_landcover

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress

    PathLike = str | os.PathLike[str]


def landcover(  # noqa: PLR0913  # one call for what is a request elsewhere
    rasters: PathLike | Sequence[PathLike],
    samples: PathLike,
    output: PathLike,
    *,
    class_field: str | None = None,
    options: LandcoverRequest | None = None,
    load: Callable[[], Segmenter] | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Make a land-cover map of a raster from labelled samples.

    Args:
        rasters: One raster or several, which are stacked on the grid of the first.
        samples: Points, lines or polygons with a class column, in any vector format.
        output: The map to write, a .tif: a class for each pixel with data, and its probability in
            per cent.
        class_field: Column of the class; `class` where None.
        options: Everything else, such as polygons, report and objects; its rasters, samples and
            output are those above.
        load: Makes the network; needed where the objects of the options are `auto`, or its
            embedding is among the features to try.
        progress: Called with a description and a total for each step.

    Returns:
        The record that is written beside the map, with `classes` by raster value, `areas`,
        `training` with the two accuracies, and `notes`.

    Raises:
        SuiteError: The inputs, the outputs or the options do not fit together.
    """
    names = [rasters] if isinstance(rasters, str | Path) else list(rasters)  # type: ignore[arg-type]
    usual = options or LandcoverRequest(rasters=(), output=Path(output))
    choice = usual.learn or SampleChoice(samples=Path(samples))
    request = replace(
        usual,
        rasters=tuple(str(name) for name in names),
        output=Path(output),
        learn=replace(choice, samples=Path(samples), class_field=class_field or choice.class_field),
    )
    return run_landcover(request, load, progress=progress)
