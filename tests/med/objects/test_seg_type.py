from __future__ import annotations

import pytest

from sam_common.errors import OutputError
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE, SEG_TYPES, seg_type_of


def test_a_type_is_known_by_its_name():
    assert [seg_type_of(name) for name in SEG_TYPES] == list(SEG_TYPES)
    assert DEFAULT_SEG_TYPE == "binary"


def test_another_name_is_refused():
    message = r"^a DICOM SEG is binary, labelmap or fractional, got BINARY$"
    with pytest.raises(OutputError, match=message):
        seg_type_of("BINARY")
