"""RasterExplorer: a raster in a notebook's output, and its objects as a GeoDataFrame."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

from sam_common.notebook.explorer import Explorer
from sam_common.server.client import RasterSession

if TYPE_CHECKING:
    import geopandas as gpd


class RasterExplorer(Explorer[RasterSession]):
    """A raster in a notebook's output, see `Explorer`; made by `explore`."""

    @property
    def objects(self) -> gpd.GeoDataFrame:
        """The objects of the page as they are now, in the raster's reference system.

        One row for each object, in the order of the page's table, with the columns that files of
        `sam-geo prompt` have, and `name`. A raster without a reference system has outlines in pixel
        corners, as its files have. While a job of the page runs, this waits for its end.

        Raises:
            ConflictError: The explorer was closed, or its server has ended.
        """
        import geopandas as gpd  # noqa: PLC0415  # `import sam_geo` loads no geopandas

        job = self.session.export(["parquet"])
        job.wait()
        table = gpd.read_parquet(io.BytesIO(job.result("objects.parquet")))
        job.cancel()  # it has ended: the server forgets its files
        return cast("gpd.GeoDataFrame", table)
