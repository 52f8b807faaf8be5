"""Decoding of one window."""

from __future__ import annotations

from dataclasses import replace

import geopandas
import numpy as np
import pytest
import shapely
from shapely.geometry import Point
from world_prompts import NORTH_UP, run, world_boxes

from sam_common.masks.decoded import Masks
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_geo.prompted.decode import answers, is_on_data, kinds_of, likeliest
from sam_geo.prompts.geo_prompt import GeoPrompt
from sam_geo.raster.frame import frame_from_affine
from sam_geo.raster.pixels import Pixels
from sam_geo.raster.read_window import ReadWindow
from sam_geo.raster.source import open_raster


def candidates(*boxes_and_scores):
    """Masks of one prompt in a 256-px image whose candidates are boxes (y0, x0, y1, x1)."""
    logits = np.full((1, len(boxes_and_scores), 256, 256), -8.0, dtype=np.float32)
    for c, ((y0, x0, y1, x1), _) in enumerate(boxes_and_scores):
        logits[0, c, y0:y1, x0:x1] = 8.0
    scores = np.array([[score for _, score in boxes_and_scores]], dtype=np.float32)
    return Masks(logits, scores, (256, 256), (256, 256), 256)


def test_a_point_is_not_answered_with_the_whole_window():
    tree, scene = (40, 40, 60, 70), (0, 0, 256, 250)
    answer = likeliest(candidates((tree, 0.8), (tree, 0.5), (scene, 1.0)), 0)
    assert answer.region.window == Window((40, 40), (60, 70))
    assert answer.score == pytest.approx(0.8)
    assert answer.stability == pytest.approx(1.0)


def test_the_whole_window_is_taken_where_nothing_else_is_left():
    scene, strip, empty = (0, 0, 256, 256), (100, 0, 110, 256), (0, 0, 0, 0)
    answer = likeliest(candidates((scene, 0.7), (strip, 0.9), (empty, 1.0)), 0)
    assert answer.region.window == Window((100, 0), (110, 256))
    assert answer.score == pytest.approx(0.9)
    assert likeliest(candidates((empty, 0.7), (empty, 0.9), (empty, 0.8)), 0).region is None


def native(start, stop):
    window = Window(start, stop)
    return ReadWindow(window, window.shape, ())


def box(number, *edges):
    return GeoPrompt(number, box_xyxy=edges)


def point(number, x, y, label=1):
    return GeoPrompt(number, points_xy=((x, y),), point_labels=(label,))


def test_prompts_are_asked_in_the_indices_of_their_window():
    segmenter = FakeSegmenter(model_size=64)
    read = native((100, 200), (164, 264))
    embedding = segmenter.embed(np.ones((64, 64), dtype=np.uint8))
    prompts = [box(0, 209.5, 109.5, 219.5, 129.5), point(1, 240.0, 130.0)]
    found = dict(answers(segmenter, embedding, read, [0, 1], prompts))
    assert found[0].region.window == Window((10, 10), (30, 20))
    row, col = ((s + e - 1) / 2 for s, e in zip(*window_of(found[1]), strict=True))
    assert (row, col) == (30, 40)
    # and back in the raster's
    (piece,) = found[0].pieces(read, None)
    assert piece.window == Window((110, 210), (130, 220))


def window_of(answer):
    return answer.region.window.start, answer.region.window.stop


def test_members_alone_are_decoded_each_under_its_number():
    segmenter = FakeSegmenter(model_size=64)
    embedding = segmenter.embed(np.ones((64, 64), dtype=np.uint8))
    prompts = [box(n, 5.0 * n, 3.0, 5.0 * n + 4, 9.0) for n in range(8)]
    found = dict(answers(segmenter, embedding, native((0, 0), (64, 64)), [6, 1, 3], prompts))
    assert {n: found[n].region.window.start for n in found} == {
        6: (3, 30), 1: (3, 5), 3: (3, 15),
    }  # fmt: skip


def test_few_masks_are_decoded_at_a_time_and_never_with_other_kinds(monkeypatch):
    monkeypatch.setattr("sam_geo.prompted.decode.MASKS_AT_A_TIME", 2)
    batches = []

    class Spy(FakeSegmenter):
        def decode_batches(self, embedding, prompts, *, multimask=False):
            batches.append((len(prompts), sorted(prompts.kinds), multimask))
            return super().decode_batches(embedding, prompts, multimask=multimask)

    segmenter = Spy(model_size=64)
    embedding = segmenter.embed(np.ones((64, 64), dtype=np.uint8))
    outlined = [
        replace(box(n, 5.0, 5.0, 20.0, 20.0), outline=shapely.box(5, 5, 20, 20)) for n in range(5)
    ]
    prompts = [*outlined, box(5, 1.0, 1.0, 9.0, 9.0), box(6, 2.0, 2.0, 9.0, 9.0), point(7, 9, 9)]
    numbers = list(range(8))
    found = list(answers(segmenter, embedding, native((0, 0), (64, 64)), numbers, prompts))
    assert sorted(n for n, _ in found) == numbers
    assert sorted(batches) == [
        (1, ["boxes", "masks"], False),
        (1, ["points"], True),
        (2, ["boxes"], False),
        (2, ["boxes", "masks"], False),
        (2, ["boxes", "masks"], False),
    ]


