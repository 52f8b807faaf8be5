from __future__ import annotations

import subprocess
import sys

import pytest
import typer

import sam_common.cli
import sam_geo.cli
import sam_med.cli

HEAVY = {
    "cv2",
    "geopandas",
    "highdicom",
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
        "sam_common.cli",
        "sam_geo.cli",
        "sam_med.cli",
        "sam_common.errors",
        "sam_common.weights",
        "sam_common.samples",
        "sam_common.window",
    ],
)
def test_importing_loads_nothing_heavy(module):
    assert loaded_by(f"import {module}") == ([], "")


@pytest.mark.parametrize("package", ["sam_geo", "sam_med"])
def test_looking_at_the_names_loads_nothing_heavy(package):
    assert loaded_by(f"import {package}; dir({package})") == ([], "")


@pytest.mark.parametrize("module", ["sam_common.frame", "sam_common.prompts"])
def test_geometry_needs_numpy_alone(module):
    assert loaded_by(f"import {module}") == (["numpy"], "")


def test_the_commands_are_found():
    assert ("sam_common.cli", "weights", "pull") in commands(sam_common.cli)
    assert ("sam_geo.cli", "prompt") in commands(sam_geo.cli)
    assert ("sam_med.cli", "segment") in commands(sam_med.cli)


@pytest.mark.parametrize(
    "path",
    [path for cli in (sam_common.cli, sam_geo.cli, sam_med.cli) for path in commands(cli)],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(path):
    module, *words = path
    argv = [module.split(".")[0].replace("_", "-"), *words, "--help"]
    heavy, shown = loaded_by(f"import {module} as cli; sys.argv = {argv}; cli.main()")
    assert heavy == []
    assert f"Usage: {' '.join(argv[:-1])}" in " ".join(shown.split())


def test_the_segmenter_does_load_torch():
    # or else the other tests would look for a name that nothing ever has
    heavy, _ = loaded_by("import sam_common.segmenter")
    assert {"cv2", "numpy", "torch"} <= set(heavy)
