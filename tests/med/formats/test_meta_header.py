"""Damaged MetaImage headers: one sentence, and nothing that a library says of its own."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from volume_files import with_field

from sam_common.errors import InputError
from sam_med.files.read import read_volume


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("DimSize", None, "states no DimSize"),
        ("DimSize", "", "states no DimSize"),
        ("DimSize", "8 6", "has a DimSize that is not 3 sizes"),
        ("DimSize", "8 6 x", "has a DimSize that is not 3 sizes"),
        ("DimSize", "8 6 -4", "has a DimSize that is not 3 sizes"),
        ("NDims", "--3", "has an NDims that is no number of axes"),
        ("NDims", "0", "has an NDims that is no number of axes"),
        ("ElementType", None, "states no ElementType"),
        ("ElementType", "CANARY", "has a value of ElementType that is none of its kind"),
        ("TransformMatrix", "1 0 0", "has a value of TransformMatrix that is none of its kind"),
        ("ElementSpacing", "1 1 CANARY", "has a value of ElementSpacing that is none of its kind"),
        ("ElementSpacing", "1 0 1", "has a value of ElementSpacing that is none of its kind"),
        (
            "TransformMatrix",
            "1 0 0 1 0 0 0 0 1",
            "has a value of TransformMatrix that is none of its kind",
        ),
        ("ElementSpacing", "1 nan 1", "has a value of ElementSpacing that is none of its kind"),
        ("Offset", "0 0", "has a value of Offset that is none of its kind"),
        ("BinaryData", "CANARY", "has a value of BinaryData that is none of its kind"),
        ("CompressedDataSize", "x", "has a value of CompressedDataSize that is none of its kind"),
    ],
)
def test_what_a_header_lacks_is_said_in_one_line(field, value, what, lines, capfd):
    with pytest.raises(InputError) as caught:
        read_volume(with_field(lines, field, value))
    expected = f"cannot read the volume file: its header {what} (have it copied again)"
    assert str(caught.value) == expected
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["DimSize", "ElementDataFile", "NDims"])
def test_names_in_other_letters_are_not_known_to_itk(name, lines, capfd):
    path = lines[0]
    path.write_bytes(path.read_bytes().replace(name.encode(), name.lower().encode(), 1))
    with pytest.raises(InputError, match=f"its header states no {name} "):
        read_volume(path)
    assert capfd.readouterr() == ("", "")


def test_a_distance_below_zero_turns_its_axis(lines):
    frame = read_volume(with_field(lines, "ElementSpacing", "1 -2 1")).frame
    assert frame.array[1, 1] == -2


def test_a_whole_file_is_read(lines):
    array = read_volume(lines[0]).array
    assert np.array_equal(array, sitk.GetArrayFromImage(sitk.ReadImage(str(lines[0]))))
    assert array.any()
