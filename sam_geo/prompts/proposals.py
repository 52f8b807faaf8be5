"""Proposals: boxes of a file that are tried in place of the grid of points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.errors import PromptError
from sam_geo.prompt_files.read import read_table
from sam_geo.prompts.geo_prompt import prompts_of

if TYPE_CHECKING:
    import os

    from sam_geo.raster.read_window import Box
    from sam_geo.raster.source import RasterSource


def load_proposals(
    path: str | os.PathLike[str],
    source: RasterSource,
    *,
    crs: str | None = None,
    layer: str | None = None,
) -> list[Box]:
    """The boxes of a file that lie in a raster, cut at its edges.

    Args:
        path: Anything that `sam_geo.load_prompts` reads; polygons count as their boxes.
        source: The raster.
        crs: Reference system of the proposals, over what the file says, or `"pixel"`.
        layer: Layer of a vector file that has several.

    Returns:
        (x0, y0, x1, y1) in raster indices; outer pixel edges are at .5.

    Raises:
        InputError: There is no such file.
        PromptError: They cannot be understood, some are points, or none lies in the raster.
    """
    table = read_table(path, layer=layer, option="proposals")
    found = prompts_of(table, source, crs=crs)
    for prompt in found:
        if prompt.is_placed and prompt.box_xyxy is None:
            raise PromptError(
                f"proposal {prompt.prompt_id} of {path} is a point, proposals are boxes or "
                f"polygons: sam-geo prompt takes points"
            )
    boxes = [prompt.box_xyxy for prompt in found if prompt.box_xyxy is not None]
    if not boxes:
        raise PromptError(f"none of the {len(found)} proposals of {path} lies in the raster")
    return boxes
