from __future__ import annotations

import re
import time

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
import slicerio
from numpy.testing import assert_allclose
from segment_phantoms import MADE_BY

from sam_common.errors import OutputError
from sam_common.window import Window
from sam_med.geometry import frame as frames
from sam_med.objects.segments import Segment
from sam_med.objects.snomed import Code
from sam_med.write.seg_nrrd import layer_numbers, write_seg_nrrd

SHAPE = (4, 6, 5)
TILT = (1, 0, 0, 0, 0.95, 0.2, 0, -0.3, 1)
FRAME = frames.from_itk((-10.5, 20.25, 31.125), (0.7, 0.9, 2.5), TILT)


def segment(name, value, start, stop, seed=None, code=None):
    window = Window(start, stop)
    mask = np.ones(window.shape, bool)
    if seed is not None:
        mask = np.random.default_rng(seed).random(window.shape) < 0.5
    return Segment(name, value, window, mask, code)


OVERLAPPING = [
    segment("liver", 1, (0, 0, 0), (3, 4, 4), seed=1),
    segment("left kidney", 300, (1, 1, 1), (4, 6, 5), seed=2),
    segment("Raumforderung Ü", 7, (3, 4, 4), (4, 6, 5)),
    segment("plan", 8, (0, 0, 0), (1, 1, 1), code=Code("9", "99A", "a~b^c|d")),
]


def read(path):
    return slicerio.read_segmentation(str(path))


def test_slicer_reads_every_segment_whole(tmp_path):
    write_seg_nrrd(OVERLAPPING, SHAPE, FRAME, tmp_path / "out.seg.nrrd", MADE_BY)
    found = read(tmp_path / "out.seg.nrrd")
    matrix = FRAME.array[:, [2, 1, 0, 3]]
    assert_allclose(found["ijkToLPS"], matrix, atol=1e-12)
    assert found["masterRepresentation"] == "Binary labelmap"
    assert found["voxels"].shape == (2, 5, 6, 4)
    for expected, item in zip(OVERLAPPING, found["segments"], strict=True):
        voxels = found["voxels"][item["layer"]] == item["labelValue"]
        assert np.array_equal(voxels.T, expected.full(SHAPE))
        # pynrrd leaves out what is not ASCII; ITK, and so Slicer, reads UTF-8
        assert item["name"] == expected.name.encode("ascii", "ignore").decode().strip()
        assert item["labelValue"] == expected.value
        index = np.nonzero(voxels)
        assert item["extent"] == [f(axis) for axis in index for f in (min, max)]


def test_what_the_objects_are(tmp_path):
    write_seg_nrrd(OVERLAPPING, SHAPE, FRAME, tmp_path / "out.seg.nrrd", MADE_BY)
    liver, kidney, other, plan = (
        s["terminology"] for s in read(tmp_path / "out.seg.nrrd")["segments"]
    )
    assert liver["type"] == ["SCT", "10200004", "Liver"]
    assert kidney["typeModifier"] == ["SCT", "7771000", "Left"]
    assert other["category"] == other["type"] == ["SCT", "85756007", "Tissue"]
    assert plan["type"] == ["99A", "9", "abcd"]


def test_one_layer_is_a_plain_label_map(tmp_path):
    write_seg_nrrd(OVERLAPPING[::2], SHAPE, FRAME, tmp_path / "out.seg.nrrd", MADE_BY)
    header = nrrd.read_header(str(tmp_path / "out.seg.nrrd"))
    assert header["kinds"] == ["domain"] * 3
    image = sitk.ReadImage(str(tmp_path / "out.seg.nrrd"))
    expected = OVERLAPPING[0].full(SHAPE) * 1 + OVERLAPPING[2].full(SHAPE) * 7
    assert np.array_equal(sitk.GetArrayFromImage(image), expected)
    assert image.GetMetaData("Segment1_Name") == "Raumforderung Ü"
    assert image.GetPixelID() == sitk.sitkUInt8
    assert image.GetMetaData("sam-geomed_model_sha256") == "7" * 64
    assert image.GetMetaData("sam-geomed_notice") == "For research use only, not a medical device"


def test_layers_by_hand():
    #  a a a . .      the second touches the first, the third both, the fourth only the third
    #  . . b b .
    row = [(0, 3), (2, 4), (2, 3), (4, 5), (0, 1)]
    parts = [segment(str(n), n + 1, (0, 0, a), (1, 1, b)) for n, (a, b) in enumerate(row)]
    assert layer_numbers(parts) == [0, 1, 2, 0, 1]


def test_an_object_without_voxels(tmp_path):
    nothing = Segment("spleen", 2, Window((0, 0, 0), (1, 1, 1)), np.zeros((1, 1, 1), bool))
    write_seg_nrrd([nothing], SHAPE, FRAME, tmp_path / "out.seg.nrrd", MADE_BY)
    (found,) = read(tmp_path / "out.seg.nrrd")["segments"]
    assert found["extent"] == [0, -1, 0, -1, 0, -1]


def test_the_same_input_gives_the_same_bytes(tmp_path):
    paths = [tmp_path / f"{n}.seg.nrrd" for n in range(2)]
    for path in paths:
        write_seg_nrrd(OVERLAPPING, SHAPE, FRAME, path, MADE_BY)
        started = int(time.time())
        while int(time.time()) == started:
            pass
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_folder_that_is_not_there(tmp_path):
    path = tmp_path / "none" / "out.seg.nrrd"
    with pytest.raises(OutputError, match=f"^cannot write {re.escape(str(path))}: No such file"):
        write_seg_nrrd(OVERLAPPING, SHAPE, FRAME, path, MADE_BY)
