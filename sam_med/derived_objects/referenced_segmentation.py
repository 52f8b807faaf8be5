"""Referenced segmentation: what a report states of a DICOM SEG and of its segments.

Any program may have written the SEG; its own codes and tracking identifiers are taken over, so that
a report and its SEG speak of the same things.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_med.derived_objects.dicom_object import LABEL_LENGTH, derived_uid, label_text
from sam_med.dicom.encoding import DAMAGE, read_header
from sam_med.objects.snomed import ANATOMY, TISSUE, Code
from sam_med.segmentations.seg_frames import LABELMAP_STORAGE, SEG_STORAGE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydicom.dataset import Dataset

ANATOMICAL = {ANATOMY.value, "T-D000A"}
"""Values of the category of anatomical structures, in SNOMED CT and in the older SNOMED RT."""


@dataclass(frozen=True, slots=True)
class ReferencedSegment:
    """A segment of a DICOM SEG, as its description has it."""

    number: int
    tracking_id: str
    """Name by which people tell the object."""
    tracking_uid: str
    """Unique identifier of the object, the same in SEG and report."""
    category: Code
    kind: Code
    """Type of the segmented property, with its side."""

    @property
    def is_anatomical(self) -> bool:
        """Whether the segment is a structure of the body, not a finding in one."""
        return self.category.value in ANATOMICAL


@dataclass(frozen=True, slots=True, eq=False)
class ReferencedSegmentation:
    """A DICOM SEG that measurements were made of."""

    header: Dataset
    """The data set without its frames."""
    segments: Mapping[int, ReferencedSegment]
    """The described segments by their number."""

    @property
    def uid(self) -> str:
        """The SOP instance identifier."""
        return str(self.header.SOPInstanceUID)


def read_reference(path: Path) -> ReferencedSegmentation:
    """Read the header of a DICOM SEG.

    Raises:
        InputError: The file is no DICOM SEG, is damaged, or lacks an identifier.
    """
    try:
        read = read_header(path)
    except DAMAGE as error:
        raise InputError("the DICOM SEG is damaged: its header cannot be read") from error
    known = {SEG_STORAGE, LABELMAP_STORAGE}
    if read is None or str(read[0].get("SOPClassUID", "")) not in known:
        raise InputError(
            "a report refers to a DICOM SEG, and the segmentation is none: write one first "
            "(-ot dicom_seg), and measure that"
        )
    header = read[0]
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        if not header.get(keyword, None):
            raise InputError(f"the DICOM SEG has no {keyword}, so no report can refer to it")
    items = header.get("SegmentSequence", None) or ()
    found = [_described(item, str(header.SOPInstanceUID)) for item in items]
    return ReferencedSegmentation(header, {segment.number: segment for segment in found})


def undescribed(number: int, name: str, seg_uid: str) -> ReferencedSegment:
    """A segment that frames of a SEG show and that the SEG does not describe."""
    uid = derived_uid(seg_uid, "segment", str(number))
    return ReferencedSegment(number, label_text(name), uid, TISSUE, TISSUE)


def _described(item: Dataset, seg_uid: str) -> ReferencedSegment:
    """A segment from its description; identifiers that it lacks are derived."""
    number = int(item.SegmentNumber)
    label = label_text(str(item.get("SegmentLabel", None) or number))
    return ReferencedSegment(
        number,
        str(item.get("TrackingID", None) or "") or f"{number} {label}"[:LABEL_LENGTH],
        str(item.get("TrackingUID", None) or "") or derived_uid(seg_uid, "segment", str(number)),
        _code(item, "SegmentedPropertyCategoryCodeSequence") or TISSUE,
        _code(item, "SegmentedPropertyTypeCodeSequence") or TISSUE,
    )


def _code(item: Dataset, sequence: str) -> Code | None:
    """The first code of a sequence, with its modifier; None where it holds none."""
    found = (item.get(sequence, None) or ())[:1]
    if not found or not found[0].get("CodeValue", None):
        return None
    code = found[0]
    return Code(
        str(code.CodeValue),
        str(code.get("CodingSchemeDesignator", "") or ""),
        str(code.get("CodeMeaning", "") or ""),
        _code(code, "SegmentedPropertyTypeModifierCodeSequence"),
    )
