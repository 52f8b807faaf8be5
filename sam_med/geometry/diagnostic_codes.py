"""Diagnostic codes: everything unusual about a scan that has a name, and what is done about it.

`severity` decides what happens:

```
note      nothing to worry about, but worth knowing (an oblique stack)
warning   read, and the result is exact, but another program may not show it so (uneven spacing)
error     refused until the user decides (two series, two different slices at one place)
```

The page on the geometry report is made from this table. Codes are stable: scripts may rely on them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Severity: TypeAlias = Literal["note", "warning", "error"]


class DiagnosticCode(NamedTuple):
    """The severity, the meaning and the action of one code."""

    severity: Severity
    meaning: str
    """What was seen, without numbers."""
    action: str
    """What the suite does, or what the user can do."""


def _note(meaning: str, action: str) -> DiagnosticCode:
    return DiagnosticCode("note", meaning, action)


def _warning(meaning: str, action: str) -> DiagnosticCode:
    return DiagnosticCode("warning", meaning, action)


def _error(meaning: str, action: str) -> DiagnosticCode:
    return DiagnosticCode("error", meaning, action)


CODES: Mapping[str, DiagnosticCode] = MappingProxyType(
    {
        # which files and slices form a series
        "mixed-series": _error("the path holds several series", "choose one with --series NUMBER"),
        "mixed-size": _note(
            "images of several sizes share a series", "each size is a series of its own"
        ),
        "mixed-spacing": _note(
            "images of several pixel spacings share a series", "each spacing is a series of its own"
        ),
        "mixed-orientation": _note(
            "images of several orientations share a series",
            "each orientation is a series of its own",
        ),
        "mixed-frames-of-reference": _note(
            "images of several frames of reference share a series",
            "each is a series of its own, because their millimetres cannot be compared",
        ),
        "mixed-patients": _warning(
            "images of several patients share a series",
            "each is a series of its own; have the files checked",
        ),
        "mixed-stacks": _note(
            "several stacks (image types, echoes, b-values) lie at the same positions",
            "each stack is a series of its own",
        ),
        "localizer": _note(
            "a localizer lies in the same series as other images",
            "the localizer is a series of its own",
        ),
        "split-series": _warning(
            "series of one slice each lie on one line, as the slices of one volume do",
            "read one by one; --join-series reads them as one",
        ),
        "joined-series": _warning(
            "several series or frames of reference are read as one, as was asked for",
            "check that the slices belong together",
        ),
        # files that are left out
        "not-dicom": _note("files beside the series are no DICOM", "left out"),
        "not-an-image": _note("DICOM objects beside the series are no images", "left out"),
        "unreadable-header": _warning(
            "DICOM files whose header cannot be read",
            "left out; a slice may be missing, so have the files checked",
        ),
        "unreadable-files": _warning(
            "files that could not be read, or are empty",
            "left out; a slice may be missing, so have the files fetched again",
        ),
        "broken-links": _warning(
            "links to files or folders that are not there",
            "left out; a slice may be missing, so have the files fetched (git-annex, DataLad)",
        ),
        "missing-files": _warning(
            "files that a DICOMDIR lists, but that are not there",
            "left out; a slice may be missing, so have the medium copied again",
        ),
        "closed-folders": _warning(
            "folders that may not be entered", "left out; ask for permission to read them"
        ),
        "not-dicom-by-content": _warning(
            "files that are called DICOM, but hold something else",
            "left out; a slice may be missing, so have the files fetched again",
        ),
        "packed": _warning(
            "archives that are not opened here", "left out; unpack them to have their images read"
        ),
        "no-file-meta": _warning(
            "the file lacks the preamble of DICOM files, or does not say how it is encoded",
            "read with the encoding that its first elements show",
        ),
        "other-encoding": _warning(
            "the file is encoded otherwise than its meta information says",
            "read with the encoding that its elements show",
        ),
        "unknown-compression": _error(
            "the pixels are compressed, and the file does not say how",
            "refused: have the file exported again, with its meta information",
        ),
        # places of slices
        "missing-tags": _error(
            "tags that place an image in the patient are missing",
            "refused: nothing else tells where the voxels are",
        ),
        "frames-without-places": _error(
            "one file holds several frames, and nothing says where each of them lies",
            "refused: have the file exported with the places of its frames",
        ),
        "frames-by-step": _warning(
            "the frames of a file share one place, and a step is stated",
            "read one step after the other along the normal of the first frame",
        ),
        "volume-places": _warning(
            "places are those of an ultrasound volume, not of the patient",
            "read; distances are right, but nothing lines up with other scans",
        ),
        "unplaced": _warning(
            "nothing places the image in the patient, as with most projections and photographs",
            "read with columns along +x, rows along +y and the first pixel at 0, 0, 0",
        ),
        "no-pixel-spacing": _warning("the distance between pixels is not stated", "1 mm is taken"),
        "detector-spacing": _note(
            "the distance between pixels is the one at the detector",
            "taken as it is, not corrected for magnification",
        ),
        "single-slice": _note(
            "there is one slice only",
            "its thickness is taken as the distance of slices, or 1 mm where it is not stated",
        ),
        "impossible-axes": _error(
            "the axes of the image are no unit vectors, not perpendicular, or have no length",
            "refused: the header is damaged",
        ),
        "non-orthonormal": _warning(
            "the axes of the image are slightly off unit length or a right angle", "used as stored"
        ),
        "duplicate-slices": _warning("identical copies of a slice", "one of each is kept"),
        "conflicting-slices": _error(
            "different images at the same position", "refused: remove the ones that do not belong"
        ),
        "unordered-images": _error(
            "different images at each position, and nothing says in which order they were taken",
            "refused: have them exported with their times, or keep one image of each position",
        ),
        "repeated-positions": _error(
            "each position occurs several times: the series is 4-D",
            "choose a time point with --time NUMBER",
        ),
        "incomplete-time-points": _error(
            "the series is 4-D, but some time points lack slices",
            "refused: which slice belongs to which time point is not certain",
        ),
        "missing-slices": _warning(
            "gaps that are a whole multiple of the usual slice distance",
            "read with every slice at its true position; nothing is filled in",
        ),
        "uneven-spacing": _warning(
            "the slice distance varies", "read with every slice at its true position"
        ),
        "gantry-tilt": _warning(
            "slices shift sideways evenly from one to the next (tilted gantry)",
            "read as a sheared grid; nothing is resampled",
        ),
        "sideways-shift": _warning(
            "slices shift sideways unevenly", "read with every slice at its true position"
        ),
        "oblique-axes": _note("the axes are not along those of the patient", "kept as stored"),
        "patient-position": _note(
            "the patient did not lie head first on the back",
            "nothing to do: positions are in patient coordinates",
        ),
        "slice-order": _note(
            "instance numbers do not follow the positions", "slices are ordered by position"
        ),
        "spacing-tag": _note(
            "the stated slice distance differs from that of the positions", "the positions are used"
        ),
        # kinds of files
        "multi-frame": _note("one file holds several frames", "each frame is a slice"),
        "mosaic": _note("one image holds many slices as tiles (mosaic)", "cut into its slices"),
        "mosaic-unknown": _error(
            "the image is a mosaic, but nothing says how many slices it has or where they lie",
            "refused",
        ),
        "whole-slide": _error(
            "the image is a whole slide of a microscope, cut into tiles, and no scan of a body",
            "refused: have the level that you need exported as a TIFF or PNG, and segment it as a "
            "picture with sam-geo",
        ),
        # pixels and their values
        "truncated-pixels": _error(
            "the file ends before its pixels do", "refused: have it copied again"
        ),
        "no-pixels": _error("the file holds no pixels", "refused"),
        "undecodable": _error("the pixels cannot be decoded", "refused: have the file checked"),
        "bad-rescale": _error(
            "the rescale slope is 0 or no number", "refused: all values would be lost"
        ),
        "mixed-units": _error(
            "images of one series state different units, so their values cannot be compared",
            "refused: have the images of each unit exported as a series of their own",
        ),
        "not-hounsfield": _warning(
            "CT whose values are not said to be Hounsfield units (HU)",
            "windows in HU are applied only where nothing contradicts and the values look like HU",
        ),
        "damaged-tags": _warning(
            "tags on which values or slice distances depend hold something else than a number",
            "taken as missing; have the files checked",
        ),
        "padding": _note(
            "voxels that stand for no pixel (PixelPaddingValue)",
            "left out of the intensity window and of measured intensities",
        ),
        "fill-value": _warning(
            "one value far from all others covers a part of the image, and no tag says what it is",
            "read as any value; give --window and --level if it spoils the contrast",
        ),
        "inverted-grey": _note(
            "high values are dark (MONOCHROME1)", "kept as stored; inverted for the network only"
        ),
        "mixed-photometric": _error(
            "images of one series show high values dark and bright, or are grey and in colour",
            "refused: have the images of each kind exported as a series of their own",
        ),
        "colour": _note("the image is in colour", "read as luminance, 0.299 R + 0.587 G + 0.114 B"),
        "value-table": _note("values go through a table (Modality LUT)", "the table is applied"),
        "stated-rescale": _note(
            "the header of the volume file states a rescale of its own", "it is applied"
        ),
        "real-world-values": _note(
            "values are defined by a mapping to real-world values only", "the mapping is applied"
        ),
        "other-values": _warning(
            "the file states other values beside those that are read",
            "not applied: values are the stored ones after their rescale",
        ),
        "per-slice-rescale": _note(
            "slices have rescales of their own", "each one is applied, in float32"
        ),
        "lossy-compression": _warning(
            "the image went through lossy compression", "read; fine details and values may be off"
        ),
        "burned-in-annotation": _warning(
            "text is, or may be, burned into the pixels",
            "read; look at the image before you share it or any picture of it",
        ),
        "suv-bw": _note("PET with all that SUV needs", "read as SUVbw in g/ml"),
        "suv-refused": _warning("PET without all that SUV needs", "read as stored, not as SUV"),
        # NIfTI, NRRD, MetaImage and FreeSurfer files
        "affine-conflict": _warning(
            "the sform and the qform of the NIfTI file differ", "the sform is used"
        ),
        "no-affine": _warning(
            "the file does not say where the voxels are",
            "read with its voxel sizes along the axes of the patient",
        ),
        "scaled-units": _warning("lengths of the file are not in mm", "converted to mm"),
        "unknown-units": _warning("the unit of lengths is a word that is not known", "mm is taken"),
        "no-units": _note("the file does not name a unit of length", "mm is taken"),
        "unknown-space": _warning(
            "the space of the file says nothing of the patient",
            "its axes are taken as LPS; check which side is left",
        ),
        "mirrored-space": _error(
            "the space of the file is left-handed and says nothing of the patient",
            "refused: left and right could be swapped; write the file with a space of the "
            "patient, e.g. left-posterior-superior",
        ),
        "ends-of-axes": _error(
            "the NRRD file states where its axes end, but not how far apart its voxels are",
            "refused: write the file with space directions or spacings",
        ),
        "orientation-conflict": _warning(
            "the letters of the orientation contradict the axes of the MetaImage file",
            "the axes are used, as ITK does",
        ),
        "sheared-axes": _warning("the voxel axes are not perpendicular", "read as they are stored"),
        "layers": _error("the file holds several layers", "choose one with --time NUMBER"),
    }
)
"""Every code, in the order of the page on the geometry report."""
