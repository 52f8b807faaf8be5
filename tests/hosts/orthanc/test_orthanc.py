"""A series out of a PACS, an organ, and its SEG back into the PACS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK
from dicom_tools import validate
from pydicom.uid import generate_uid

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
ROOT = Path(__file__).parents[3]
SERIES_UID, SOP_CLASS, STUDY_UID = "0020000E", "00080016", "0020000D"


def value(row, tag):
    return row[tag]["Value"][0]


def identified(files, folder):
    """Copies of anonymous images with the UIDs that a PACS needs; the pixels stay compressed."""
    folder.mkdir()
    for number, path in enumerate(files, start=1):
        image = pydicom.dcmread(path)
        for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            setattr(image, name, generate_uid(entropy_srcs=[name]))
        image.SOPInstanceUID = generate_uid(entropy_srcs=[str(number)])
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.PatientID = "research"
        image.save_as(folder / f"{number:04}.dcm")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def series(pacs, data, tmp_path_factory):
    """A CT in the PACS: study UID, series UID, number of images."""
    found = sorted((data / "med/dicom/ct_abdomen_dicom/series").iterdir())
    files = identified(found, tmp_path_factory.mktemp("ct") / "series")
    assert pacs.store(files) == (len(files), 0)
    (row,) = pacs.query("series", Modality="CT")
    return value(row, STUDY_UID), value(row, SERIES_UID), len(files)


@pytest.fixture(scope="module")
def stored(pacs, series, tmp_path_factory):
    """The SEG that was made of the images as the PACS gives them, and what is stored again."""
    folder = tmp_path_factory.mktemp("seg")
    study, uid, count = series
    images = pacs.fetch(f"studies/{study}/series/{uid}", folder / "images")
    assert len(images) == count
    made = folder / "spleen.seg.dcm"
    command = [sys.executable, "-m", "sam_med.cli", "segment", folder / "images", "-o", made]
    command += ["--box-ijk", "291,134,0,392,266,19", "--label", "spleen", "--method", "litemedsam"]
    done = subprocess.run(
        [*command, "--no-keep-embeddings", "--quiet"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert pacs.store([made]) == (1, 0)
    return made


def test_a_seg_is_found_beside_its_images_and_comes_back_as_it_was_sent(
    pacs, series, stored, tmp_path
):
    study, images, _ = series
    (row,) = pacs.query(f"studies/{study}/series", Modality="SEG")
    uid = value(row, SERIES_UID)
    assert uid != images
    (instance,) = pacs.query(f"studies/{study}/series/{uid}/instances")
    assert value(instance, SOP_CLASS) == SEG
    (back,) = pacs.fetch(f"studies/{study}/series/{uid}", tmp_path / "back")
    validate(back)
    sent, got = (pydicom.dcmread(path) for path in (stored, back))
    assert got.SOPInstanceUID == sent.SOPInstanceUID
    assert got.PixelData == sent.PixelData
    (about,) = got.SegmentSequence
    assert about.SegmentLabel == "spleen"
    assert about.SegmentedPropertyTypeCodeSequence[0].CodeValue == "78961009"


def test_two_decoders_see_the_same_organ_on_the_images(pacs, series, stored, tmp_path):
    study, images, count = series
    (row,) = pacs.query(f"studies/{study}/series", Modality="SEG")
    (back,) = pacs.fetch(f"studies/{study}/series/{value(row, SERIES_UID)}", tmp_path / "back")
    files = pacs.fetch(f"studies/{study}/series/{images}", tmp_path / "images")
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in files]
    headers.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    seg = highdicom.seg.segread(back)
    by_highdicom = seg.get_pixels_by_source_instance(
        [header.SOPInstanceUID for header in headers],
        combine_segments=True,
        assert_missing_frames_are_empty=True,
    )
    decoder = Path(sys.executable).with_name("segimage2itkimage")
    command = [decoder, "--inputDICOM", back]
    command += ["--outputDirectory", tmp_path, "-t", "nrrd", "-p", "organ"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.glob("organ*.nrrd")
    image = SimpleITK.ReadImage(written)
    by_dcmqi = SimpleITK.GetArrayFromImage(image)
    # dcmqi writes the slices that the segment has; its origin says which
    first = (image.GetOrigin()[2] - float(headers[0].ImagePositionPatient[2])) / 2.0
    start = round(first)
    assert abs(first - start) < 1e-3
    whole = np.zeros((count, *by_dcmqi.shape[1:]), bool)
    whole[start : start + len(by_dcmqi)] = by_dcmqi > 0
    assert np.array_equal(whole, by_highdicom > 0)
    assert np.count_nonzero(whole) > 10000
