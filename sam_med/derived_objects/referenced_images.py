"""Referenced images: headers of the images behind a volume, for objects derived from it.

A derived object, a SEG or an RTSTRUCT, states for each of its planes from which image, frame or
tile the plane was made, and where that image lies in the patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import OutputError
from sam_med.derived_objects.dicom_object import derived_uid, instance_reference
from sam_med.dicom import tag_values as tags
from sam_med.dicom.encoding import DAMAGE, read_header
from sam_med.geometry import frame as frames
from sam_med.headers.read import read_headers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset

    from sam_common.frame import FloatArray
    from sam_med.geometry.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class ImagePlane:
    """One slice of a volume and the image that it was read from."""

    image: Dataset
    """Header of the file, without its pixels."""
    position: tuple[float, float, float] | None
    """LPS mm of voxel (k, 0, 0) as the file states it; None where it states no position."""
    frame_number: int | None = None
    """Number of the frame in a multi-frame file, from 1; None for a file of one image."""
    whole: bool = True
    """Whether the slice is all of the image or frame; False for a tile of a mosaic."""

    @property
    def identifier(self) -> tuple[str, int | None]:
        """SOP instance identifier of the image, and the number of the frame if it has one."""
        return str(self.image.SOPInstanceUID), self.frame_number

    def reference(self) -> Dataset:
        """An item that refers to the image, with the frame number if it has one (PS3.3, 10.3)."""
        item = instance_reference(self.image)
        if self.frame_number is not None:
            item.ReferencedFrameNumber = self.frame_number
        return item


@dataclass(frozen=True, slots=True, eq=False)
class SourceImages:
    """The images of a volume, with everything that a derived object states of them."""

    images: tuple[Dataset, ...]
    """Headers of all files, each once, in slice order."""
    planes: tuple[ImagePlane, ...]
    """One for each slice of the volume, in slice order."""
    orientation: tuple[float, ...]
    """Direction cosines along which the column index grows, then the row index (LPS)."""
    pixel_spacing_mm: tuple[float, float]
    """Distance between rows, then between columns."""
    thickness_mm: float | None
    """SliceThickness of the images; None where they state none."""
    notes: tuple[str, ...]
    """One sentence for each identifier that the images lack and that was derived instead."""

    @property
    def identifiers(self) -> list[tuple[str, int | None]]:
        """Identifier and frame number of the image of each slice."""
        return [plane.identifier for plane in self.planes]

    @property
    def placed(self) -> bool:
        """Whether the images state their position in the patient."""
        return self.planes[0].position is not None

    @property
    def first(self) -> Dataset:
        """The header of the first image, for values that all images share."""
        return self.images[0]

    def nearest(self, position: tuple[float, ...]) -> tuple[int, float]:
        """Index of the slice nearest to a position in LPS mm, and its distance in mm."""
        places = np.array([plane.position for plane in self.planes], dtype=np.float64)
        off = np.linalg.norm(places - position, axis=1)
        k = int(np.argmin(off))
        return k, float(off[k])


def read_source_images(volume: Volume, what: str) -> SourceImages:
    """Read the headers of the files of a volume again, and check them against the volume.

    Args:
        volume: A volume that was read from DICOM.
        what: Name of the format to be written, for messages: "DICOM SEG".

    Raises:
        OutputError: The volume was not read from DICOM, a file is gone or was changed since then,
            or an image has no identifier to refer to.
    """
    if not volume.files:
        raise _no_dicom(what, "was made in memory")
    headers = {path: _header(path, what) for path in volume.files}
    notes = tuple(note for note in (_complete(list(headers.values())),) if note)
    planes = tuple(_planes(volume, headers, what))
    orientation, spacing = _in_plane(volume, planes[0])
    source = SourceImages(
        images=tuple(headers.values()),
        planes=planes,
        orientation=orientation,
        pixel_spacing_mm=spacing,
        thickness_mm=tags.positive(
            _group(planes[0].image, planes[0].frame_number, "PixelMeasuresSequence"),
            "SliceThickness",
        ),
        notes=notes,
    )
    _check_positions(volume, source)
    return source


def check_places(source: SourceImages, what: str, *, contours: bool) -> None:
    """Raise `OutputError` where a derived object could not state its position in the patient.

    Args:
        source: From `read_source_images`.
        what: Name of the format to be written, for messages: "DICOM SEG".
        contours: Whether the format holds contours in mm, not pixels.
    """
    named = bool(source.first.get("FrameOfReferenceUID", None))
    if contours and not (source.placed and named):
        raise OutputError(
            f"cannot write {what}: the images say nothing about their place in the patient, which "
            "contours in mm need (choose nrrd, seg.nrrd or npz)"
        )
    if source.placed and not named:
        raise OutputError(
            f"cannot write {what}: the images have no FrameOfReferenceUID, so no program could "
            "tell that the result lies over them (choose nifti, nrrd, seg.nrrd, mha or npz)"
        )
    if not source.placed and len(source.planes) > 1:
        raise OutputError(
            f"cannot write {what}: the {len(source.planes)} images say nothing about their place "
            "in the patient, and a file without places holds one (choose nrrd, seg.nrrd or npz)"
        )


def _no_dicom(what: str, why: str) -> OutputError:
    """The error for a volume without DICOM images."""
    return OutputError(
        f"cannot write {what}: it refers to the DICOM images it was made from, and the volume {why}"
        " (give the DICOM series as input, or choose nifti, nrrd, seg.nrrd, mha or npz)"
    )


def _header(path: Path, what: str) -> Dataset:
    """The header of a file of the input, with the identifiers that references need.

    Raises:
        OutputError: The file cannot be read as DICOM, or has no such identifier.
    """
    try:
        read = read_header(path)
    except OSError as error:
        raise OutputError(
            f"cannot write {what}: a file of the input cannot be read again: {error.strerror}"
        ) from error
    except DAMAGE as error:
        raise _no_dicom(what, "was read from a file that is damaged") from error
    if read is None:
        raise _no_dicom(what, "was read from a file that is not DICOM")
    dataset, _ = read
    # some anonymisers empty the identifiers in the dataset, but not those in the meta information
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        if not dataset.get(keyword, None):
            setattr(dataset, keyword, dataset.file_meta.get(f"MediaStorage{keyword}", ""))
        if not dataset.get(keyword):
            raise OutputError(
                f"cannot write {what}: an image of the input has no {keyword}, so nothing can "
                "refer to it (choose nifti, nrrd, seg.nrrd, mha or npz)"
            )
    return dataset


def _complete(images: list[Dataset]) -> str | None:
    """Derive the identifiers of study and series that images lack.

    Returns:
        A sentence on the derived identifiers; None where the images have them all.
    """
    missing = [
        keyword
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID")
        if any(not image.get(keyword, None) for image in images)
    ]
    seed = str(images[0].get("FrameOfReferenceUID", None) or images[0].SOPInstanceUID)
    for keyword in missing:
        for image in images:
            setattr(image, keyword, derived_uid(keyword, seed))
    if not missing:
        return None
    return f"the images have no {' and no '.join(missing)}: derived from their other identifiers"


def _planes(volume: Volume, headers: dict[Path, Dataset], what: str) -> Iterator[ImagePlane]:
    """The image of each slice of a volume, in slice order."""
    slices = volume.shape[0]
    of_frames = _frame_places(headers, what)
    files = volume.files if len(volume.files) == slices else volume.files[:1] * slices
    numbers = volume.frame_numbers or (None,) * slices
    for k, (path, number) in enumerate(zip(files, numbers, strict=True)):
        image = headers[path]
        if (int(image.Rows), int(image.Columns)) != volume.shape[1:]:
            x, y, z = volume.to_world([k, 0, 0]).tolist()
            yield ImagePlane(image, (x, y, z), whole=False)
            continue
        place = of_frames.get((path, number or 0))
        if place is None:
            place = tags.numbers_or_none(image, "ImagePositionPatient", 3)
        position = (place[0], place[1], place[2]) if place else None
        yield ImagePlane(image, position, number if image.get("NumberOfFrames", None) else None)


def _frame_places(
    headers: dict[Path, Dataset], what: str
) -> dict[tuple[Path, int], tuple[float, ...]]:
    """Positions of the frames of multi-frame files in LPS mm, by file and frame number.

    Multi-frame files are opened once more. A frame without a position has an empty one.

    Raises:
        OutputError: The frames lie in an ultrasound volume, not in the patient.
    """
    found: dict[tuple[Path, int], tuple[float, ...]] = {}
    for path, image in headers.items():
        if int(image.get("NumberOfFrames", None) or 1) == 1:
            continue
        read = read_headers(path)
        for header in () if read is None else read.slices:
            if header.places == "in a volume":
                raise OutputError(
                    f"cannot write {what}: the images are placed in an ultrasound volume, not in "
                    "the patient (choose nifti, nrrd, seg.nrrd, mha or npz)"
                )
            found[path, header.frame_number] = header.position
    return found


def _of_frame(
    image: Dataset, number: int | None, sequence: str, tag: str, count: int
) -> tuple[float, ...]:
    """Numbers from the functional group of a frame, else the shared group, else the image itself.

    Args:
        image: Header of the file.
        number: Number of the frame, from 1; None for a file of one image.
        sequence: Keyword of the functional group.
        tag: Keyword of the element in it.
        count: How many numbers the element holds.

    Returns:
        Empty where none of them states as many numbers.
    """
    return tags.numbers_or_none(_group(image, number, sequence), tag, count)


def _group(image: Dataset, number: int | None, sequence: str) -> Dataset:
    """The functional group of a frame, else the shared one, else the image itself."""
    own = (image.get("PerFrameFunctionalGroupsSequence", None) or ())[(number or 1) - 1 :][:1]
    shared = (image.get("SharedFunctionalGroupsSequence", None) or ())[:1]
    items = [group[sequence].value[0] for group in (*own, *shared) if group.get(sequence, None)]
    return (*items, image)[0]


def _in_plane(volume: Volume, plane: ImagePlane) -> tuple[tuple[float, ...], tuple[float, float]]:
    """Direction cosines and pixel spacing as the image states them, to its last digit.

    Where they do not agree with the affine of the volume, those of the affine are returned.
    """
    along_j, along_i = volume.frame.array[:3, 1], volume.frame.array[:3, 2]
    number = plane.frame_number
    cosines = _of_frame(
        plane.image, number, "PlaneOrientationSequence", "ImageOrientationPatient", 6
    )
    spacing = _of_frame(plane.image, number, "PixelMeasuresSequence", "PixelSpacing", 2)
    if cosines and spacing:
        stated_j, stated_i = np.reshape(cosines, (2, 3))[::-1] * np.reshape(spacing, (2, 1))
        off = np.abs([stated_j - along_j, stated_i - along_i]).max() * max(volume.shape[1:])
        if off <= frames.tolerance_mm(min(spacing)):
            return cosines, (spacing[0], spacing[1])
    lengths = float(np.linalg.norm(along_j)), float(np.linalg.norm(along_i))
    return tuple(np.concatenate([along_i / lengths[1], along_j / lengths[0]]).tolist()), lengths


def _check_positions(volume: Volume, source: SourceImages) -> None:
    """Raise `OutputError` unless every image still has the position of its slice."""
    if not source.placed:
        return
    places: FloatArray = np.array([plane.position for plane in source.planes], dtype=np.float64)
    index = np.zeros_like(places)
    index[:, 0] = np.arange(len(places))
    off = np.linalg.norm(places - volume.to_world(index), axis=1)
    worst = int(np.argmax(off))
    # slices of an even grid may be this far off their stated positions, see `headers.stack`
    allowed = frames.tolerance_mm(volume.spacing_mm[0])
    if not off[worst] <= allowed:
        raise OutputError(
            f"slice {worst} of the volume is {frames.mm(float(off[worst]))} off its image: were "
            "the files changed since they were read, or is the volume not the one that was read "
            "from them?"
        )
