"""DICOM results are written from whatever images can be read, and refer to them."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pydicom
import pytest
from segment_phantoms import MADE_BY, make_segments

from sam_common.errors import OutputError
from sam_common.window import Window
from sam_med.derived_objects.dicom_seg import write_seg
from sam_med.derived_objects.rtstruct import write_rtstruct
from sam_med.files.read import read_volume
from sam_med.geometry.volume import Volume
from sam_med.objects.segments import Segment

LINE = [(10, 20, 30 + 2 * n) for n in range(4)]


def whole_of(volume):
    mask = np.zeros(volume.shape, bool)
    mask[:, 1:4, 2:6] = True
    return [Segment("box", 1, Window.full(volume.shape), mask)]


def series(dicom, **tags):
    dicom.series(LINE, **tags)


def bare(dicom, *, meta):
    """Files without preamble, with or without meta information."""
    for path in dicom.series(LINE):
        dataset = pydicom.dcmread(path)
        dataset.preamble = None
        if not meta:
            del dataset.file_meta
        pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=True)


def stepped(dicom):
    """Frames that share a place, and follow each other downwards."""
    dicom.write(dicom.dataset(dicom.pixels(4), NumberOfFrames=4, SpacingBetweenSlices=-2))


SOURCES = {
    "no preamble": partial(bare, meta=True),
    "no meta information": partial(bare, meta=False),
    "frames by step": stepped,
    "tomogram": lambda dicom: dicom.tomogram(dicom.pixels(4)),
    "grid": lambda dicom: dicom.grid(LINE),
    "micrometres": partial(series, PixelSpacing=[0.005, 0.005], SliceThickness=0.005),
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_a_segmentation_lies_where_its_images_do(make, dicom, tmp_path):
    make(dicom)
    volume = read_volume(dicom.folder)
    assert write_seg(whole_of(volume), volume, tmp_path / "o.dcm", MADE_BY) == ()
    file = pydicom.dcmread(tmp_path / "o.dcm")
    assert file.FrameOfReferenceUID == dicom.reference_uid
    heights = [
        float(groups.PlanePositionSequence[0].ImagePositionPatient[2])
        for groups in file.PerFrameFunctionalGroupsSequence
    ]
    assert np.allclose(sorted(heights), volume.to_world([[k, 0, 0] for k in range(4)])[:, 2])


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_contours_lie_on_their_images(make, dicom, tmp_path):
    make(dicom)
    volume = read_volume(dicom.folder)
    assert write_rtstruct(whole_of(volume), volume, tmp_path / "o.dcm", MADE_BY) == ()
    file = pydicom.dcmread(tmp_path / "o.dcm")
    contours = file.ROIContourSequence[0].ContourSequence
    heights = sorted(float(one.ContourData[2]) for one in contours)
    assert np.allclose(heights, volume.to_world([[k, 0, 0] for k in range(4)])[:, 2])


@pytest.mark.parametrize("write", [write_seg, write_rtstruct])
def test_places_of_an_ultrasound_volume_are_not_those_of_a_patient(write, dicom, tmp_path):
    volume = read_volume(dicom.write(dicom.ultrasound()))
    with pytest.raises(OutputError, match="placed in an ultrasound volume, not in the patient"):
        write(whole_of(volume), volume, tmp_path / "o.dcm", MADE_BY)
    assert not (tmp_path / "o.dcm").exists()


def test_files_that_are_not_those_of_the_volume(small, tmp_path):
    shifted = Volume(
        small.array,
        small.frame.crop(Window((0, 0, 1), (1, 2, 3))),
        files=small.files,
    )
    expected = (
        "slice 0 of the volume is 0.700 mm off its image: were the files changed since they were "
        "read, or is the volume not the one that was read from them?"
    )
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        write_seg(make_segments(small.shape), shifted, tmp_path / "out.dcm", MADE_BY)


@pytest.mark.parametrize("made", ["nifti", "memory"])
def test_volumes_that_are_no_dicom(made, data, small, tmp_path):
    path = data / "med" / "volumes" / "ct_abdomen" / "ct.nii.gz"
    files = (path,) if made == "nifti" else ()
    volume = Volume(small.array, small.frame, files=files)
    why = "was read from a file that is not DICOM" if files else "was made in memory"
    expected = (
        "cannot write DICOM SEG: it refers to the DICOM images it was made from, and the volume "
        f"{why} (give the DICOM series as input, or choose nifti, nrrd, seg.nrrd, mha or npz)"
    )
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        write_seg(make_segments(small.shape), volume, tmp_path / "out.dcm", MADE_BY)
