"""Table of a drawn sample."""

from __future__ import annotations

import numpy as np
import pytest
from class_maps import NAMES, TRANSFORM

from sam_geo.accuracy.draw import draw_sample
from sam_geo.accuracy.sample_table import sample_table
from sam_geo.class_maps.class_map import open_class_map


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
