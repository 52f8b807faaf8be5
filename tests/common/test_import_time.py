from __future__ import annotations

import functools
import json
import subprocess
import sys

import pytest
import torch
import typer

import sam_common.cli.main
import sam_geo.cli.main
import sam_med.cli.main
from sam_common.network.sam import build_sam
from sam_common.segmenter.predictor import load_segmenter
from tests.oracles.random_weights import randomise

HEAVY = {
    "cv2",
    "geopandas",
    "highdicom",
    "huggingface_hub",
    "nibabel",
    "numpy",
    "onnx",
    "openvino",
    "pandas",
    "pydicom",
    "pyogrio",
    "pyproj",
    "rasterio",
    "scipy",
    "shapely",
    "SimpleITK",
    "torch",
    "transformers",
}
"""What takes a tenth of a second or more to import; `make bench` measures the seconds."""

REPORT = """
import sys
try:
    {statement}
finally:
    sys.stderr.write(" ".join(sorted({heavy!r} & set(sys.modules))))
"""


def loaded_by(statement):
    """What a fresh interpreter has loaded of `HEAVY` after the statement, and what it printed."""
    code = REPORT.format(statement=statement, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.split(), done.stdout


def commands(module):
    """The names of a program's commands, with those of its groups."""

    def walk(command, path):
        yield path
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, (*path, name))

    return list(walk(typer.main.get_command(module.app), (module.__name__,)))


@pytest.mark.parametrize(
    "module",
    [
        "sam_common",
        "sam_geo",
        "sam_med",
        "sam_common.cli.main",
        "sam_geo.cli.main",
        "sam_med.cli.main",
        "sam_common.errors",
        "sam_common.published.checkpoints",
        "sam_common.published.samples",
        "sam_common.window",
    ],
)
def test_importing_loads_nothing_heavy(module):
    assert loaded_by(f"import {module}") == ([], "")


@pytest.mark.parametrize("package", ["sam_geo", "sam_med"])
def test_looking_at_the_names_loads_nothing_heavy(package):
    assert loaded_by(f"import {package}; dir({package})") == ([], "")


@pytest.mark.parametrize(
    "module", ["sam_common.frame", "sam_common.prompts", "sam_common.network.architecture"]
)
def test_geometry_needs_numpy_alone(module):
    assert set(loaded_by(f"import {module}")[0]) <= {"numpy"}


def test_a_map_begins_without_torch():
    """What reads and writes models of land cover loads it, all of scikit-learn and more."""
    assert "torch" not in loaded_by("import sam_geo.mapping.run, sam_geo.mapping.dry_run")[0]


def test_the_commands_are_found():
    assert ("sam_common.cli.main", "weights", "pull") in commands(sam_common.cli.main)
    assert ("sam_geo.cli.main", "prompt") in commands(sam_geo.cli.main)
    assert ("sam_med.cli.main", "segment") in commands(sam_med.cli.main)


PROGRAMS = (sam_common.cli.main, sam_geo.cli.main, sam_med.cli.main)
HELPS = """
import contextlib, io, json, os, sys
import {module} as cli

for words in {commands!r}:
    # a copy of the process for each: what one command loads is not loaded for the next
    if os.fork():
        assert os.wait()[1] == 0
        continue
    sys.argv = ["{program}", *words, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
        cli.main()
    print(json.dumps([sorted({heavy!r} & set(sys.modules)), shown.getvalue()]), flush=True)
    os._exit(0)
"""


def program_of(module):
    return module.split(".")[0].replace("_", "-")


@pytest.fixture(scope="module")
def helps():
    """What a program has loaded after the help of each of its commands, and that help."""

    @functools.cache
    def run(cli):
        words = [list(words) for _, *words in commands(cli)]
        names = {"module": cli.__name__, "program": program_of(cli.__name__)}
        code = HELPS.format(commands=words, heavy=HEAVY, **names)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


@pytest.mark.parametrize(
    ("cli", "number", "path"),
    [
        pytest.param(cli, number, path, id=" ".join(path))
        for cli in PROGRAMS
        for number, path in enumerate(commands(cli))
    ],
)
def test_help_loads_nothing_heavy(helps, cli, number, path):
    module, *words = path
    heavy, shown = helps(cli)[number]
    assert heavy == []
    assert f"Usage: {' '.join([program_of(module), *words])}" in " ".join(shown.split())


def test_the_engine_of_torch_does_load_torch():
    # or else the other tests would look for a name that nothing ever has
    heavy, _ = loaded_by("import sam_common.engines.torch_engine")
    assert {"numpy", "torch"} <= set(heavy)


DECODE = """
import numpy as np
from sam_common.prompts import Prompts
from sam_common.segmenter.predictor import load_segmenter

segmenter = load_segmenter({checkpoint!r}, arch="tiny_vit_256", engine="openvino", precision="fp32")
masks = segmenter.decode(
    segmenter.embed(np.eye(64, dtype=np.uint8)), Prompts.from_boxes([[5, 5, 50, 50]])
)
masks.region_and_stability(0)
"""


def test_a_converted_network_runs_without_torch(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))
    checkpoint = tmp_path / "own.pth"
    torch.save(randomise(build_sam("tiny_vit_256"), 3).state_dict(), checkpoint)
    load_segmenter(checkpoint, arch="tiny_vit_256", engine="openvino", precision="fp32")
    lines = DECODE.format(checkpoint=str(checkpoint)).strip().splitlines()
    loaded, _ = loaded_by("\n    ".join(lines))
    assert "openvino" in loaded
    assert "torch" not in loaded
