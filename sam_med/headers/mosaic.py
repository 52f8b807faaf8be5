"""Mosaics: all slices of an MR time point, tiled in one image, to slices at their positions.

United Imaging (grid, VFRAME) states the position of each tile in a private sequence. Siemens states
the position that one large slice would have whose middle is that of the tiles:

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
"""Exceptions on a private header that is missing or damaged, those of nibabel included."""
PARALLEL_TOLERANCE = 1e-4
"""By how much the cosine of two parallel vectors may be off 1."""
MOSAIC, GRID = "MOSAIC", "VFRAME"
MOSAICS = frozenset({MOSAIC, GRID})
"""Words of ImageType for mosaics of Siemens and of United Imaging."""
GRID_GROUP, GRID_CREATOR, GRID_COUNT, GRID_FRAMES = 0x0065, "Image Private Header", 0x50, 0x51
"""Private tags of United Imaging with the number of slices in an image, and their positions."""
MR_GROUP, MR_CREATOR, MR_TILES = 0x0019, "SIEMENS MR HEADER", 0x0A
"""Private tag of Siemens with the number of slices in a mosaic."""


def tiles(base: SliceHeader) -> Iterator[SliceHeader]:
    """The slices of a mosaic, or the mosaic itself where its layout is not stated.

    Such a mosaic has `tile` 0, and is refused later ("mosaic-unknown").

    Args:
        base: The header of the mosaic, as if it were one slice.
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
    """The slices of a mosaic of United Imaging."""
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
    """Positions of the tiles in LPS mm; empty where the private header lacks that of a tile."""
    try:
        block = dataset.private_block(GRID_GROUP, GRID_CREATOR)
        frames = block[GRID_FRAMES].value
        # files with implicit value types do not tell that the value is a sequence
        if isinstance(frames, bytes):
            frames = convert_SQ(frames, is_implicit_VR=True, is_little_endian=True)
        places = [tags.numbers_or_none(frame, "ImagePositionPatient", 3) for frame in frames]
        return places if int(block[GRID_COUNT].value) == len(places) else []
    except (*DAMAGED_CSA, AttributeError, OSError):
        return []


def _siemens_tiles(base: SliceHeader, dataset: Dataset) -> Iterator[SliceHeader]:
    """The slices of a mosaic of Siemens."""
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
    """The header of tile n, from 0, of a size (rows, columns) and at a place in LPS mm."""
    return dataclasses.replace(
        base,
        size=size,
        position=place,
        tile=n + 1,
        # the number of the image becomes a time, because that of the tile takes its place
        instance=n + 1,
        time=(*base.time, float(base.instance or 0)),
    )


def cut(image: Any, header: SliceHeader) -> Any:
    """The pixels (rows, columns) of one slice, cut out of those of its mosaic."""
    rows, columns = header.size
    across = image.shape[1] // columns
    row, column = divmod(header.tile - 1, across)
    return image[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]


def _csa(dataset: Dataset) -> dict[str, Any]:
    """The tags of the private image header (CSA) of Siemens; empty where there is none."""
    from nibabel.nicom import csareader  # noqa: PLC0415  # needed for this vendor's mosaics only

    try:
        block = dataset.private_block(CSA_GROUP, CSA_CREATOR)
        return dict(csareader.read(block[CSA_IMAGE].value)["tags"])
    except (*DAMAGED_CSA, csareader.CSAReadError):
        return {}


def _count(dataset: Dataset, csa: dict[str, Any]) -> int:
    """The number of slices in a mosaic of Siemens; 0 where the header does not state it."""
    items = csa.get("NumberOfImagesInMosaic", {}).get("items") or ()
    if items:
        return int(items[0])
    try:
        return int(dataset.private_block(MR_GROUP, MR_CREATOR)[MR_TILES].value)
    except (KeyError, TypeError, ValueError):
        return 0


def _normal(csa: dict[str, Any], base: SliceHeader) -> FloatArray | None:
    """Unit vector from one slice of a mosaic to the next; None where it is not stated."""
    items = csa.get("SliceNormalVector", {}).get("items") or ()
    if len(items) != 3 or not base.placed:  # noqa: PLR2004  # x, y, z
        return None
    stated = np.array(items, dtype=np.float64)
    # the private vector is rounded to 8 digits: only its sign is taken
    cosine = float(stated @ base.normal)
    if abs(abs(cosine) - 1) > PARALLEL_TOLERANCE:
        return None
    return base.normal if cosine > 0 else -base.normal
