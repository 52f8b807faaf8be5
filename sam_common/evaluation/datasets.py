"""Datasets: images with known objects, in the layouts in which they are published.

```
SA-1B           a folder of sa_1.jpg and sa_1.json side by side; masks are COCO run lengths
COCO            one JSON file of instances; its images in a folder
label images    a folder of images in which each object has a number of its own, and the images
                under the same names
```
Masks are read when their image's turn comes; a list of all images is all that is held.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from sam_common.errors import InputError
from sam_common.evaluation.annotations import region_of
from sam_common.masks.decoded import MaskRegion
from sam_common.support.files import check_input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

IMAGES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
"""Suffixes of images, in lower case."""
LABELS = (".png", ".tif", ".tiff", ".bmp")
"""Suffixes of label images, in lower case: formats without loss."""
FOLDERS = ("labels", "masks")
"""Names of the folder of label images beside `images`."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownObject:
    """An object of an image, with its mask."""

    name: str
    """Its number in the dataset."""
    region: MaskRegion


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedImage:
    """An image of a dataset; pixels and objects are read when they are asked for."""

    name: str
    """File name, which is unique in the dataset."""
    path: Path
    read_objects: Callable[[tuple[int, int]], tuple[list[KnownObject], dict[str, int]]]
    """Of an image of so many rows and columns the objects, and how many were left out, by the
    reason."""

    def pixels(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) RGB or (H, W) grey, as it is stored: annotations know of no rotation.

        Raises:
            InputError: The file is no image of 8 bits.
        """
        try:
            with warnings.catch_warnings():
                # an image of a dataset may be as large as it likes
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with Image.open(self.path) as image:
                    if image.mode.startswith(("I", "F")):
                        raise InputError(
                            f"{self.path} has pixels of more than 8 bits ({image.mode}): stretch "
                            f"them to 8 bits first, as sam-geo and sam-med do for theirs"
                        )
                    return np.asarray(image.convert("L" if image.mode in {"1", "L"} else "RGB"))
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise InputError(f"{self.path} cannot be read as an image: {error}") from error


def open_dataset(data: Path, images: Path | None = None) -> list[AnnotatedImage]:
    """The images of a dataset, by name.

    Args:
        data: A folder of SA-1B, a COCO file of instances, a folder of label images, or one that
            holds `images` and `labels`.
        images: Folder of the images, where they lie elsewhere.

    Raises:
        InputError: There is no dataset of a known layout, or images are missing.
    """
    check_input(data)
    if images is not None and not images.is_dir():
        raise InputError(f"{images} is no folder of images")
    if data.is_file():
        found = _coco(data, images or data.parent)
    elif any(path.suffix == ".json" for path in data.iterdir()):
        found = _sa1b(data, images or data)
    else:
        found = _labelled(data, images)
    if not found:
        raise InputError(
            f"{data} holds no annotated images: give a folder of SA-1B (sa_1.jpg beside sa_1.json),"
            f" a COCO file of instances, or a folder of label images with --images"
        )
    return sorted(found, key=lambda one: one.name)


def _sa1b(folder: Path, images: Path) -> list[AnnotatedImage]:
    """Images of which a JSON file of the same name tells the masks."""
    known = _by_stem(images, IMAGES)
    found = []
    for path in sorted(folder.glob("*.json")):
        if path.stem not in known:
            raise InputError(f"{path} has no image of its name in {images}")
        image = known[path.stem]

        def read(
            size_hw: tuple[int, int], path: Path = path
        ) -> tuple[list[KnownObject], dict[str, int]]:
            content = _json(path)
            if not isinstance(content, dict) or "annotations" not in content:
                raise InputError(f"{path} has no annotations: is it a file of SA-1B?")
            return _objects(content["annotations"], size_hw, path)

        found.append(AnnotatedImage(image.name, image, read))
    return found


def _coco(path: Path, images: Path) -> list[AnnotatedImage]:
    """Images of one file of instances; the file is held, so that it is parsed once."""
    content = _json(path)
    if not isinstance(content, dict) or not {"images", "annotations"} <= content.keys():
        raise InputError(f"{path} is no COCO file: it needs images and annotations")
    by_image: dict[Any, list[Mapping[str, Any]]] = {one["id"]: [] for one in content["images"]}
    for annotation in content["annotations"]:
        if annotation.get("image_id") not in by_image:
            raise InputError(
                f"{path}: annotation {annotation.get('id')} is of image "
                f"{annotation.get('image_id')!r}, which is not listed"
            )
        by_image[annotation["image_id"]].append(annotation)
    missing = [one["file_name"] for one in content["images"] if not _in(images, one).is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(content['images'])} images of {path} are not in {images}, "
            f"the first is {missing[0]}: give their folder by --images"
        )
    found = []
    for one in content["images"]:

        def read(
            size_hw: tuple[int, int], wanted: Any = one["id"]
        ) -> tuple[list[KnownObject], dict[str, int]]:
            return _objects(by_image[wanted], size_hw, path)

        found.append(AnnotatedImage(one["file_name"], _in(images, one), read))
    return found


def _in(folder: Path, image: Mapping[str, Any]) -> Path:
    """The file of an image of a COCO file."""
    return folder / str(image["file_name"])


def _labelled(folder: Path, images: Path | None) -> list[AnnotatedImage]:
    """Images of which an image of the same name numbers the objects."""
    labels = next((folder / name for name in FOLDERS if (folder / name).is_dir()), folder)
    if images is None:
        images = folder / "images"
        if not images.is_dir():
            return []
    known = _by_stem(images, IMAGES)
    found = []
    for stem, path in sorted(_by_stem(labels, LABELS).items()):
        if stem not in known:
            raise InputError(f"{path} has no image of its name in {images}")

        def read(
            size_hw: tuple[int, int], path: Path = path
        ) -> tuple[list[KnownObject], dict[str, int]]:
            return _numbered(path, size_hw)

        found.append(AnnotatedImage(known[stem].name, known[stem], read))
    return found


def _numbered(path: Path, size_hw: tuple[int, int]) -> tuple[list[KnownObject], dict[str, int]]:
    """The objects of a label image: every number but 0 is one."""
    try:
        with Image.open(path) as image:
            numbers = np.array(image)
    except (OSError, SyntaxError) as error:
        raise InputError(f"{path} cannot be read as a label image: {error}") from error
    if numbers.ndim != 2:  # noqa: PLR2004
        raise InputError(f"{path} has {numbers.shape[2]} channels: a label image has one")
    if numbers.dtype.kind == "f" and not (numbers == np.rint(numbers)).all():
        raise InputError(f"{path} holds fractions: the numbers of objects are whole")
    _check_size(path, numbers.shape[:2], size_hw)
    values, places = np.unique(numbers, return_inverse=True)
    places = places.reshape(numbers.shape)
    found = []
    for n, value in enumerate(values.tolist()):
        region = MaskRegion.tight((0, 0), places == n) if value else None
        if region is not None:
            found.append(KnownObject(str(int(value)), region))
    return found, {}


def _objects(
    annotations: Sequence[Mapping[str, Any]], size_hw: tuple[int, int], path: Path
) -> tuple[list[KnownObject], dict[str, int]]:
    """The objects of COCO annotations."""
    found, left = [], {"crowds": 0, "empty": 0}
    for n, annotation in enumerate(annotations):
        name = str(annotation.get("id", n))
        if annotation.get("iscrowd"):
            left["crowds"] += 1
            continue
        try:
            region = region_of(annotation["segmentation"], size_hw)
        except KeyError as error:
            raise InputError(f"{path}: annotation {name} has no segmentation") from error
        except InputError as error:
            raise InputError(f"{path}: annotation {name}: {error}") from error
        if region is None:
            left["empty"] += 1
        else:
            found.append(KnownObject(name, region))
    return found, {why: count for why, count in left.items() if count}


def _check_size(path: Path, found: tuple[int, ...], wanted: tuple[int, int]) -> None:
    """Raise `InputError` where a label image has another size than its image."""
    if tuple(found) != tuple(wanted):
        raise InputError(
            f"{path} has {found[0]} x {found[1]} pixels, its image {wanted[0]} x {wanted[1]}"
        )


def _by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Files of some suffixes by their name without it; a name must not be there twice."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes:
            continue
        if path.stem in found:
            raise InputError(f"{found[path.stem]} and {path.name} have one name: which is meant?")
        found[path.stem] = path
    return found


def _json(path: Path) -> Any:
    """The content of a JSON file."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
