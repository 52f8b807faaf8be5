"""From words to rows: boxes by a detector that is known, masks that fill them."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
from colour_detector import PATCHES, ColourDetector, boxes_of_patches, painted

from sam_common.errors import (
    CapabilityError,
    InputError,
    ModelError,
    OutputError,
    PromptError,
)
from sam_common.sam2 import library
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.jobs.dry_run import dry_run_prompts
from sam_geo.jobs.request import PromptRequest
from sam_geo.jobs.run import run_request
from sam_geo.words.options import WordOptions
from sam_geo.words.segment import segment_words

ALL = ("red", "green", "blue", "yellow")
LEFT, TOP, PIXEL = 500_000, 5_800_000, 0.5


def on_ground(box):
    """Bounds of a box of pixels in the reference system of the raster."""
    x0, y0, x1, y1 = box
    return LEFT + x0 * PIXEL, TOP - y1 * PIXEL, LEFT + x1 * PIXEL, TOP - y0 * PIXEL


def test_each_object_is_a_row_with_its_phrase_and_score(make_raster):
    table = segment_words(
        make_raster(painted(PATCHES)),
        ALL,
        segmenter=FakeSegmenter(model_size=256),
        detector=ColourDetector(),
    )
    assert isinstance(table, geopandas.GeoDataFrame)
    found = {
        tuple(np.round(shape.bounds, 6)): name
        for shape, name in zip(table.geometry, table["class"], strict=True)
    }
    assert found == {on_ground(box): colour for box, colour in boxes_of_patches().items()}
    assert list(table.columns)[2:4] == ["class", "text_score"]
    assert table["text_score"].tolist() == [0.9] * len(PATCHES)
    assert (table["status"] == "ok").all()


def test_windows_of_the_detector_change_no_row(make_raster):
    path = make_raster(painted(PATCHES))
    tables = [
        segment_words(
            path,
            WordOptions(ALL, window=window),
            segmenter=FakeSegmenter(model_size=64),
            detector=ColourDetector(),
        )
        for window in (40, 64, 300)
    ]
    for table in tables[1:]:
        assert table.geometry.geom_equals(tables[0].geometry).all()
        assert table.drop(columns="geometry").equals(tables[0].drop(columns="geometry"))


def test_nothing_found_is_an_empty_table(make_raster):
    table = segment_words(
        make_raster(painted(())), "red", segmenter=FakeSegmenter(), detector=ColourDetector()
    )
    assert len(table) == 0
    assert table["text_score"].dtype == float


def test_a_detector_that_fails_is_an_error(make_raster):
    class Broken(ColourDetector):
        def boxes_of(self, *_, **__):
            raise RuntimeError("out of memory")

    with pytest.raises(ModelError, match=r"windows failed.*out of memory"):
        segment_words(
            make_raster(painted(PATCHES)), "red", segmenter=FakeSegmenter(), detector=Broken()
        )


def test_a_segmenter_without_boxes_is_refused(make_raster):
    points = Capabilities(points=True, boxes=False, masks=False, multimask=True)
    with pytest.raises(CapabilityError):
        segment_words(
            make_raster(painted(PATCHES)),
            "red",
            segmenter=FakeSegmenter(capabilities=points),
            detector=ColourDetector(),
        )


class Job:
    """Jobs with words on the painted raster, without a network."""

    def __init__(self, image, output):
        self.image, self.output = image, output
        self.detector = ColourDetector()
        self.segmenter = FakeSegmenter(model_size=256)

    def request(self, **options):
        words = WordOptions(options.pop("phrases", ALL))
        given = {"image": str(self.image), "output": self.output, "words": words}
        return PromptRequest(**(given | options))

    def run(self, **options):
        return run_request(
            self.request(**options), lambda: self.segmenter, find=lambda: self.detector
        )


@pytest.fixture
def job(make_raster, tmp_path, monkeypatch):
    monkeypatch.setattr(library, "is_installed", lambda: True)
    return Job(make_raster(painted(PATCHES)), tmp_path / "o.gpkg")


def test_a_job_writes_a_table_and_says_what_it_found(job):
    found, record = job.run(phrases=(*ALL, "roof"))
    table = geopandas.read_file(job.output)
    assert len(table) == len(found.table) == len(PATCHES)
    assert table["text_score"].tolist() == [0.9] * len(PATCHES)
    text = record["text"]
    assert text["detector"] == {"name": "colours", "sha256": "c" * 64}
    assert text["found"] == {"red": 3, "green": 2, "blue": 1, "yellow": 1, "roof": 0}
    assert text["threshold"] == 0.3
    assert text["windows"] == len(job.detector.seen)
    assert record["inputs"].keys() == {"image"}
    assert record["parameters"]["text"]["phrases"] == (*ALL, "roof")
    assert json.loads(job.output.with_name("o.job.json").read_text())["text"] == text
    assert not job.output.with_name("o.gpkg.parts").exists()


@pytest.mark.parametrize("broken", ["detector", "segmenter"])
def test_a_job_that_was_interrupted_goes_on(job, broken, monkeypatch):
    expected = job.run()[0].table
    job.output.unlink()
    looked = len(job.detector.seen)
    job.detector.seen.clear()
    job.segmenter.embedded.clear()
    with monkeypatch.context() as patch:
        if broken == "detector":
            job.detector.fail_at = 3
        else:

            def stop(_image):
                raise KeyboardInterrupt

            patch.setattr(FakeSegmenter, "embed", lambda _self, image: stop(image))
        with pytest.raises(KeyboardInterrupt):
            job.run(overwrite=True)
    seen = len(job.detector.seen)
    job.detector.fail_at = -1
    # neither begins again without a word
    with pytest.raises(OutputError, match="--resume"):
        job.run(overwrite=True)
    found, record = job.run(resume=True)
    assert found.table.equals(expected)
    if broken == "detector":
        assert 0 < record["text"]["windows_reused"] < looked
    else:
        # no window is looked at twice
        assert (seen, len(job.detector.seen)) == (looked, looked)
        assert record["text"]["windows_reused"] == looked


def test_a_failed_window_is_told_and_can_be_tried_again(job, monkeypatch):
    def broken(self, *_, **__):
        raise RuntimeError("no memory")

    expected = job.run()[0].table
    job.output.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(ColourDetector, "boxes_of", broken)
        _, record = job.run(overwrite=True)
    assert record["failures"]
    assert set(record["failures"]) == {"no memory"}
    found, record = job.run(resume=True)
    assert not record["failures"]
    assert found.table.equals(expected)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"words": None}, "nothing to segment: give a file of prompts, or words"),
        ({"prompts": "boxes.csv"}, "give the prompts boxes.csv or --text 'red', not both"),
        ({"prompts_crs": "EPSG:4326"}, "give --prompts-crs EPSG:4326 or --text"),
        ({"prompts_layer": "a"}, "give --prompts-layer a or --text"),
        ({"one_class": True}, "give --one-class or --text"),
        ({"polygon_masks": True}, "give --polygon-masks or --text"),
    ],
)
def test_words_with_prompts_are_refused_before_anything_is_loaded(job, options, told):
    with pytest.raises(InputError) as caught:
        job.run(**options)
    assert told in str(caught.value)
    assert not job.detector.seen


def test_without_a_detector_the_extra_is_named(job, monkeypatch):
    monkeypatch.setattr(library, "is_installed", lambda: False)
    with pytest.raises(ModelError, match=r'pip install "sam-geomed\[hf\]"'):
        job.run()


def test_a_shapefile_holds_the_scores(job, tmp_path):
    job.output = tmp_path / "o.shp"
    job.run()
    assert geopandas.read_file(job.output)["text_score"].tolist() == [0.9] * len(PATCHES)


def test_what_a_job_would_cost_is_told(job):
    told = dry_run_prompts(job.request(), lambda: job.segmenter, find=lambda: job.detector)
    assert told["phrases"] == len(ALL)
    assert told["windows"] == told["encoder_calls"] > 1
    assert not job.output.exists()


def test_real_networks_go_the_whole_way(job, tmp_path):
    from detector_models import built

    job.detector = built("owlv2")
    found, record = job.run(phrases=("car",), words=WordOptions(("car",), threshold=0.0))
    assert len(found.table) > 0
    assert (found.table["class"] == "car").all()
    assert found.table["text_score"].between(0, 1).all()
    assert record["text"]["detector"]["name"] == "seeded"


def test_a_text_that_is_too_long_is_refused_before_the_windows(job):
    from detector_models import built

    job.detector = built("owlv2")
    with pytest.raises(PromptError, match="tokens, but seeded takes 16 at most"):
        job.run(phrases=("solar panel " * 9,))
    assert not job.segmenter.embedded


@pytest.mark.parametrize("phrases", [("red", "blue"), ("yellow", "green roof")])
def test_a_picture_and_a_page_show_what_was_found(job, tmp_path, phrases):
    pages = {"overlay": tmp_path / "o.png", "report": tmp_path / "o.html"}
    found, _ = job.run(phrases=phrases, **pages)
    assert len(found.table) == {"blue": 4, "green roof": 7}[phrases[1]]
    assert (tmp_path / "o.png").stat().st_size > 0
    assert phrases[0] in (tmp_path / "o.html").read_text()


def test_nothing_found_is_written_too(make_raster, tmp_path, monkeypatch):
    monkeypatch.setattr(library, "is_installed", lambda: True)
    empty = Job(make_raster(painted(())), tmp_path / "o.gpkg")
    _, record = empty.run(overlay=tmp_path / "o.png", report=tmp_path / "o.html")
    assert record["text"]["found"] == dict.fromkeys(ALL, 0)
    assert record["counts"] == {}
    assert len(geopandas.read_file(empty.output)) == 0
    assert not empty.segmenter.embedded
