"""What can be wrong with a request before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sam_common.errors import InputError, OutputError
from sam_geo.object_classes.request import candidate_options


def test_where_candidates_are_kept(similar, tmp_path):
    assert similar().kept == tmp_path / "more.candidates.parquet"
    assert similar(keep_candidates=tmp_path / "k.parquet").kept == tmp_path / "k.parquet"
    assert similar().kept in similar().outputs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"least_probability": 1.5}, "0 to 1, got 1.5"),
        ({"keep_candidates": Path("k.gpkg")}, "kept as GeoParquet, so give a .parquet: k.gpkg"),
        ({"classifier": "tree"}, "no classifier 'tree'"),
        ({"negatives": Path("no.gpkg")}, "no such file: no.gpkg"),
        ({"judge": Path("true.gpkg")}, "no such file: true.gpkg"),
    ],
)
def test_options_of_similar(similar, options, message):
    with pytest.raises(InputError, match=message):
        similar(**options).check_files()


def test_options_of_classify(classify):
    with pytest.raises(InputError, match="give the image of the objects by --image"):
        classify(rasters=()).check_files()
    with pytest.raises(OutputError, match="keep embeddings in another folder"):
        classify(embeddings=classify().parts).check_files()


def test_filters_are_less_strict(similar):
    options = candidate_options(256, 8)
    assert (options.tile_size, options.everything.points_per_side) == (256, 8)
    assert options.everything.pred_iou_thresh < 0.88
    assert similar().auto == candidate_options()
