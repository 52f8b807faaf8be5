from __future__ import annotations

import pytest

from sam_med.objects import snomed
from sam_med.objects.snomed import ANATOMY, FINDING, TISSUE, Code, category_of, find_code
from sam_med.objects.snomed_table import STRUCTURES, SYNONYMS


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
