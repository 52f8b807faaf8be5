"""Doubtful picture: the slice that the record tells of, with the object as it was written."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from segment_phantoms import MADE_BY

from sam_common.errors import GeometryError, InputError
from sam_common.window import Window
from sam_med.objects.labels import paint
from sam_med.objects.segments import Segment
from sam_med.report.doubtful_picture import draw_doubtful
from sam_med.report.plates import COLOURS
from sam_med.report.study_report import ObjectFigures
from sam_med.slices.window_level import choose_stretch
from sam_med.write.results import write_labels
from sam_med.write.seg_nrrd import write_seg_nrrd


@pytest.fixture
def objects():
    """Two objects that share voxels; the second one is largest on slice 3."""
    mask = np.ones((4, 60, 60), bool)
    mask[:2, 30:] = False
    mask[3, 50:] = False
    return [
        Segment("liver", 5, Window((1, 100, 60), (3, 160, 130)), np.ones((2, 60, 70), bool)),
        Segment("spleen", 7, Window((1, 140, 100), (5, 200, 160)), mask),
    ]


@pytest.fixture
def results(phantom, objects, tmp_path):
    layered, flat = tmp_path / "o.seg.nrrd", tmp_path / "o.nii.gz"
    write_seg_nrrd(objects, phantom.shape, phantom.frame, layered, MADE_BY)
    write_labels(paint(phantom.shape, objects), phantom, flat)
    return {"npz": tmp_path / "o.npz", "nifti": flat, "seg.nrrd": layered}


def told(name, value, **more):
    return ObjectFigures(name, value, is_empty=False, **more)


def draw(phantom, results, figures):
    return draw_doubtful(phantom, choose_stretch(phantom, preset="soft"), results, figures)


def outlined(shot):
    """Pixels in the colour of an outline."""
    data = base64.b64decode(shot.uri.partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(data))).astype(int)
    return int(np.count_nonzero(np.abs(pixels - COLOURS[0]).max(axis=2) < 60))


def test_the_slice_is_that_of_the_record(phantom, results):
    shot = draw(phantom, results, told("spleen", 7, k=2, k_confidence=0.251))
    assert shot.caption == "axial, k = 2, the most doubtful: confidence 0.25"
    assert shot.alt == f"spleen, {shot.caption}"
    assert max(shot.width, shot.height) == 330
    assert outlined(shot) > 300


def test_without_a_confidence_it_is_where_the_object_is_largest(phantom, results):
    shot = draw(phantom, results, told("spleen", 7))
    assert shot.caption == "axial, k = 3, where it is largest"


def test_an_object_is_found_by_name_or_in_label_maps_by_value(phantom, results):
    named = draw(phantom, results, told("spleen", 99, k=1, k_confidence=0.5))
    valued = draw(phantom, {"nifti": results["nifti"]}, told("any", 7, k=1, k_confidence=0.5))
    assert outlined(named) > 300
    assert outlined(valued) > 300
    with pytest.raises(InputError, match=r"^any has no voxels in the result"):
        draw(phantom, results, told("any", 7))


def test_what_was_not_found_is_shown_where_it_was_looked_for(phantom):
    figures = ObjectFigures("cyst", 3, is_empty=True, prompt_k=4)
    shot = draw(phantom, {}, figures)
    assert shot.caption == "axial, k = 4, the middle of the prompt"
    assert outlined(shot) == 0


def test_what_cannot_be_drawn_is_an_error(phantom, results):
    with pytest.raises(InputError, match=r"^the result is in npz only, which is not read again$"):
        draw(phantom, {"npz": results["npz"]}, told("liver", 5))
    with pytest.raises(InputError, match=r"^the record tells of slice 9, but the scan has 5$"):
        draw(phantom, results, told("liver", 5, k=9, k_confidence=0.1))
    other = replace(phantom, array=phantom.array[:4])
    with pytest.raises(GeometryError, match="the grids differ"):
        draw(other, results, told("liver", 5))
