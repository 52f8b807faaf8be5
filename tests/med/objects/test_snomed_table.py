"""Every line of the table against the DICOM context groups."""

from __future__ import annotations

import pytest
from pydicom.sr.codedict import codes as dictionary

from sam_med.objects.snomed import ANATOMY, FINDING, SIDES, TISSUE
from sam_med.objects.snomed_table import ABNORMAL, PAIRED, PLURALS, STRUCTURES, SYNONYMS, TISSUES


def known():
    """SNOMED CT as DICOM holds it: value to all of its meanings."""
    found = {}
    for keyword in dictionary.SCT.dir():
        code = getattr(dictionary.SCT, keyword)
        found.setdefault(code.value, set()).add(code.meaning)
    return found


def test_every_code_is_in_the_dictionary_with_its_meaning():
    meanings = known()
    for name, (value, meaning) in STRUCTURES.items():
        assert meaning in meanings[value], name


@pytest.mark.parametrize("code", [ANATOMY, FINDING, TISSUE, *SIDES.values()])
def test_categories_and_sides_are_in_the_dictionary(code):
    assert code.meaning.lower() in {
        m.lower().removesuffix(" (qualifier value)") for m in known()[code.value]
    }


def test_categories_are_those_of_the_context_group():
    group = {getattr(dictionary.cid7150, key).value for key in dictionary.cid7150.dir()}
    assert {ANATOMY.value, FINDING.value, TISSUE.value} <= group


def test_the_names_of_the_tables_agree():
    assert set(PAIRED) | ABNORMAL | TISSUES | set(SYNONYMS.values()) <= set(STRUCTURES)
    assert set(PLURALS.values()) <= set(STRUCTURES) | set(SYNONYMS)
    assert not set(SYNONYMS) & set(STRUCTURES)
