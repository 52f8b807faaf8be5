"""Georeferenced rasters to polygons that overlay them exactly.

Names are imported when they are first used, so `import sam_geo` loads no torch, no GDAL and no
geopandas.

```
from sam_common.segmenter import load_segmenter
from sam_geo import segment_prompts

trees = segment_prompts("ortho.tif", "boxes.gpkg", segmenter=load_segmenter("mobile_sam"))
trees.to_file("trees.gpkg")
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.lazy import lazy_names

if TYPE_CHECKING:
    from sam_geo.jobs import run_request as run_request
    from sam_geo.prompts import GeoPrompt as GeoPrompt
    from sam_geo.prompts import load_prompts as load_prompts
    from sam_geo.request import PromptRequest as PromptRequest
    from sam_geo.segment import PromptJob as PromptJob
    from sam_geo.segment import run_prompts as run_prompts
    from sam_geo.segment import segment_prompts as segment_prompts
    from sam_geo.sink import write_table as write_table
    from sam_geo.source import RasterSource as RasterSource
    from sam_geo.source import open_raster as open_raster

_HOME = {
    "GeoPrompt": "sam_geo.prompts",
    "PromptJob": "sam_geo.segment",
    "PromptRequest": "sam_geo.request",
    "RasterSource": "sam_geo.source",
    "load_prompts": "sam_geo.prompts",
    "open_raster": "sam_geo.source",
    "run_prompts": "sam_geo.segment",
    "run_request": "sam_geo.jobs",
    "segment_prompts": "sam_geo.segment",
    "write_table": "sam_geo.sink",
}
__all__ = [
    "GeoPrompt",
    "PromptJob",
    "PromptRequest",
    "RasterSource",
    "load_prompts",
    "open_raster",
    "run_prompts",
    "run_request",
    "segment_prompts",
    "write_table",
]


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
