"""`sam-geo view`: a raster in the browser, to click objects in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sam_common.cli.view import NoOpen, Port, ViewModel, show_page
from sam_geo.cli import options as geo

File = Annotated[
    Path, typer.Argument(help="A raster of this machine: GeoTIFF, COG, JPEG 2000, JPEG, PNG, ...")
]


def view_command(
    image: File,
    *,
    model: ViewModel = "mobile_sam",
    bands: geo.Bands = None,
    stretch: geo.StretchText = None,
    port: Port = 0,
    no_open: NoOpen = False,
) -> None:
    """Show a raster in the browser: click objects, see their outlines, save them.

    The page is served to this machine alone, and needs no internet. Ctrl-C ends it.
    """
    chosen = geo.parse_bands(bands)
    request = {
        "kind": "raster",
        "path": str(image),
        "model": model,
        "bands": None if chosen is None else list(chosen),
        "stretch": stretch,
    }
    show_page(request, port=port, no_open=no_open)
