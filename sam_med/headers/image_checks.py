"""Image checks: diagnostics about the files, the pixels and the values of a series, by headers."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from sam_med.dicom.encoding import NATIVE
from sam_med.geometry.diagnostics import Diagnostic, found
from sam_med.geometry.volume import HOUNSFIELD, UNSPECIFIED
from sam_med.headers.mosaic import MOSAICS
from sam_med.headers.stored_bits import is_possible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_med.headers.slice_header import ImageFacts, SliceHeader

GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
USUAL_POSITIONS = frozenset({"", "HFS"})
"""PatientPosition of a patient head first on the back, or not stated."""
OFTEN_ANNOTATED = frozenset({"US", "OT", "SC", "XC", "ES"})
"""Modalities whose images are often screenshots, with text in the pixels."""


def check_images(headers: Sequence[SliceHeader]) -> list[Diagnostic]:
    """Diagnostics of the images of one series, except those of positions (`stack`)."""
    return [
        *_files(headers),
        *_spacing(headers[0]),
        *_kind(headers),
        *_values(headers),
        *_appearance(headers),
    ]


def _files(headers: Sequence[SliceHeader]) -> list[Diagnostic]:
    """Diagnostics of missing pixels and of the encoding of the files."""
    told = []
    total = len(headers)
    if none := sum(not h.facts.has_pixels for h in headers):
        told.append(found("no-pixels", f"{none} of {total} images have none", images=none))
    cut = [h.facts.missing_bytes for h in headers if h.facts.missing_bytes]
    if cut:
        message = f"{len(cut)} of {total} images lack pixels, up to {max(cut)} bytes"
        told.append(found("truncated-pixels", message, images=len(cut), bytes=max(cut)))
    if bare := sum(h.facts.headerless for h in headers):
        message = f"{bare} of {total} images lack the mark or the encoding of DICOM files"
        told.append(found("no-file-meta", message, images=bare))
    if other := sum(not (h.facts.as_stated or h.facts.headerless) for h in headers):
        message = f"{other} of {total} images are not encoded as they say"
        told.append(found("other-encoding", message, images=other))
    if unknown := sum(not h.facts.syntax for h in headers):
        message = f"the pixels of {unknown} of {total} images are compressed"
        told.append(found("unknown-compression", message, images=unknown))
    odd = {h.facts.bits for h in headers if h.facts.bits and not _readable_bits(h.facts)}
    for allocated, stored, high in sorted(odd):
        message = f"HighBit is {high} where BitsStored is {stored} and BitsAllocated {allocated}"
        told.append(found("undecodable", message, high_bit=high, bits_stored=stored))
    return told


def _readable_bits(facts: ImageFacts) -> bool:
    """Whether the stated bits can be decoded: decoders of compressed pixels ignore HighBit."""
    plain = facts.syntax in {*NATIVE, DeflatedExplicitVRLittleEndian, RLELossless}
    return facts.bits is None or (plain and is_possible(facts.bits))


def _spacing(header: SliceHeader) -> list[Diagnostic]:
    """Diagnostics of a missing pixel spacing, or one at the detector."""
    if not header.pixel_spacing_mm:
        message = "no distance between pixels is stated"
        if "PixelSpacing" in header.damaged:
            message = "PixelSpacing holds something else than two numbers"
        return [found("no-pixel-spacing", message)]
    if header.facts.spacing_kind == "detector":
        rows, columns = header.pixel_spacing_mm
        message = f"pixels are {columns:g} x {rows:g} mm at the detector"
        return [found("detector-spacing", message, spacing_mm=[columns, rows])]
    return []


def _kind(headers: Sequence[SliceHeader]) -> list[Diagnostic]:
    """Diagnostics of multi-frame files, mosaics, joined series and the patient position."""
    head = headers[0]
    told = _tiles(headers)
    if head.frame_number:
        frames = head.facts.frames
        told.append(found("multi-frame", f"the file holds {frames} frames", frames=frames))
    if head.joined > 1:
        message = f"{len(headers)} slices of {head.joined} series or frames of reference"
        told.append(found("joined-series", message, slices=len(headers), parts=head.joined))
    if head.places == "by step":
        message = f"the {len(headers)} frames share one place"
        told.append(found("frames-by-step", message, frames=len(headers)))
    if head.places == "in a volume":
        told.append(found("volume-places", "the frames are placed in an ultrasound volume"))
    if head.facts.patient_position not in USUAL_POSITIONS:
        position = head.facts.patient_position
        told.append(found("patient-position", f"the patient lay {position}", position=position))
    return told


def _tiles(headers: Sequence[SliceHeader]) -> list[Diagnostic]:
    """Diagnostics of whole slides and mosaics."""
    head = headers[0]
    if head.facts.whole_slide:
        return [found("whole-slide", f"{head.facts.frames} tile(s) make one picture")]
    if head.tile:
        tiles = max(h.tile for h in headers)
        rows, columns = head.size
        message = f"each image holds {tiles} slices of {columns} x {rows} pixels"
        return [found("mosaic", message, slices=tiles)]
    if MOSAICS & set(head.facts.image_type):
        return [found("mosaic-unknown", "the image is a mosaic of unknown layout")]
    return []


def _values(headers: Sequence[SliceHeader]) -> list[Diagnostic]:
    """Diagnostics of the rescale, the units and other mappings of stored values."""
    told = []
    scales = {h.rescale for h in headers}
    bad = [slope for slope, intercept in scales if not _usable(slope, intercept)]
    if bad:
        what = "is 0" if bad[0] == 0 else "or intercept is no number"
        told.append(found("bad-rescale", f"the rescale slope {what}"))
    elif len(scales) > 1:
        message = f"{len(scales)} different rescales in {len(headers)} slices"
        told.append(found("per-slice-rescale", message, rescales=len(scales)))
    told.extend(_units(headers))
    told.extend(_mappings(headers))
    if damaged := sorted({tag for h in headers for tag in h.facts.damaged}):
        count = sum(bool(h.facts.damaged) for h in headers)
        message = f"{', '.join(damaged)} of {count} of {len(headers)} images cannot be read"
        told.append(found("damaged-tags", message, tags=damaged, images=count))
    if any(h.facts.has_modality_lut for h in headers):
        told.append(found("value-table", "the images have a Modality LUT"))
    return told


def _mappings(headers: Sequence[SliceHeader]) -> list[Diagnostic]:
    """Diagnostics of mappings to real-world values that are applied, or are not."""
    counts = Counter(h.mapping for h in headers)
    applied, others = counts["applied"], counts["not applied"]
    told = []
    if applied:
        message = f"{applied} of {len(headers)} images have no rescale, but such a mapping"
        told.append(found("real-world-values", message, images=applied))
    if others:
        message = f"{others} of {len(headers)} images have mappings to real-world values as well"
        told.append(found("other-values", message, images=others))
    return told


def _units(headers: Sequence[SliceHeader]) -> list[Diagnostic]:
    """The diagnostic of slices in several units, or of CT that is not said to be in HU."""
    stated = sorted({h.units for h in headers} - {"", UNSPECIFIED})
    if len(stated) > 1:
        message = f"the values of {len(headers)} images are {' and '.join(stated)}"
        return [found("mixed-units", message, units=stated)]
    others = [h.units for h in headers if h.modality == "CT" and h.units != HOUNSFIELD]
    if not others:
        return []
    listed = ", ".join(sorted(set(others)))
    message = f"the values of {len(others)} of {len(headers)} CT images are {listed}"
    return [found("not-hounsfield", message, images=len(others), units=sorted(set(others)))]


def _usable(slope: float, intercept: float) -> bool:
    """Whether a rescale keeps values apart: slope not 0, both numbers finite."""
    return slope != 0 and math.isfinite(slope) and math.isfinite(intercept)


def _appearance(headers: Sequence[SliceHeader]) -> list[Diagnostic]:
    """Diagnostics of colour, inverted grey, lossy compression and text in the pixels."""
    facts = headers[0].facts
    told = []
    kinds = {h.facts.photometric if h.facts.photometric in GREY else "colour" for h in headers}
    if len(kinds) > 1:
        message = f"the {len(headers)} images are {' and '.join(sorted(kinds))}"
        told.append(found("mixed-photometric", message, kinds=sorted(kinds)))
    elif facts.photometric == "MONOCHROME1":
        told.append(found("inverted-grey", "the images are MONOCHROME1"))
    elif facts.photometric not in GREY:
        message = f"the images are {facts.photometric} with {facts.samples} number(s) per pixel"
        told.append(found("colour", message, photometric=facts.photometric))
    if lossy := sum(h.facts.lossy for h in headers):
        message = f"{lossy} of {len(headers)} images are or were compressed with loss"
        told.append(found("lossy-compression", message, images=lossy))
    told.extend(_annotation(headers))
    return told


def _annotation(headers: Sequence[SliceHeader]) -> list[Diagnostic]:
    """The diagnostic of text that is, or may be, burned into the pixels."""
    if yes := sum(h.facts.burned_in == "YES" for h in headers):
        message = f"{yes} of {len(headers)} images say that text is burned in"
        return [found("burned-in-annotation", message, images=yes, stated=True)]
    head = headers[0]
    likely = head.facts.secondary or head.modality in OFTEN_ANNOTATED
    if likely and not head.facts.burned_in:
        message = "the image does not say whether text is burned in, and its kind often has some"
        return [found("burned-in-annotation", message, images=len(headers), stated=False)]
    return []
