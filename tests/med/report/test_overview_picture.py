"""Overview pictures: three slices through the labels, turned to the patient."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from PIL import Image

from sam_common.errors import OutputError
from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.geometry.volume import Volume
from sam_med.objects.labels import paint
from sam_med.objects.segments import Segment
from sam_med.report.overview_picture import GAP_PX, PANEL_PX, check_picture, draw, save_png
from sam_med.slices.window_level import choose_stretch

SIZE_LPS = (20, 30, 40)


def scan(order=(2, 1, 0), signs=(1, 1, 1)):
    """A block bright to the patient's left, posterior and superior, on axes of any order."""
    array = np.zeros(SIZE_LPS, np.int16)
    array[12:, 18:, 25:] = 1000
    matrix = np.eye(4)
    for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
        matrix[:3, axis] = np.eye(3)[world] * sign
        matrix[world, 3] = 0 if sign > 0 else SIZE_LPS[world] - 1
    turned = array.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    return Volume(np.ascontiguousarray(turned), Frame.from_array(matrix))


def picture(volume):
    whole = Window.full(volume.shape)
    labels = paint(volume.shape, [Segment("a", 1, whole, volume.array > 0)])
    return draw(volume, labels, choose_stretch(volume, width=1000, level=500))


def panels(drawn):
    """The axial, the coronal and the sagittal panel."""
    widths = [round(PANEL_PX * w / h) for w, h in ((20, 30), (20, 40), (30, 40))]
    starts = itertools.accumulate([0, *(w + GAP_PX for w in widths)])
    return [drawn[:, start : start + w] for start, w in zip(starts, widths, strict=False)]


def corners(panel):
    """Which corners are bright: upper left, upper right, lower left, lower right."""
    spots = [panel[y, x].max() > 99 for y in (10, -10) for x in (10, -10)]
    return "".join(str(int(spot)) for spot in spots)


def test_left_is_on_the_right_and_anterior_and_superior_on_top():
    axial, coronal, sagittal = panels(picture(scan()))
    # left and posterior; left and superior; posterior and superior
    assert [corners(panel) for panel in (axial, coronal, sagittal)] == ["0001", "0100", "0100"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (-1, -1, -1)])
def test_the_same_patient_gives_the_same_picture(order, signs):
    expected, found = picture(scan()), picture(scan(order, signs))
    assert found.shape == expected.shape
    # a median between two voxels is rounded along the axis
    assert (np.abs(found.astype(int) - expected) > 40).mean() < 0.02


def test_millimetres_are_the_same_in_both_directions():
    drawn = picture(scan())
    widths = [round(PANEL_PX * w / h) for w, h in ((20, 30), (20, 40), (30, 40))]
    assert drawn.shape == (PANEL_PX, sum(widths) + 2 * GAP_PX, 3)


def test_a_picture_is_written_whole(tmp_path, monkeypatch):
    drawn = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    save_png(drawn, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(image), drawn)
    right = Image.fromarray
    monkeypatch.setattr(Image, "fromarray", lambda array: right(array ^ 1))
    with pytest.raises(OutputError, match=r"b\.png: another picture was read back$"):
        save_png(drawn, tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(("name", "seen"), [("a.jpg", ".jpg"), ("a", "no suffix")])
def test_only_png(name, seen, tmp_path):
    check_picture(tmp_path / "A.PNG")
    with pytest.raises(
        OutputError, match=f"^{re.escape(f'a picture is written as .png, got {seen}')}$"
    ):
        check_picture(tmp_path / name)
