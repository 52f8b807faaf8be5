"""Segment descriptions of a DICOM SEG: name, code, colour and algorithm of each segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import highdicom
from highdicom.color import CIELabColor
from highdicom.seg import SegmentDescription
from pydicom.sr.codedict import codes

from sam_common.masks.overlay import colour
from sam_med.derived_objects import dicom_object
from sam_med.objects.snomed import TISSUE, Code, category_of, find_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sam_med.objects.provenance import Provenance
    from sam_med.objects.segments import Segment


def describe_segments(
    segments: Sequence[Segment], numbers: Sequence[int], provenance: Provenance, identity: str
) -> Iterator[SegmentDescription]:
    """One description for each segment, ascending by number (PS3.3, C.8.20.4).

    Args:
        segments: The objects. One without a code gets the code of its name, and one with an
            unknown name is "Tissue".
        numbers: The number of each of them.
        provenance: Written as the algorithm, with its parameters.
        identity: Seed of the tracking identifiers, see `dicom_object.identity_of`.
    """
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=f"{dicom_object.MAKER} {provenance.model} {provenance.method}"[
            : dicom_object.LABEL_LENGTH
        ],
        family=codes.DCM.ArtificialIntelligence,
        version=provenance.version,
        source=dicom_object.MAKER,
        parameters=provenance.parameters(),
    )
    for n, place in sorted(zip(numbers, range(len(segments)), strict=True)):
        segment = segments[place]
        code = segment.code or find_code(segment.name)
        item = SegmentDescription(
            segment_number=n,
            segment_label=dicom_object.label_text(segment.name),
            segmented_property_category=_coded(category_of(code)),
            segmented_property_type=_coded(code or TISSUE),
            algorithm_type="SEMIAUTOMATIC",
            algorithm_identification=algorithm,
            tracking_uid=dicom_object.derived_uid(identity, "segment", str(n)),
            tracking_id=f"{n} {dicom_object.label_text(segment.name)}"[: dicom_object.LABEL_LENGTH],
            display_color=CIELabColor.from_rgb(*colour(place)),
        )
        item.SegmentDescription = dicom_object.value_text(segment)
        if code is not None and code.modifier is not None:
            kind = item.SegmentedPropertyTypeCodeSequence[0]
            kind.SegmentedPropertyTypeModifierCodeSequence = [_coded(code.modifier)]
        yield item


def _coded(code: Code) -> highdicom.sr.CodedConcept:
    """A code without its modifier, as highdicom takes it."""
    return highdicom.sr.CodedConcept(code.value, code.scheme, code.meaning)
