"""Text headers of NRRD and MetaImage: fields, and the files that hold the voxels."""

from __future__ import annotations

import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from volume_files import ORIGIN, STEPS, metaimage, nrrd

from sam_med.files.read import read_volume
from sam_med.formats.text_header import data_files, field_names, header_fields, quoted_strings


@pytest.mark.parametrize(
    "last",
    ["data file: raw.bin", "data file: part%d.bin 1 4 1", "data file: LIST"],
)
def test_the_files_of_a_detached_header_are_known(last, tmp_path):
    names = ["raw.bin"] if "raw" in last else [f"part{n}.bin" for n in range(1, 5)]
    for name in names:
        (tmp_path / name).write_bytes(bytes(24 // len(names)))
    listed = "\n".join(names) + "\n" if "LIST" in last else "\n"
    path = tmp_path / "a.nhdr"
    fields = ["NRRD0004", "type: uchar", "dimension: 3", "sizes: 2 3 4", "encoding: raw"]
    path.write_text("\n".join([*fields, "space: LPS", STEPS, ORIGIN, last]) + "\n" + listed)
    assert read_volume(path).files == (path, *(tmp_path / name for name in names))


def test_the_voxels_of_a_metaimage_header_are_known(tmp_path):
    sitk.WriteImage(sitk.Image(2, 3, 4, sitk.sitkUInt8), str(tmp_path / "a.mhd"))
    assert read_volume(tmp_path / "a.mhd").files == (tmp_path / "a.mhd", tmp_path / "a.raw")


def test_fields_of_a_nrrd_by_simplified_names(tmp_path):
    comments = ("# space: RAS", "Space Units: a", "key:=space: RAS", "no field")
    path = nrrd(tmp_path / "a.nrrd", *comments, "space : left", voxels=b"\nafter: 1\n")
    fields = header_fields(path)
    assert fields.pop("spaceunits") == "a"
    assert fields.pop("space") == "left"
    assert fields == {"dimension": "3", "sizes": "2 3 4", "encoding": "raw", "type": "uchar"}
    assert {"Space Units", "space"} <= field_names(path)


def test_fields_of_a_metaimage_end_with_that_of_its_voxels(tmp_path):
    path = metaimage(tmp_path / "a.mha", "Offset = 1 2 3", voxels=b"Color = red\n" * 2)
    fields = header_fields(path)
    assert (fields["offset"], fields["elementdatafile"]) == ("1 2 3", "LOCAL")
    assert "color" not in fields
    assert "Offset" in field_names(path)
    assert data_files(path) == ()


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("b.raw", ["b.raw"]),
        ("sub/b.raw", ["sub/b.raw"]),
        ("gone.raw", []),
        ("b%02d.raw 1 5 2", ["b01.raw", "b03.raw"]),
        ("b%d.raw", ["b%d.raw"]),
        ("LOCAL", []),
        ("LIST\nb.raw\nb01.raw", ["b.raw", "b01.raw"]),
    ],
)
def test_files_of_voxels_are_those_that_exist(field, names, tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("b.raw", "sub/b.raw", "b01.raw", "b03.raw", "b02.raw", "b%d.raw"):
        (tmp_path / name).touch()
    path = tmp_path / "a.mhd"
    path.write_text(f"ObjectType = Image\nElementDataFile = {field}\n")
    assert data_files(path) == tuple(tmp_path / name for name in names)


def test_strings_in_quotation_marks():
    assert quoted_strings('"a b" "" none "c\\"d"') == ["a b", "", 'c\\"d']
    assert quoted_strings("none") == []
