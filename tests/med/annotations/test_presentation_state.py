"""Graphics of presentation states that highdicom wrote."""

from __future__ import annotations

import copy

import highdicom
import pytest
from annotation_phantoms import graphics, presentation_state
from numpy.testing import assert_allclose

from sam_med.annotations.presentation_state import read_presentation_state

LINE = ("POLYLINE", [[20.5, 30.5], [60.5, 30.5]])


def test_graphics_on_their_images(images, places):
    annotations = [
        graphics(images[2:3], LINE, ("POINT", [[7.5, 9.5]]), text="lesion"),
        graphics(images[4:5], ("CIRCLE", [[10.5, 20.5], [13.5, 24.5]])),
    ]
    file = read_presentation_state(presentation_state(images, annotations), places)
    lesion, circle = file.annotations
    assert (lesion.name, circle.name) == ("lesion", None)
    assert [drawing.kind for drawing in lesion.drawings] == ["line", "point"]
    assert_allclose(lesion.drawings[0].points_kji, [[2, 30, 20], [2, 30, 60]])
    assert_allclose(lesion.drawings[1].points_kji, [[2, 9, 7]])
    assert_allclose(circle.drawings[0].points_kji[:, 0], 4)
    assert file.notes == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("12.5 mm", None),
        ("~ 3 cm", None),
        ("cyst 2", "cyst 2"),
        (" left\r\nkidney ", "left kidney"),
    ],
)
def test_a_measurement_is_no_name(text, name, images, places):
    state = presentation_state(images, [graphics(images[:1], LINE, text=text)])
    assert [one.name for one in read_presentation_state(state, places).annotations] == [name]


def test_a_tracking_identifier_is_a_name(images, places):
    state = presentation_state(images, [graphics(images[:1], LINE, text="note")])
    state.GraphicAnnotationSequence[0].GraphicObjectSequence[0].TrackingID = "lesion 4"
    assert read_presentation_state(state, places).annotations[0].name == "lesion 4"


def test_graphics_of_the_display_lie_nowhere(images, places):
    annotations = [graphics(images[:1], ("POLYLINE", [[0.1, 0.2], [0.3, 0.4]]), units="DISPLAY")]
    file = read_presentation_state(presentation_state(images, annotations), places)
    assert file.annotations == ()
    assert file.notes == (
        "left out of the presentation state: a graphic in units of DISPLAY, not of pixels",
    )


def test_an_annotation_of_several_images(images, places):
    """On one slice of the volume it is clear which is meant, on two it is not."""
    other = copy.deepcopy(images[0])
    other.SOPInstanceUID = highdicom.UID()
    annotations = [graphics([other, images[3]], LINE), graphics(images[:2], LINE)]
    file = read_presentation_state(presentation_state([*images, other], annotations), places)
    (found,) = file.annotations
    assert_allclose(found.drawings[0].points_kji[:, 0], 3)
    assert file.notes == (
        "left out of the presentation state: a drawing that lies on 2 slices at once",
    )


def test_without_images_of_its_own_it_is_on_those_of_the_state(images, places):
    state = presentation_state(images[1:2], [graphics(images[1:2], LINE)])
    del state.GraphicAnnotationSequence[0].ReferencedImageSequence
    (found,) = read_presentation_state(state, places).annotations
    assert_allclose(found.drawings[0].points_kji[:, 0], 1)
    state.ReferencedSeriesSequence = []
    assert read_presentation_state(state, places).notes == (
        "left out of the presentation state: a graphic that refers to no image",
    )
