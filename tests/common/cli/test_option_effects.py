"""Every option of `sam-common` does something that a user sees; a new one needs a row here."""

from __future__ import annotations

import json

import pytest
from option_effects import (
    Effect,
    differs,
    flag,
    model_options,
    options_of,
    seen,
    values,
)

from sam_common.cli import bundle, main
from sam_common.evaluation import run as evaluation
from sam_common.installation.offline import Manifest
from sam_common.published import checkpoints, samples
from sam_common.server import process as server
from sam_common.tuned import catalogue

SERVE = ("serve",)
WEIGHT = ("weights", "pull", "lite_medsam")
ADD = ("weights", "add", "mine.safetensors")
SAMPLE = ("samples", "pull", "osbs_029.xml")
EVALUATE = ("evaluate", "mobile_sam", "data", "-o", "results")


BUNDLE = ("bundle", "--offline", "--for", "qgis", "-o", "bundle.zip")


EFFECTS = {
    "bundle --output": Effect(BUNDLE, (*BUNDLE, "-o", "other.zip")),
    "bundle --for": Effect(BUNDLE, (*BUNDLE, "--for", "slicer")),
    "bundle --offline": Effect(("bundle", *BUNDLE[2:]), BUNDLE),
    "bundle --platform": values(BUNDLE, "--platform", "linux-x86_64", "windows-x86_64"),
    "bundle --python": values(BUNDLE, "--python", "3.11", "3.12"),
    "bundle --model": values(BUNDLE, "--model", "none", "mobile_sam"),
    "bundle --sample": values(BUNDLE, "--sample", "none", "osbs_029.tif"),
    "bundle --torch": values(BUNDLE, "--torch", "torch==2.13", "torch==2.14"),
    "bundle --torch-index": values(BUNDLE, "--torch-index", "http://a/cpu", "http://b/cpu"),
    "bundle --wheel": values(BUNDLE, "--wheel", "a.whl", "b.whl"),
    "bundle --quiet": flag(BUNDLE, "-q"),
    "bundle --json": flag(BUNDLE, "--json"),
    "serve --host": values(SERVE, "--host", "127.0.0.1", "localhost"),
    "serve --port": values(SERVE, "--port", "0", "8765"),
    "serve --root": values(SERVE, "--root", "a", "b"),
    "serve --model": values(SERVE, "--model", "mobile_sam", "lite_medsam"),
    "serve --watch-stdin": flag(SERVE, "--watch-stdin"),
    "serve --allow-remote": flag(SERVE, "--allow-remote"),
    "serve --idle-minutes": values(SERVE, "--idle-minutes", "60", "5"),
    "serve --keep-embeddings": flag(SERVE, "--keep-embeddings"),
    "serve --ui": flag(SERVE, "--ui"),
    "serve --memory": values(SERVE, "--memory", "64", "128"),
    "evaluate --output": Effect(EVALUATE, (*EVALUATE, "-o", "other")),
    "evaluate --images": values(EVALUATE, "--images", "one", "two"),
    "evaluate --protocol": values(EVALUATE, "--protocol", "box", "everything"),
    "evaluate --most-images": values(EVALUATE, "--most-images", "1", "2"),
    "evaluate --pictures": values(EVALUATE, "--pictures", "1", "2"),
    "evaluate --points-per-side": values(EVALUATE, "--points-per-side", "32", "16"),
    "evaluate --pred-iou-thresh": values(EVALUATE, "--pred-iou-thresh", "0.8", "0.7"),
    "evaluate --stability-score-thresh": values(EVALUATE, "--stability-score-thresh", "0.9", "0.8"),
    "evaluate --arch": values(EVALUATE, "--arch", "vit_b", "vit_l"),
    **model_options("evaluate", EVALUATE),
    "evaluate --resume": flag(EVALUATE, "--resume"),
    "evaluate --overwrite": flag(EVALUATE, "--overwrite"),
    "evaluate --quiet": flag(EVALUATE, "-q"),
    "evaluate --json": flag(EVALUATE, "--json"),
    "weights list --json": flag(("weights", "list"), "--json"),
    "weights pull --from": flag(WEIGHT, "--from", "file.whl"),
    "weights pull --quiet": flag(WEIGHT, "-q"),
    "weights pull --json": flag(WEIGHT, "--json"),
    "weights path --json": flag(("weights", "path", "lite_medsam"), "--json"),
    "weights verify --json": flag(("weights", "verify"), "--json"),
    "weights add --name": values(ADD, "--name", "roofs", "crowns"),
    "weights add --overwrite": flag(ADD, "--overwrite"),
    "weights add --json": flag(ADD, "--json"),
    "samples list --json": flag(("samples", "list"), "--json"),
    "samples pull --from": flag(SAMPLE, "--from", "file.whl"),
    "samples pull --quiet": flag(SAMPLE, "-q"),
    "samples pull --json": flag(SAMPLE, "--json"),
}


def watch_bundles(monkeypatch, asked):
    """Remember which bundles are written."""

    def write_bundle(request, out, *, quiet):
        asked.append((str(request), quiet))
        out.write_bytes(b"")
        return Manifest("0.1.0", request.host, (), request.platform, ())

    def write_plugin(host, out, wheel):
        asked.append((host, str(wheel)))
        out.write_bytes(b"")
        return out

    monkeypatch.setattr(bundle, "write_bundle", write_bundle)
    monkeypatch.setattr(bundle, "write_plugin", write_plugin)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Nothing is fetched and no server starts; what would be is remembered."""
    asked = []
    held = tmp_path / "held"
    held.write_bytes(b"weights")

    def adopt(name, file):
        asked.append((name, str(file)))
        return held

    def fetch(name, *, progress=True):
        # bars and news on stderr, unless they are not wanted
        asked.append((name, progress))
        return held

    for module in (checkpoints, samples):
        monkeypatch.setattr(module, "adopt", adopt)
        monkeypatch.setattr(module, "fetch", fetch)

    def add(file, name, *, overwrite):
        asked.append((str(file), name, overwrite))
        return held

    monkeypatch.setattr(catalogue, "add", add)
    monkeypatch.setattr(checkpoints, "cached_path", lambda _name: held)
    monkeypatch.setattr(server, "serve", lambda settings: asked.append(str(settings)))

    def evaluate(wanted, *, progress=None):
        asked.append(str(wanted))
        summary = {"model": {"name": "a"}, "images": 1, "protocols": {}}
        return {**summary, "notes": [], "failures": {}}

    monkeypatch.setattr(evaluation, "evaluate", evaluate)

    watch_bundles(monkeypatch, asked)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))

    def shown():
        said = {"asked": json.dumps(asked)}
        asked.clear()
        return said

    return shown


def test_every_option_has_a_row():
    assert set(EFFECTS) == options_of(main.app)


@pytest.mark.parametrize("option", EFFECTS)
def test_an_option_has_an_effect(option, world, tmp_path):
    effect = EFFECTS[option]
    runs = [
        seen(main.app, arguments, tmp_path, world)
        for arguments in (effect.before, effect.before, effect.after)
    ]
    assert (runs[0]["exit"], runs[2]["exit"]) == effect.exits, runs
    assert differs(*runs), runs[0]
