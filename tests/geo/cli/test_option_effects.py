"""Every option of `sam-geo` does something that a user sees; a new one needs a row here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from cards import CARD
from colour_detector import PATCHES, ColourDetector, painted
from geo_jobs import TRANSFORM
from option_effects import (
    Effect,
    Elsewhere,
    differs,
    flag,
    model_options,
    network_options,
    options_of,
    seen,
    training_options,
    values,
)
from PIL import Image

from sam_common.masks.decoded import MaskRegion
from sam_common.segmenter.fake import ExactMasks, FakeSegmenter
from sam_common.support import console
from sam_common.window import Window
from sam_geo.cli import main
from sam_geo.demo import run as demo_job

PROMPT = ("prompt", "image.tif", "boxes.csv", "-o", "o.gpkg")
TEXT = ("prompt", "painted.tif", "-o", "o.gpkg", "--text", "red")
ROOF = (*TEXT[:-1], "roof")
AUTO = ("auto", "image.tif", "-o", "o.gpkg", "--points-per-side", "4")
PARTS = ("auto", "image.tif", "-o", "o.parquet", "--points-per-side", "4", "--tile-size", "64")
ENCODE = ("encode", "image.tif", "-o", "kept")
DEMO = ("demo", "-o", "out")
SAMPLE = ("sample", "map.tif", "-o", "o.gpkg", "--size", "60")
ASSESS = ("assess", "map.tif", "checked.csv", "--points-crs", "pixel", "--class-field", "truth")
FINETUNE = ("finetune", "image.tif", "two.gpkg", "-o", "mine.safetensors")
VIEW = ("view", "image.tif")
CHANGE = ("change", "map.tif", "later.tif", "-o", "o.gpkg")
COVER = ("landcover", "image.tif", "samples.csv", "-o", "o.tif", "--samples-crs", "pixel")
COVER = (*COVER, "--class-field", "cover", "--classifier", "discriminant")
NAMED = ("landcover", "image.tif", *COVER[3:], "--samples")
LAYERED = ("landcover", "image.tif", "layers.gpkg", *COVER[3:5], *COVER[7:])
JOBS = "geo/mapping/test_run.py::"
PAIRS = "geo/change/test_classified.py::"
NETWORK = "geo/cli/test_change.py::test_the_network_of_a_model_is_loaded_as_the_options_say"
OBJECTS = "geo/cli/test_objects.py::"
EXECUTORS = "geo/cli/test_executors.py::"
PARTS_AT = "geo/cli/test_parts_at.py::"
THERE = {"o.gpkg": "x"}
MODELS = ("mobile_sam", "sam_vit_b")


def image_options(command, head):
    """How the raster becomes an image."""
    return {
        f"{command} --bands": values(head, "--bands", "1", "2"),
        f"{command} --stretch": values(head, "--stretch", "0,200", "50,100"),
        f"{command} --page": values(paged(head), "--page", "1", "2"),
    }


def paged(head):
    """The same on a file of two pages."""
    return tuple("pages.tif" if word == "image.tif" else word for word in head)


def job_options(command, head):
    """What `prompt` and `auto` share."""
    return {
        **network_options(command, head, MODELS),
        **image_options(command, head),
        f"{command} --image-crs": values(head, "--image-crs", "EPSG:32633", "EPSG:32634"),
        f"{command} --output": Effect(head, (*head, "-o", "p.gpkg")),
        f"{command} --layer": values(head, "--layer", "trees", "roofs"),
        f"{command} --simplify": values(head, "--simplify", "0.01", "4"),
        f"{command} --regularize": flag(head, "--regularize", "2"),
        f"{command} --dst-crs": values(head, "--dst-crs", "EPSG:32633", "EPSG:4326"),
        f"{command} --embeddings": flag(head, "--embeddings", "kept"),
        f"{command} --overlay": flag(head, "--overlay", "o.png"),
        f"{command} --report": flag(head, "--report", "o.html"),
        f"{command} --workers": Elsewhere(
            "geo/automatic/test_windows_to_objects.py::test_workers_and_an_interrupt_change_no_byte"
        ),
        f"{command} --dry-run": flag(head, "--dry-run"),
        f"{command} --resume": Elsewhere(
            "geo/automatic/test_windows_to_objects.py::test_workers_and_an_interrupt_change_no_byte"
        ),
        f"{command} --overwrite": flag(head, "--overwrite", exits=(2, 0), prepared=THERE),
        f"{command} --json": flag(head, "--json"),
        f"{command} --quiet": flag(head, "-q"),
    }


def reaching(command, options, **elsewhere):
    """Options of a command whose effect is that of its request."""
    test = Elsewhere(f"{OBJECTS}test_options_of_{command}_reach_the_job")
    found = {f"{command} --{name}": test for name in options.split()}
    return found | {f"{command} --{name}": Elsewhere(OBJECTS + t) for name, t in elsewhere.items()}


def executor_options(command):
    """How windows are worked on by other processes."""
    test = Elsewhere(f"{EXECUTORS}test_two_workers_write_the_bytes_of_one_process")
    names = ("executor", "scheduler", "resources", "metrics")
    found = {f"{command} --{name}": test for name in names}
    if command == "encode":
        return found
    return found | {
        f"{command} --parts-at": Elsewhere(
            f"{PARTS_AT}test_parts_lie_where_they_are_told_and_the_bytes_are_the_same"
        )
    }


EFFECTS = {
    **executor_options("prompt"),
    **executor_options("auto"),
    **executor_options("encode"),
    **executor_options("landcover"),
    **executor_options("similar"),
    "encode --workers": Elsewhere(f"{EXECUTORS}test_workers_started_by_the_command"),
    **job_options("prompt", PROMPT),
    "prompt --simplify": values(
        ("prompt", "image.tif", "points.csv", "-o", "o.gpkg"), "--simplify", "0.01", "2"
    ),
    "prompt --prompts-crs": values(
        ("prompt", "image.tif", "world.csv", "-o", "o.gpkg"),
        "--prompts-crs",
        "EPSG:32633",
        "EPSG:32634",
    ),
    "prompt --prompts-layer": values(
        ("prompt", "image.tif", "two.gpkg", "-o", "o.gpkg"), "--prompts-layer", "one", "two"
    ),
    "prompt --polygon-masks": flag(
        ("prompt", "image.tif", "two.gpkg", "-o", "o.gpkg", "--prompts-layer", "one"),
        "--polygon-masks",
    ),
    "prompt --one-class": Elsewhere(
        "geo/prompted/test_candidates.py::test_a_job_tells_what_was_chosen"
    ),
    "prompt --text": flag(TEXT, "--text", "green"),
    "prompt --detector": values(TEXT, "--detector", "owlv2_base", "sam3"),
    "prompt --text-threshold": values(ROOF, "--text-threshold", "0.4", "0.6"),
    "prompt --text-window": values(TEXT, "--text-window", "64", "100"),
    **job_options("auto", AUTO),
    "auto --partition": values(PARTS, "--partition", "1", "2"),
    "auto --labels": flag(AUTO, "--labels", "labels.tif"),
    "auto --tile-size": values((*AUTO, "--overlap", "16"), "--tile-size", "64", "80"),
    "auto --overlap": values((*AUTO, "--tile-size", "64"), "--overlap", "16", "32"),
    "auto --points-per-side": values(AUTO, "--points-per-side", "4", "3"),
    "auto --pred-iou-thresh": values(AUTO, "--pred-iou-thresh", "0.88", "0.95"),
    "auto --stability-score-thresh": values(AUTO, "--stability-score-thresh", "0.95", "0.99"),
    "auto --box-nms-thresh": values(
        (*AUTO, "--points-per-side", "32"), "--box-nms-thresh", "0.7", "0.1"
    ),
    "auto --crop-n-layers": values(AUTO, "--crop-n-layers", "0", "1"),
    "auto --min-mask-region-area": values(AUTO, "--min-mask-region-area", "0", "200"),
    "auto --proposals": flag(AUTO, "--proposals", "boxes.csv"),
    "auto --proposals-crs": values(
        (*AUTO, "--proposals", "world.csv"),
        "--proposals-crs",
        "EPSG:32633",
        "EPSG:32632",
        exits=(0, 2),  # there they lie beside the raster
    ),
    "auto --proposals-layer": values(
        (*AUTO, "--proposals", "two.gpkg"), "--proposals-layer", "one", "two"
    ),
    "auto --superpixels": flag(AUTO, "--superpixels"),
    "auto --join": Elsewhere(
        "geo/automatic/test_windows_to_objects.py::test_the_rest_of_an_object_is_looked_for_beyond_the_edge"
    ),
    "auto --min-area-m2": values(AUTO, "--min-area-m2", "0", "1000"),
    **reaching(
        "similar",
        "embedding output layer examples-crs examples-layer example-field negatives corrections "
        "candidates keep-candidates least-probability all judge tile-size "
        "points-per-side classifier seed model embeddings workers device engine "
        "precision resume overwrite quiet",
        json="test_more_like_these",
    ),
    **reaching(
        "classify",
        "image output layer class-field objects-crs objects-layer samples-crs "
        "samples-layer band-names features classifier seed model embeddings workers "
        "device engine precision resume overwrite quiet",
        json="test_classes",
    ),
    **network_options("encode", ENCODE, MODELS),
    **image_options("encode", ENCODE),
    "encode --output": Effect(ENCODE, (*ENCODE, "-o", "other")),
    "encode --max-gb": values(ENCODE, "--max-gb", "1", "1e-12"),
    "encode --json": flag(ENCODE, "--json"),
    "encode --quiet": flag(ENCODE, "-q"),
    **image_options("info", ("info", "image.tif")),
    "info --page": flag(paged(("info", "image.tif")), "--page", "2"),
    "info --image-crs": values(("info", "image.tif"), "--image-crs", "EPSG:32633", "EPSG:32634"),
    "info --json": flag(("info", "image.tif"), "--json"),
    "landcover --output": Effect(COVER, (*COVER, "-o", "p.tif")),
    "landcover --samples": Effect((*NAMED, "samples.csv"), (*NAMED, "others.csv")),
    "landcover --class-field": values(COVER, "--class-field", "cover", "other"),
    "landcover --samples-layer": values(LAYERED, "--samples-layer", "one", "two"),
    "landcover --samples-crs": values(COVER, "--samples-crs", "pixel", "EPSG:32633", exits=(0, 2)),
    "landcover --band-names": values(
        (*COVER, "--index", "ndvi"), "--band-names", "red,nir", "blue,nir", exits=(0, 2)
    ),
    "landcover --index": flag((*COVER, "--band-names", "red,nir"), "--index", "ndvi"),
    "landcover --features": flag(COVER, "--features", "embedding"),
    "landcover --embeddings": flag((*COVER, "--features", "embedding"), "--embeddings", "kept"),
    "landcover --objects": flag(COVER, "--objects", "numbered.tif"),
    "landcover --model": values((*COVER, "--objects", "auto"), "--model", *MODELS),
    **model_options("landcover", (*COVER, "--objects", "auto")),
    "landcover --classifier": values(COVER, "--classifier", "discriminant", "logistic"),
    "landcover --seed": values((*COVER, "--classifier", "extra-trees"), "--seed", "0", "1"),
    "landcover --save": flag(COVER, "--save", "m.skops"),
    "landcover --apply": Elsewhere(JOBS + "test_a_model_gives_the_same_map_again"),
    "landcover --smallest": values(COVER, "--smallest", "1", "9"),
    "landcover --polygons": flag(COVER, "--polygons", "p.gpkg"),
    "landcover --polygons-by": values(
        (*COVER, "--polygons", "p.gpkg"), "--polygons-by", "object", "class"
    ),
    "landcover --simplify": values((*COVER, "--polygons", "p.gpkg"), "--simplify", "0", "2"),
    "landcover --report": flag(COVER, "--report", "r.html"),
    "landcover --check": Elsewhere(JOBS + "test_independent_points_are_used"),
    "landcover --check-field": Elsewhere(JOBS + "test_independent_points_are_used"),
    "landcover --workers": Elsewhere(JOBS + "test_workers_blocks_and_an_interrupt_change_no_byte"),
    "landcover --resume": Elsewhere(JOBS + "test_workers_blocks_and_an_interrupt_change_no_byte"),
    "landcover --dry-run": flag(COVER, "--dry-run"),
    "landcover --overwrite": flag(COVER, "--overwrite", exits=(2, 0), prepared={"o.tif": "x"}),
    "landcover --json": flag(COVER, "--json"),
    "landcover --quiet": flag(COVER, "-q"),
    "sample --output": Effect(SAMPLE, (*SAMPLE, "-o", "other.gpkg")),
    "sample --layer": values(SAMPLE, "--layer", "one", "two"),
    "sample --size": values(SAMPLE, "--size", "60", "61"),
    "sample --allocation": values(SAMPLE, "--allocation", "equal", "neyman"),
    "sample --seed": values(SAMPLE, "--seed", "1", "2"),
    "sample --overwrite": flag(SAMPLE, "--overwrite", exits=(2, 0), prepared=THERE),
    "sample --json": flag(SAMPLE, "--json"),
    "sample --quiet": flag(SAMPLE, "-q"),
    "assess --class-field": values(ASSESS, "--class-field", "truth", "other"),
    "assess --points-layer": Elsewhere("geo/cli/test_accuracy.py::test_a_layer_of_points"),
    "assess --points-crs": values(ASSESS, "--points-crs", "pixel", "EPSG:32633", exits=(0, 2)),
    "assess --unit": values(ASSESS, "--unit", "ha", "m2"),
    "assess --json": flag(ASSESS, "--json"),
    "assess --quiet": flag(ASSESS, "-q"),
    "change --output": Effect(CHANGE, (*CHANGE, "-o", "other.gpkg")),
    "change --layer": values(CHANGE, "--layer", "one", "two"),
    "change --misregistration": values(CHANGE, "--misregistration", "0.5", "0.2"),
    "change --min-area-m2": values(CHANGE, "--min-area-m2", "0", "10"),
    "change --min-pixels": values(CHANGE, "--min-pixels", "1", "30"),
    "change --report": flag(CHANGE, "--report", "o.html"),
    "change --unit": values(CHANGE, "--unit", "ha", "m2"),
    "change --apply": Elsewhere(PAIRS + "test_two_images_and_a_model"),
    "change --band-names": Elsewhere(PAIRS + "test_bands_of_other_names"),
    "change --model": Elsewhere(NETWORK),
    "change --device": Elsewhere(NETWORK),
    "change --engine": Elsewhere(NETWORK),
    "change --precision": Elsewhere(NETWORK),
    "change --workers": Elsewhere(PAIRS + "test_an_interrupt_and_workers_change_no_byte"),
    "change --resume": Elsewhere(PAIRS + "test_an_interrupt_and_workers_change_no_byte"),
    "change --dry-run": flag(CHANGE, "--dry-run"),
    "change --overwrite": flag(CHANGE, "--overwrite", exits=(2, 0), prepared=THERE),
    "change --json": flag(CHANGE, "--json"),
    "change --quiet": flag(CHANGE, "-q"),
    **training_options("finetune", FINETUNE, MODELS),
    **image_options("finetune", FINETUNE),
    "finetune --image-crs": values(FINETUNE, "--image-crs", "EPSG:32633", "EPSG:32634"),
    "finetune --judge": flag(FINETUNE, "--judge", "boxes.csv"),
    "finetune --objects-crs": values(FINETUNE, "--objects-crs", "pixel", "EPSG:32633"),
    "finetune --objects-layer": values(FINETUNE, "--objects-layer", "one", "two"),
    "view --model": values(VIEW, "--model", *MODELS),
    "view --bands": values(VIEW, "--bands", "1", "2"),
    "view --stretch": values(VIEW, "--stretch", "0,200", "none"),
    "view --port": values(VIEW, "--port", "0", "8765"),
    "view --no-open": flag(VIEW, "--no-open"),
    "demo --output": Effect(DEMO, (*DEMO, "-o", "other")),
    "demo --json": flag(DEMO, "--json"),
    "demo --quiet": flag(DEMO, "-q"),
    **model_options("demo", DEMO),
}


class SoftMasks(ExactMasks):
    """Nearly as stable as can be."""

    def stability(self, *, offset=1.0):
        return super().stability(offset=offset) * np.float32(0.97)

    def full_stability(self, n, c=0, *, offset=1.0):
        return 0.97 * super().full_stability(n, c, offset=offset)


class OddSegmenter(FakeSegmenter):
    """Of a box with a mask it finds three rows, of a point an island too."""

    def decode(self, embedding, prompts, *, multimask=False):
        masks = super().decode(embedding, prompts, multimask=multimask)
        names = [one.name for one in dataclasses.fields(masks)]
        return SoftMasks(**{name: getattr(masks, name) for name in names})

    def _answer(self, prompt, size_hw):
        region = super()._answer(prompt, size_hw)
        if region is None or prompt.mask_logits is None:
            return region
        (top, left), (_, right) = region.window.start, region.window.stop
        return MaskRegion(Window((top, left), (top + 3, right)), region.mask[:3])

    def _disc(self, prompt, size_hw):
        region = super()._disc(prompt, size_hw)
        if region is None:
            return None
        mask = np.zeros(size_hw, dtype=bool)
        mask[region.window.slices] = region.mask
        (row, _), (_, column) = region.window.start, region.window.stop
        mask[row, min(column + 2, size_hw[1] - 1)] = True
        return MaskRegion.tight((0, 0), mask)


HEADER = "xmin,ymin,xmax,ymax,label"


def write_raster(path, bands):
    """A raster of fields, EPSG:32633, 0.5 m."""
    count, height, width = bands.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width}
    with rasterio.open(
        path, "w", dtype="uint8", crs="EPSG:32633", transform=TRANSFORM, **profile
    ) as file:
        file.write(bands.astype(np.uint8))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a raster of two bands, prompts, a map of classes and checked points."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(2)
    write_raster(folder / "image.tif", rng.integers(0, 250, (2, 80, 100)))
    write_raster(folder / "painted.tif", painted(PATCHES))
    pages = [Image.fromarray(rng.integers(0, 250, (80, 100)).astype(np.uint8)) for _ in range(2)]
    pages[0].save(folder / "pages.tif", save_all=True, append_images=pages[1:])
    classes = np.repeat([1, 2, 3, 3], 20)[:, None] + np.zeros(100, dtype=int)
    write_raster(folder / "numbered.tif", classes[None])
    write_raster(folder / "map.tif", np.stack([classes, 100 - 15 * classes]))
    later = np.roll(classes, 1, axis=0)
    later[50:55, 50:55] = 1
    write_raster(folder / "later.tif", np.stack([later, 100 - 15 * later]))
    places = [(x + 0.5, y + 0.5, classes[y, x]) for y in range(0, 80, 8) for x in range(0, 100, 9)]
    rows = [f"{x},{y},{c},{1 + n % 3}" for n, (x, y, c) in enumerate(places)]
    (folder / "checked.csv").write_text("\n".join(["x,y,truth,other", *rows, ""]))

    (left, top), (right, bottom) = TRANSFORM @ (10, 10), TRANSFORM @ (30, 40)
    edges = ",".join(str(v) for v in (left, bottom, right, top))
    (folder / "boxes.csv").write_text(f"{HEADER}\n10,10,30,30,tree\n50,20,90,60,roof\n")
    (folder / "points.csv").write_text("x,y\n30,40\n60,40\n")
    (folder / "world.csv").write_text(f"{HEADER}\n{edges},tree\n")
    shape = shapely.Polygon([TRANSFORM @ p for p in ((10, 10), (40, 12), (38, 50), (12, 44))])
    for number, layer in enumerate(("one", "two")):
        moved = shapely.transform(shape, lambda xy, n=number: xy + n * 5)
        table = geopandas.GeoDataFrame({"label": [layer]}, geometry=[moved], crs="EPSG:32633")
        table.to_file(folder / "two.gpkg", layer=layer)
    write_samples(folder)
    return folder


def write_samples(folder):
    """Points with classes, in pixels as CSV and in two layers of a GeoPackage."""
    corners = [(x, y) for y in range(9, 80, 20) for x in range(6, 100, 25)]
    rows = [f"{x},{y},{'ab'[(x + y) % 2]},{'ab'[x % 2]}" for x, y in corners]
    for file, some in (("samples.csv", rows), ("others.csv", rows[2:])):
        (folder / file).write_text("\n".join(["x,y,cover,other", *some, ""]))
    points = [shapely.Point(TRANSFORM @ (x + 0.5, y + 0.5)) for x, y in corners]
    for layer, names in (("one", list("ab" * 8)), ("two", list("aabb" * 4))):
        table = geopandas.GeoDataFrame({"cover": names}, geometry=points, crs="EPSG:32633")
        table.to_file(folder / "layers.gpkg", layer=layer)


@pytest.fixture
def place(inputs, tmp_path, monkeypatch):
    """A folder with copies of the inputs, in which commands run."""

    def make(name, prepared):
        folder = shutil.copytree(inputs, tmp_path / name)
        for file, text in prepared.items():
            (folder / file).write_text(text)
        monkeypatch.chdir(folder)
        return folder

    return make


@pytest.fixture
def network(monkeypatch, request):
    """A segmenter that remembers how it was asked for and what it saw."""
    # several windows, of which the oldest may be removed
    encoded = request.node.callspec.params["option"].startswith("encode")
    fake = OddSegmenter(model_size=32 if encoded else 128)
    calls = []

    def load(name, **settings):
        calls.append((name, settings))
        return fake

    detector = ColourDetector()

    def load_words(name, **settings):
        calls.append(("detector", name, settings))
        return detector

    monkeypatch.setattr("sam_common.detectors.load.load_detector", load_words)
    monkeypatch.setattr("sam_geo.jobs.opened.check_installed", lambda _name: None)

    def run(output, load_one, *, progress, quiet):
        load_one()
        output.mkdir()
        (output / "trees.gpkg").write_bytes(b"x")
        # what is fetched is said on stderr, unless that is not wanted
        calls.append(("quiet", quiet, progress.keywords))
        figures = {"objects": 61}
        return {"trees": figures, "landcover": figures, "page": str(output / "index.html")}

    monkeypatch.setattr("sam_common.segmenter.predictor.load_segmenter", load)
    monkeypatch.setattr(demo_job, "run", run)

    def taught(request, **_how):
        # what each option does to a network is seen in `tests/common/training`
        calls.append(("taught", repr(request)))
        return {**CARD, "notes": [], "judged": [], "output": None}

    monkeypatch.setattr("sam_geo.finetuning.run.run_finetune", taught)
    monkeypatch.setattr("sam_geo.finetuning.run.dry_run_finetune", lambda _request: {"images": 1})

    def viewed(asked, **how):
        # what each option does to the page is seen in `tests/common/server/test_viewer.py`
        calls.append(("viewed", asked, how))

    monkeypatch.setattr("sam_common.server.viewer.view", viewed)

    def progress(*about, quiet=False, **how):
        # a bar is drawn on a terminal only
        calls.append(("bar", quiet))
        return drawn(*about, quiet=quiet, **how)

    drawn = console.progress
    monkeypatch.setattr(console, "progress", progress)

    def shown():
        digest = hashlib.sha256(b"".join(image.tobytes() for image in fake.embedded)).hexdigest()
        said = {"calls": json.dumps(calls), "embedded": digest, "looked": str(detector.seen)}
        detector.seen.clear()
        fake.embedded.clear()
        calls.clear()
        return said

    return shown


def test_every_option_has_a_row():
    assert set(EFFECTS) == options_of(main.app)


@pytest.mark.parametrize("option", [n for n, e in EFFECTS.items() if isinstance(e, Elsewhere)])
def test_the_effect_is_seen_elsewhere(option):
    assert EFFECTS[option].mentions(option.split()[-1])


@pytest.mark.parametrize("option", [n for n, e in EFFECTS.items() if isinstance(e, Effect)])
def test_an_option_has_an_effect(option, place, network):
    effect = EFFECTS[option]
    runs = []
    for name, arguments in (("a", effect.before), ("b", effect.before), ("c", effect.after)):
        folder = place(name, effect.prepared)
        runs.append(seen(main.app, arguments, folder, network))
    assert (runs[0]["exit"], runs[2]["exit"]) == effect.exits, runs
    assert differs(*runs), runs[0]
