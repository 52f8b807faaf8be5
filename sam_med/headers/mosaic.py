"""Mosaics: many slices of a MR time point, tiled in one image, to their true places.

United Imaging (grid, VFRAME) states the place of each tile in a private sequence. Of Siemens, the
header places the mosaic as if it were one large slice with the middle of the real ones:

```
mosaic of 6 x 6 tiles of 64 pixels = 384      first tile's corner = corner + (384 - 64) / 2 pixels
tiles row by row along the slice normal of the private header, SpacingBetweenSlices apart
```

The number of tiles and the direction come from the vendor's private header (CSA), read by nibabel;
its documentation of the mosaic format is the source of the rule above.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.values import convert_SQ

from sam_med.dicom import tag_values as tags
from sam_med.dicom.encoding import read_header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from sam_common.frame import FloatArray
    from sam_med.headers.slice_header import SliceHeader

CSA_GROUP, CSA_CREATOR, CSA_IMAGE = 0x0029, "SIEMENS CSA HEADER", 0x10
DAMAGED_CSA = (AssertionError, LookupError, TypeError, ValueError, struct.error)
"""What nibabel raises on a private header that is missing or damaged."""
PARALLEL_TOLERANCE = 1e-4
"""By how much the cosine of two parallel vectors may be off 1."""
MOSAIC, GRID = "MOSAIC", "VFRAME"
MOSAICS = frozenset({MOSAIC, GRID})
"""Image types of Siemens and of United Imaging."""
GRID_GROUP, GRID_CREATOR, GRID_COUNT, GRID_FRAMES = 0x0065, "Image Private Header", 0x50, 0x51
"""Where United Imaging states how many slices an image holds, and where they lie."""
MR_GROUP, MR_CREATOR, MR_TILES = 0x0019, "SIEMENS MR HEADER", 0x0A


def tiles(base: SliceHeader) -> Iterator[SliceHeader]:
    """The slices of a mosaic; the mosaic itself, to be refused, where its layout is not stated.

    Args:
        base: The mosaic as if it were one slice.
    """
    read = read_header(base.path)
    if read is None:
        yield base
        return
    dataset = read[0]
    if MOSAIC in base.facts.image_type:
        yield from _siemens_tiles(base, dataset)
    else:
        yield from _grid_tiles(base, dataset)


def _grid_tiles(base: SliceHeader, dataset: Dataset) -> Iterator[SliceHeader]:
    places = _grid_places(dataset)
    count = len(places)
    rows, columns = base.size
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across) if count else 0
    if not count or not all(places) or not base.orientation or rows % down or columns % across:
        yield base
        return
    size = rows // down, columns // across
    for n, place in enumerate(places):
        yield _tile(base, n, size, place)


def _grid_places(dataset: Dataset) -> list[tuple[float, ...]]:
    """Of the tiles, in LPS mm; empty where the private header does not state one for each."""
    try:
        block = dataset.private_block(GRID_GROUP, GRID_CREATOR)
        frames = block[GRID_FRAMES].value
        if isinstance(frames, bytes):  # of a type that implicit files do not tell
            frames = convert_SQ(frames, is_implicit_VR=True, is_little_endian=True)
        places = [tags.numbers_or_none(frame, "ImagePositionPatient", 3) for frame in frames]
        return places if int(block[GRID_COUNT].value) == len(places) else []
    except (*DAMAGED_CSA, AttributeError, OSError):
        return []


def _siemens_tiles(base: SliceHeader, dataset: Dataset) -> Iterator[SliceHeader]:
    csa = _csa(dataset)
    count, normal = _count(dataset, csa), _normal(csa, base)
    side = math.ceil(math.sqrt(count))
    rows, columns = base.size
    known = count and base.placed and len(base.pixel_spacing_mm) and base.step_mm
    if not known or normal is None or rows % side or columns % side:
        yield base
        return
    size = rows // side, columns // side
    between_rows, between_columns = base.pixel_spacing_mm
    along_i = np.array(base.orientation[:3]) * between_columns
    along_j = np.array(base.orientation[3:]) * between_rows
    first = base.position + ((columns - size[1]) * along_i + (rows - size[0]) * along_j) / 2
    for n in range(count):
        place = first + normal * (base.step_mm or 0.0) * n
        yield _tile(base, n, size, tuple(place.tolist()))


def _tile(
    base: SliceHeader, n: int, size: tuple[int, int], place: tuple[float, ...]
) -> SliceHeader:
    return dataclasses.replace(
        base,
        size=size,
        position=place,
        tile=n + 1,
        # the number of the image is its time; that of the tile is its order
        instance=n + 1,
        time=(*base.time, float(base.instance or 0)),
    )


def cut(image: Any, header: SliceHeader) -> Any:
    """The tile of one slice out of the pixels (rows, columns) of a mosaic."""
    rows, columns = header.size
    across = image.shape[1] // columns
    row, column = divmod(header.tile - 1, across)
    return image[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]


def _csa(dataset: Dataset) -> dict[str, Any]:
    """The tags of the private image header; empty where there is none."""
    from nibabel.nicom import csareader  # noqa: PLC0415  # needed for this vendor's mosaics only

    try:
        block = dataset.private_block(CSA_GROUP, CSA_CREATOR)
        return dict(csareader.read(block[CSA_IMAGE].value)["tags"])
    except (*DAMAGED_CSA, csareader.CSAReadError):
        return {}


def _count(dataset: Dataset, csa: dict[str, Any]) -> int:
    """How many slices the mosaic holds; 0 where nothing says so."""
    items = csa.get("NumberOfImagesInMosaic", {}).get("items") or ()
    if items:
        return int(items[0])
    try:
        return int(dataset.private_block(MR_GROUP, MR_CREATOR)[MR_TILES].value)
    except (KeyError, TypeError, ValueError):
        return 0


def _normal(csa: dict[str, Any], base: SliceHeader) -> FloatArray | None:
    """Unit vector from one slice to the next; None where nothing says so."""
    items = csa.get("SliceNormalVector", {}).get("items") or ()
    if len(items) != 3 or not base.placed:  # noqa: PLR2004  # x, y, z
        return None
    stated = np.array(items, dtype=np.float64)
    # the private header has 8 digits: it gives the direction, the orientation the exact vector
    cosine = float(stated @ base.normal)
    if abs(abs(cosine) - 1) > PARALLEL_TOLERANCE:
        return None
    return base.normal if cosine > 0 else -base.normal