def test_the_kinds_of_prompts_are_those_that_occur():
    assert kinds_of([]) == frozenset()
    outlined = replace(box(0, 1.0, 1.0, 2.0, 2.0), outline=shapely.box(1, 1, 2, 2))
    assert kinds_of([outlined]) == {"boxes", "masks"}
    assert kinds_of([point(0, 1, 1), box(1, 1, 1, 2, 2)]) == {"points", "boxes"}
    assert kinds_of([GeoPrompt(0, status="invalid")]) == frozenset()


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (box(0, 9.5, 9.5, 11.5, 11.5), True),  # touches the valid pixel (11, 11)
        (box(0, 9.5, 9.5, 10.5, 10.5), False),
        (box(0, 11.2, 11.2, 11.3, 11.3), True),  # thinner than a pixel
        (box(0, 11.5, 9.5, 14.5, 14.5), False),
        (point(0, 11.4, 10.6), True),
        (point(0, 11.6, 11.0), False),
        (point(0, 11.0, 11.0, label=0), False),
    ],
)
def test_a_prompt_lies_on_data_where_a_pixel_under_it_is_valid(prompt, expected):
    valid = np.zeros((10, 12), dtype=np.bool_)
    valid[11 - 5, 11 - 4] = True
    read = native((5, 4), (15, 16))
    assert is_on_data(prompt, read, Pixels(np.empty(0), valid)) is expected


def test_a_point_on_nodata_is_said(make_raster):
    values = np.full((1, 50, 60), 9, dtype=np.uint8)
    values[0, 20, 30] = 0
    frame = frame_from_affine(NORTH_UP)
    points = [Point(*frame.to_world(index)) for index in ([20, 30], [20, 31])]
    prompts = geopandas.GeoDataFrame(geometry=points, crs="EPSG:32633")
    assert run(make_raster(values, nodata=0), prompts).table["status"].tolist() == ["nodata", "ok"]


def test_a_background_point_on_data_does_not_count(make_raster):
    values = np.full((1, 50, 60), 9, dtype=np.uint8)
    values[0, 20, 30] = 0
    frame = frame_from_affine(NORTH_UP)
    prompts = geopandas.GeoDataFrame(
        {"object_id": [1, 1], "label": [1, 0]},
        geometry=[Point(*frame.to_world(index)) for index in ([20, 30], [20, 31])],
        crs="EPSG:32633",
    )
    assert run(make_raster(values, nodata=0), prompts).table["status"].tolist() == ["nodata"]


def test_points_and_boxes_are_decoded_apart(make_raster):
    """Prompts of different kinds in one window: nothing is padded, everything has its row."""
    frame = frame_from_affine(NORTH_UP)
    spot = [Point(*frame.to_world(index)) for index in ([20, 20], [40, 40], [22, 22])]
    shapes = [spot[0], *world_boxes([(10, 10, 30, 30)]).geometry, spot[1], spot[2]]
    prompts = geopandas.GeoDataFrame(
        {"object_id": ["a", "b", "c", "a"]}, geometry=shapes, crs="EPSG:32633"
    )
    calls = []

    class Spy(FakeSegmenter):
        def decode_batches(self, embedding, prompts, *, multimask=False):
            shape = None if prompts.points_xy is None else prompts.points_xy.shape
            calls.append((shape, prompts.boxes_xyxy is not None, multimask))
            return super().decode_batches(embedding, prompts, multimask=multimask)

    job = run(make_raster(np.ones((1, 60, 70), dtype=np.uint8)), prompts, Spy())
    assert job.table["prompt_id"].tolist() == ["a", "b", "c"]
    assert sorted(calls, key=str) == [
        ((1, 1, 2), False, True),
        ((1, 2, 2), False, True),
        (None, True, False),
    ]
    assert job.embeddings == 1


def test_the_best_candidate_of_a_point_is_taken(make_raster):
    """Three candidates with real logits: the one with the highest predicted IoU counts."""

    class Three(FakeSegmenter):
        def decode_batches(self, embedding, prompts, *, multimask=False):
            assert len(prompts) == 1
            logits = np.full((1, 3, 256, 256), -8.0, dtype=np.float32)
            for n, side in enumerate((8, 64, 16)):
                logits[0, n, :side, :side] = 8.0
            scores = np.array([[0.2, 0.9, 0.5]], dtype=np.float32)
            assert multimask
            yield Masks(logits, scores, embedding.image_size_hw, embedding.input_size_hw, 1024)

    frame = frame_from_affine(NORTH_UP)
    prompts = geopandas.GeoDataFrame(geometry=[Point(*frame.to_world([9, 9]))], crs="EPSG:32633")
    table = run(make_raster(np.ones((1, 256, 256), dtype=np.uint8)), prompts, Three()).table
    assert table["score"].tolist() == pytest.approx([0.9])
    assert table["area_px"].tolist() == [64 * 64]


def test_a_point_just_inside_the_last_pixel_lies_on_data(make_raster):
    path = make_raster(np.full((1, 64, 64), 90, np.uint8))
    with open_raster(path) as source:
        last = Point(*(source.header.transform @ (63.9999999, 20.5)))
    table = geopandas.GeoDataFrame(geometry=[last], crs="EPSG:32633")
    assert run(path, table, FakeSegmenter(model_size=64)).table["status"].tolist() == ["ok"]
