"""DICOM files of objects: damaged ones, and all forms in which they come."""

from __future__ import annotations

import copy
import gzip
import zipfile

import numpy as np
import pydicom
import pytest
from segment_phantoms import MADE_BY, flat, same_as

from sam_common.errors import InputError
from sam_med.segmentations.object_file import check_numbers, modality_of, stated_modality
from sam_med.segmentations.read import is_segmentation, is_structure_set, read_segmentation
from sam_med.write.output_paths import DICOM
from sam_med.write.results import write_outputs


def test_a_file_that_ends_early_is_no_object(volume, tmp_path):
    path = tmp_path / "out.dcm"
    write_outputs([flat("a", 1, 2, 3)], volume, path, [], MADE_BY)
    content = path.read_bytes()
    said = r"^the DICOM (file is damaged: it cannot be read to its end|SEG .*: is it whole\?)$"
    for size in range(1000, len(content), 501):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=said):
            read_segmentation(path)
    (tmp_path / "cut.dcm.gz").write_bytes(gzip.compress(content)[:-200])
    with pytest.raises(InputError, match=r"^the archive is damaged: have it copied again$"):
        read_segmentation(tmp_path / "cut.dcm.gz")


def test_a_seg_is_read_in_the_forms_in_which_images_are(volume, tmp_path):
    """Without preamble, without meta information, packed, and with other orders of bytes."""
    path = tmp_path / "out.dcm"
    write_outputs([flat("a", 4, 2, 3), flat("b", 6, 3)], volume, path, [], MADE_BY)
    expected, written = read_segmentation(path), path.read_bytes()
    dataset = pydicom.dcmread(path)
    meta_bytes = 12 + dataset.file_meta.FileMetaInformationGroupLength
    for n, content in enumerate((written[132:], written[132 + meta_bytes :])):
        (tmp_path / f"{n}.dcm").write_bytes(content)
        same_as(tmp_path / f"{n}.dcm", expected)
    for name, content in (("a.dcm.gz", written), ("b.gz", written[132:])):
        (tmp_path / name).write_bytes(gzip.compress(content))
        same_as(tmp_path / name, expected)
        assert is_segmentation(tmp_path / name)
        assert not is_structure_set(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.write(path, "CANARY.dcm")
    same_as(tmp_path / "one.zip", expected)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.write(path, "a")
        archive.write(path, "b")
    with pytest.raises(InputError, match=r"^the archive holds 2 files, and a segmentation is one"):
        read_segmentation(tmp_path / "two.zip")
    for syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.2"):
        other = copy.deepcopy(dataset)
        if syntax.endswith(".2.2"):
            other["PixelData"].VR = "OW"
            swapped = np.frombuffer(other.PixelData, ">u2").astype("<u2").tobytes()
            other.PixelData = swapped
        other.file_meta.TransferSyntaxUID = syntax
        list(other.iterall())
        pydicom.dcmwrite(
            tmp_path / "order.dcm",
            other,
            implicit_vr=not syntax.endswith(".2.2"),
            little_endian=not syntax.endswith(".2.2"),
            force_encoding=True,
        )
        same_as(tmp_path / "order.dcm", expected)


def test_two_items_of_one_number_are_refused():
    check_numbers([3, 1, 2], "segments")
    check_numbers([], "segments")
    with pytest.raises(InputError, match=r"^3 structures have the number 7, so nothing says which"):
        check_numbers([7, 1, 7, 7], "structures")


def test_the_modality_of_a_file(volume, tmp_path):
    write_outputs([flat("a", 1, 2)], volume, tmp_path / "out", list(DICOM), MADE_BY)
    for name, kind in (("out.seg.dcm", "SEG"), ("out.rtstruct.dcm", "RTSTRUCT")):
        path = tmp_path / name
        assert modality_of(path) == kind
        dataset = pydicom.dcmread(path)
        del dataset.Modality
        # the class of a structure set says what it is as well
        assert stated_modality(dataset) == ("" if kind == "SEG" else kind)
    (tmp_path / "a.txt").write_text("a" * 999)
    assert modality_of(tmp_path / "a.txt") is None
