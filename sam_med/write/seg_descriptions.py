"""Descriptions of segments in a DICOM SEG: name, code, colour, and the algorithm that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import highdicom
from highdicom.color import CIELabColor
from highdicom.seg import SegmentDescription
from pydicom.sr.codedict import codes

from sam_common.masks.overlay import colour
from sam_med.derived import inherited
from sam_med.objects.snomed import TISSUE, Code, category_of, find_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sam_med.objects.provenance import Provenance
    from sam_med.objects.segments import Segment


def describe_segments(
    segments: Sequence[Segment], provenance: Provenance, identity: str
) -> Iterator[SegmentDescription]:
    """One description a segment, numbered from 1 (PS3.3, C.8.20.4).

    Args:
        segments: In the order of their numbers; one without a code gets that of its name, and
            one whose name says nothing is "Tissue".
        provenance: Becomes the algorithm, with its parameters.
        identity: Seed of the tracking identifiers.
    """
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=f"{inherited.MAKER} {provenance.model} {provenance.method}"[: inherited.LABEL_LENGTH],
        family=codes.DCM.ArtificialIntelligence,
        version=provenance.version,
        source=inherited.MAKER,
        parameters=provenance.parameters(),
    )
    for n, segment in enumerate(segments, start=1):
        code = segment.code or find_code(segment.name)
        item = SegmentDescription(
            segment_number=n,
            segment_label=inherited.label_text(segment.name),
            segmented_property_category=_coded(category_of(code)),
            segmented_property_type=_coded(code or TISSUE),
            algorithm_type="SEMIAUTOMATIC",
            algorithm_identification=algorithm,
            tracking_uid=inherited.derived_uid(identity, "segment", str(n)),
            tracking_id=f"{n} {inherited.label_text(segment.name)}"[: inherited.LABEL_LENGTH],
            display_color=CIELabColor.from_rgb(*colour(n - 1)),
        )
        nothing = "" if segment.mask.any() else "; nothing was found"
        item.SegmentDescription = f"Label value {segment.value}{nothing}"
        if code is not None and code.modifier is not None:
            kind = item.SegmentedPropertyTypeCodeSequence[0]
            kind.SegmentedPropertyTypeModifierCodeSequence = [_coded(code.modifier)]
        yield item


def _coded(code: Code) -> highdicom.sr.CodedConcept:
    return highdicom.sr.CodedConcept(code.value, code.scheme, code.meaning)
