"""Provenance: what a header says of the making of a result."""

from __future__ import annotations

from sam_med.objects.provenance import RESEARCH_ONLY, Provenance


def test_parameters_are_everything_but_the_version():
    made = Provenance("0.1.0", "lite_medsam", "7" * 64, "planes", "a" * 64)
    assert made.parameters() == {
        "model": "lite_medsam",
        "model_sha256": "7" * 64,
        "method": "planes",
        "prompts_sha256": "a" * 64,
    }


def test_the_notice_fits_into_a_description_of_dicom():
    assert "research use only" in RESEARCH_ONLY
    assert len(RESEARCH_ONLY) <= 64
