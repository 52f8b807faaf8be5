from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely

from sam_common.errors import InputError
from sam_geo.finetuning import examples as module
from sam_geo.finetuning.examples import raster_examples
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch

SIDE = 64


def discs(count=24, size_hw=(80, 300), radius=4, seed=0):
    """Discs on a grid of places, in pixel corners."""
    cols = np.linspace(10, size_hw[1] - 10, count // 3)
    return [shapely.Point(x, y).buffer(radius) for x in cols for y in (14, 40, 66)]


@pytest.fixture
def place(make_raster):
    path = make_raster(np.random.default_rng(0).integers(0, 255, (1, 80, 300)).astype(np.uint8))

    def run(shapes, judges=None, **more):
        with open_raster(path) as source:
            loaded = [
                load_prompts(
                    geopandas.GeoDataFrame(geometry=some), source, crs="pixel", with_masks=True
                )
                for some in (shapes, *([] if judges is None else [judges]))
            ]
            found = raster_examples(
                source,
                choose_stretch(source),
                loaded[0],
                judges=loaded[1] if judges is not None else None,
                side=SIDE,
                **more,
            )
            images = [image.load() for image in found.images]
        return found, images

    return run


def test_polygons_become_masks_in_windows(place):
    found, images = place(discs())
    assert found.notes == []
    assert sum(len(image.objects) for image in found.images) == 24
    assert {image.shape for image in images} == {image.size_hw for image in found.images}
    areas = [one.mask.area_px for image in found.images for one in image.objects]
    assert np.mean(areas) == pytest.approx(np.pi * 16, rel=0.05)


def test_parts_lie_apart(place):
    found, _ = place(discs())
    ends = {
        part: [
            one.box_xyxy for one, own in zip(found.objects, found.parts, strict=True) if own == part
        ]
        for part in ("learn", "stop", "judge")
    }
    assert max(box[2] for box in ends["learn"]) < min(box[0] for box in ends["stop"])
    assert max(box[2] for box in ends["stop"]) < min(box[0] for box in ends["judge"])


def test_others_judge(place):
    shapes = discs()
    found, _ = place(shapes[:15], judges=shapes[12:])
    assert found.parts.count("judge") == 12
    # three of the fifteen are among those that judge, so they touch them
    assert found.parts.count("learn") + found.parts.count("stop") == 12
    assert found.notes == ["3 objects left out: touching an object that stops or judges"]


def test_what_cannot_be_taught_is_left_out_and_told(place):
    odd = [
        shapely.box(-500, 0, -400, 20),
        shapely.Point(30, 30),
        shapely.box(100, 30, 101, 31),
        discs()[4],
    ]
    found, _ = place([*discs(), *odd])
    assert sorted(found.notes) == [
        "1 object left out: no polygon",
        "1 object left out: outside the raster",
        "1 object left out: smaller than 9 pixels as they are read",
        "1 object left out: the same as another",
    ]
    found, _ = place([*discs(), shapely.box(-9, -9, 309, 89)])
    assert len(found.notes) == 1
    assert sum(len(image.objects) for image in found.images) == 24


def test_no_object_in_the_raster(place):
    with pytest.raises(InputError, match=r"no objects to learn from in .*: 1 outside the raster"):
        place([shapely.box(-500, 0, -400, 20)])


def test_windows_are_bounded(place, monkeypatch):
    monkeypatch.setattr(module, "MOST_WINDOWS", 4)
    found, _ = place(discs())
    assert len(found.images) <= 4
    assert {"learn", "stop", "judge"} == set(found.parts)
    assert "in windows beyond" in found.notes[0]
