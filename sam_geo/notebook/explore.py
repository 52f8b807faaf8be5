"""explore: a raster in a notebook's output, to click objects in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError
from sam_common.notebook.explorer import HEIGHT, opened
from sam_geo.notebook.raster_explorer import RasterExplorer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from sam_common.server.client import Client, RasterSession


def explore(
    image: str | os.PathLike[str] | np.ndarray[Any, Any],
    *,
    model: str = "mobile_sam",
    bands: Sequence[int] | None = None,
    stretch: str | None = None,
    affine: Sequence[float] | None = None,
    crs: str | None = None,
    nodata: float | None = None,
    height: int = HEIGHT,
) -> RasterExplorer:
    """Show a raster in a notebook: click objects, and take them home as a GeoDataFrame.

    Make it the last line of a cell to see the page. It needs `pip install 'sam-geomed[notebook]'`.

    Args:
        image: Path of a raster on the machine of the kernel, or an array of (rows, columns) or
            (rows, columns, bands), which is sent to the explorer's server.
        model: Name of a model, see `sam-common weights list`.
        bands: One or three band numbers, from 1.
        stretch: "none", or the values that become black and white as "min,max".
        affine: Of an array a, b, c, d, e, f of pixel corners, the first six numbers of an `Affine`:
            x = a col + b row + c, y = d col + e row + f.
        crs: Of an array with an affine its coordinate reference system, as WKT or a code such as
            "EPSG:32633".
        nodata: Of an array with an affine the value of pixels without data.
        height: Height of the page in CSS pixels, 200 to 10000.

    Returns:
        The explorer, with `objects`, `session` and `close`.

    Raises:
        InputError: The image cannot be opened, `affine`, `crs` or `nodata` were given with a file,
            or the extra `notebook` is not installed.
        WeightsError: The network cannot be fetched.
    """
    placed = {"affine": affine, "crs": crs, "nodata": nodata}
    if not isinstance(image, str | os.PathLike):
        if affine is None and (crs is not None or nodata is not None):
            raise InputError(f"crs and nodata go with affine, got crs={crs!r}, nodata={nodata!r}")
        array, path = image, None
    else:
        if given := [name for name, value in placed.items() if value is not None]:
            raise InputError(f"{', '.join(given)} go with an array: {image} has its own")
        array, path = None, Path(image).expanduser().absolute()

    def open_it(client: Client) -> RasterSession:
        if array is None:
            return client.open_raster(str(path), model, bands=bands, stretch=stretch)
        return client.open_raster_array(
            array,
            affine=None if affine is None else list(affine)[:6],
            crs=crs,
            nodata=nodata,
            model=model,
            bands=bands,
            stretch=stretch,
        )

    return RasterExplorer(*opened(open_it, model=model, path=path, height=height), height)
