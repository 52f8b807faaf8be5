import importlib.util

import pytest

from sam_med.objects.snomed import find_code
from sam_med.objects.snomed_table import STRUCTURES, SYNONYMS
from sam_med.write.seg_nrrd import terminology
from sam_med.write.slicer_terminology import TARGET, text


@pytest.fixture(scope="module")
def entry_of():
    """Of the module, which runs in Slicer's Python."""
    path = TARGET.with_name("terminology.py")
    spec = importlib.util.spec_from_file_location("slicer_terminology_module", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.entry_of


def test_the_table_of_the_slicer_module_is_that_of_the_suite():
    """If this fails: python -m sam_med.write.slicer_terminology."""
    assert TARGET.read_text(encoding="utf-8") == text()


@pytest.mark.parametrize(
    "name",
    [
        "Liver", "left kidney", "Kidney, right", "kidneys", "KIDNEY_LEFT", "both lungs",
        "lung_left_upper_lobe", "lesion 2", "rib_left_7", "vertebrae_L1", "vertebra T 12",
        "testes", "metastases", "iliac arteries left", "portal_vein_and_splenic_vein",
        "object 3", "", "left liver", "something else",
    ],
)  # fmt: skip
def test_a_name_has_the_entry_in_slicer_that_a_file_has(entry_of, name):
    assert entry_of(name) == terminology(find_code(name))


def test_every_structure_and_synonym_is_known(entry_of):
    unknown = terminology(None)
    for name in (*STRUCTURES, *SYNONYMS):
        assert entry_of(name) == terminology(find_code(name))
        assert entry_of(name) != unknown or find_code(name).meaning == "Tissue"
