"""Table of a drawn sample."""

from __future__ import annotations

import numpy as np
import pytest
from class_maps import NAMES, TRANSFORM

from sam_geo.accuracy.draw import draw_sample
from sam_geo.accuracy.sample_table import draw_points, sample_table
from sam_geo.class_maps.class_map import open_class_map


def test_points_of_a_map_are_those_of_its_sample(write_map, thirds):
    path = write_map(thirds, names=NAMES)
    found = draw_points(path, 40, allocation="equal", seed=3)
    with open_class_map(path) as classes:
        drawn = draw_sample(classes, 40, "equal", seed=3)
        assert found.equals(sample_table(drawn, classes.source))
    assert found.crs == "EPSG:32633"
    assert len(draw_points(path, 40)) == 40
    assert set(draw_points(path)["stratum"]) == {"water", "forest", "town"}


def test_points_lie_in_the_middle_of_their_pixels(write_map, thirds):
    with open_class_map(write_map(thirds, names=NAMES)) as classes:
        drawn = draw_sample(classes, 40, "equal")
        table = sample_table(drawn, classes.source)
    xy = np.stack([table.geometry.x, table.geometry.y], axis=1)
    cells = [~TRANSFORM @ (x, y) for x, y in xy]
    assert np.array(cells)[:, ::-1] == pytest.approx(drawn.cells + 0.5)
    assert table["point_id"].tolist() == list(range(1, 41))
    pixels = {"water": np.count_nonzero(thirds == 1), "town": np.count_nonzero(thirds == 7)}
    for name, count in pixels.items():
        rows = table[table["stratum"] == name]
        assert rows["chance"].unique() == pytest.approx([len(rows) / count])
        assert rows["weight_m2"].sum() == pytest.approx(100 * count, rel=1e-3)
