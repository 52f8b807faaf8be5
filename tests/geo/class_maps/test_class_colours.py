"""Colours of classes: the usual ones where a name says so, all different, and told apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import deltaE_cie76, rgb2lab

from sam_geo.class_maps.class_colours import (
    EYES,
    OKABE_ITO,
    class_colours,
    customary_colour,
)

WATER, FOREST, BUILT = (70, 107, 159), (0, 100, 0), (235, 0, 0)
WORDS = ("water", "forest", "conifers", "building", "grass", "road", "snow", "x")


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("Water", WATER),
        ("open_water", WATER),
        ("Wasserfläche", WATER),
        ("rivière", WATER),
        ("Lagos", WATER),
        ("Forest", FOREST),
        ("Wälder und Wald", FOREST),
        ("FORÊT", FOREST),
        ("bosque", FOREST),
        ("Conifer_Forest", (28, 95, 44)),
        ("Nadelwald", (28, 95, 44)),
        ("Broad-leaved forest", (104, 171, 95)),
        ("Mixed Forest", (181, 197, 143)),
        ("Developed, Open Space", BUILT),
        ("Siedlung", BUILT),
        ("Straße", (110, 110, 110)),
        ("Emergent Herbaceous Wetlands", (108, 159, 184)),
        ("Cultivated Crops", (171, 108, 40)),
        ("Bare_Rock_Sand", (179, 172, 159)),
        ("deforested", (179, 172, 159)),
        ("Suelo desnudo", (179, 172, 159)),
        ("snow/ice", (209, 222, 248)),
    ],
)
def test_names_with_a_usual_word_get_the_usual_colour(name, colour):
    assert customary_colour(name) == colour
    assert class_colours([name]) == [colour]


@pytest.mark.parametrize(
    "name",
    [
        "season",
        "service",
        "Bracelet",
        "no water",
        "Non-forest",
        "nicht Wald",
        "other",
        "7",
        "",
        "森",
    ],
)
def test_other_names_have_no_usual_colour(name):
    assert customary_colour(name) is None


def test_classes_that_share_a_colour_get_shades_of_it():
    long, short = class_colours(["Grass_Long", "Grass_Short"])
    assert long == (204, 242, 77)
    assert all(a >= b for a, b in zip(short, long, strict=True))
    assert short != long


def test_others_get_the_palette_of_okabe_and_ito_first():
    assert class_colours(["a", "b", "c"]) == list(OKABE_ITO[:3])
    # its blue is that of water
    assert class_colours(["a", "Water", "b"])[1] == WATER


def test_colours_do_not_depend_on_classes_that_come_later():
    names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
    assert class_colours(names)[:9] == class_colours(names[:9])


@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_all_colours_are_different(names):
    colours = class_colours([f"{name} {n}" for n, name in enumerate(names)])
    assert len(set(colours)) == len(names)


def test_as_many_as_a_byte_holds_are_different():
    assert len(set(class_colours([f"k{n}" for n in range(255)]))) == 255


@pytest.mark.parametrize("count", [7, 20])
def test_colours_are_told_apart_by_all_eyes(count):
    """Each pair differs by far more than 2.3, which is just noticeable in CIELAB."""
    colours = np.array(class_colours([f"k{n}" for n in range(count)])) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    for eye in EYES:
        seen = np.clip(linear @ eye.T, 0, 1)
        lab = rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055))
        apart = deltaE_cie76(lab[:, None], lab[None])
        assert apart[~np.eye(count, dtype=bool)].min() > 15


def test_eyes_leave_greys_as_they_are():
    assert np.allclose(EYES.sum(axis=2), 1, atol=1e-5)
