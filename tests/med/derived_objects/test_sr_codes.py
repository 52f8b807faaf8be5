"""Codes of a report are those of the standard's context groups, as pydicom holds them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydicom.sr.codedict import codes

from sam_med.derived_objects import sr_codes
from sam_med.geometry import frame
from sam_med.geometry.volume import Volume

VOLUME = Volume(
    np.zeros((1, 1, 1), np.int16),
    frame.from_itk((0, 0, 0), (1, 1, 1), (1, 0, 0, 0, 1, 0, 0, 0, 1)),
)
QUANTITIES = (
    *(sr_codes.VOLUME, sr_codes.LONG_AXIS, sr_codes.SHORT_AXIS, sr_codes.MAXIMUM_3D),
    *(*sr_codes.INTENSITIES.values(), sr_codes.MR_SIGNAL),
)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_quantities_stand_in_the_context_groups(quantity):
    generic, units = codes.cid7469, codes.cid7181
    assert quantity.concept in [getattr(generic, name) for name in dir(generic)]
    assert quantity.unit in [getattr(units, name) for name in dir(units)]


def test_derivations_and_procedures_stand_in_theirs():
    for group, used in (
        (codes.cid7464, (sr_codes.MEAN, sr_codes.DEVIATION)),
        (codes.cid7474, (sr_codes.VOLUME_METHOD,)),
        (codes.cid100, (*sr_codes.PROCEDURES.values(), sr_codes.ANY_PROCEDURE)),
    ):
        known = [getattr(group, name) for name in dir(group)]
        assert all(code in known for code in used)


@pytest.mark.parametrize(
    ("modality", "units", "meaning"),
    [
        ("CT", "HU", "Attenuation Coefficient"),
        ("CT", "unspecified", None),
        ("PT", "SUVbw g/ml", "SUVbw"),
        ("PT", "BQML", "Nuclear Medicine Tomographic Activity"),
        ("MR", None, "MR signal intensity"),
        ("MR", "US", "MR signal intensity"),
        ("MR", "mm2/s", None),
        (None, None, None),
    ],
)
def test_intensities_by_their_unit(modality, units, meaning):
    found = sr_codes.intensity_of(replace(VOLUME, modality=modality), units)
    assert (None if found is None else found.concept.meaning) == meaning


def test_a_procedure_of_any_modality():
    assert sr_codes.procedure_of("CT").meaning == "CT unspecified body region"
    assert sr_codes.procedure_of("XX") == sr_codes.procedure_of(None) == sr_codes.ANY_PROCEDURE
