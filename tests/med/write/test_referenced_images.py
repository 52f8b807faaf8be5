"""DICOM results are written from whatever images can be read, and refer to them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pydicom
import pytest

from sam_common.errors import OutputError
from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.objects.provenance import Provenance
from sam_med.objects.segments import Segment
from sam_med.write.dicom_seg import write_seg
from sam_med.write.rtstruct import write_rtstruct

MADE_BY = Provenance("0.1.0", "lite_medsam", "7" * 64, "planes", "a" * 64)
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
