"""Text headers of NRRD and MetaImage: fields, and the files that hold the voxels."""

from __future__ import annotations

import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from volume_files import ORIGIN, STEPS

from sam_med.files.read import read_volume


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
