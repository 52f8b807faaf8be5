from __future__ import annotations

import pytest
from pydicom.sr.codedict import codes as dictionary

from sam_med.objects import snomed
from sam_med.objects.snomed import ANATOMY, FINDING, SIDES, TISSUE, Code, category_of, find_code
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


@pytest.mark.parametrize(
    ("name", "meaning", "side"),
    [
        ("liver", "Liver", None),
        ("Spleen", "Spleen", None),
        ("kidney_left", "Kidney", "Left"),
        ("Right Kidney", "Kidney", "Right"),
        ("kidneys", "Kidney", "Right and left"),
        ("Kidney", "Kidney", None),
        ("adrenal-gland-left", "Adrenal gland", "Left"),
        ("ovaries", "Ovary", "Right and left"),
        ("right ovary", "Ovary", "Right"),
        ("vertebrae_L1", "L1 vertebra", None),
        ("L1 vertebra", "L1 vertebra", None),
        ("vertebrae", "Vertebra", None),
        ("rib_left_7", "Rib", "Left"),
        ("lesion 2", "Lesion", None),
        ("lesions", "Lesion", None),
        ("tumour", "Neoplasm", None),
        ("heart_atrium_left", "Left atrium", None),
        ("left atrium", "Left atrium", None),
        ("lung_upper_lobe_left", "Upper lobe of lung", "Left"),
        ("lung_middle_lobe_right", "Middle lobe of right lung", None),
        ("lens", "Lens", None),
        ("lenses", "Lens", "Right and left"),
        ("pelvis", "Pelvis", None),
        ("cord", "Spinal cord", None),
    ],
)
def test_names_that_people_use(name, meaning, side):
    code = find_code(name)
    assert (code.scheme, code.meaning.lower()) == ("SCT", meaning.lower())
    assert (code.modifier.meaning if code.modifier else None) == side


@pytest.mark.parametrize(
    "name",
    ["", "object 3", "left", "left right kidney", "left spleen", "T1", "L5", "spleenish", "7"],
)
def test_what_is_not_known_has_no_code(name):
    assert find_code(name) is None


def test_every_name_and_synonym_finds_its_own():
    for name in STRUCTURES:
        assert find_code(name) == Code(STRUCTURES[name][0], "SCT", STRUCTURES[name][1])
    for other, name in SYNONYMS.items():
        assert find_code(other.replace("_", " ")) == find_code(name)


@pytest.mark.parametrize(
    ("name", "category"),
    [("liver", ANATOMY), ("lesion", FINDING), ("fat", TISSUE), ("T12 vertebra", ANATOMY)],
)
def test_categories(name, category):
    assert category_of(find_code(name)) == category


def test_an_unknown_object_is_tissue_and_never_the_spleen():
    assert category_of(None) == TISSUE
    assert category_of(Code("123", "99TEST", "Something")) == ANATOMY
    assert snomed.TISSUE.value != STRUCTURES["spleen"][0] == "78961009"
