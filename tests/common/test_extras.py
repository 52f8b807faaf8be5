"""Each extra alone: what the suite does where the packages of the other extras are not installed.

Such an environment is a process that finds no other modules than the requirements of one extra
bring, as the metadata of what is installed here says.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement

import sam_common.cli.main
import sam_common.executors
import sam_common.segmenter
import sam_geo.cli.main
import sam_med.cli.main
from sam_common.errors import MissingExtraError
from sam_common.extras import EXTRAS, missing_extra

SUITE = "sam-geomed"
ROOT = Path(__file__).parents[2]
PACKAGES = {"sam_common", "sam_geo", "sam_med"}
OF_HOSTS = {"qgis_plugin", "slicer_module"}
"""Folders that run in the Python of QGIS and of Slicer."""
ALONE = ("", *sorted(metadata.metadata(SUITE).get_all("Provides-Extra")))
"""No extra, and each one."""
PROGRAMS = (sam_common.cli.main, sam_geo.cli.main, sam_med.cli.main)


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def distributions(extra):
    """The distributions that are installed with one extra, or with none for an empty name."""
    found, waiting = set(), {(SUITE, extra)}
    while waiting:
        found.add(each := waiting.pop())
        try:
            needs = metadata.requires(each[0]) or []
        except metadata.PackageNotFoundError:
            continue  # pip did not install what another system needs
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": each[1]}):
                name = canonical(need.name)
                waiting |= {(name, part) for part in ("", *need.extras)} - found
    return {name for name, _ in found}


@functools.cache
def modules_of():
    """Each module that is installed here at the top, to the distributions that bring it."""
    brought = metadata.packages_distributions()
    return {
        module: {canonical(name) for name in names}
        for module, names in brought.items()
        if module not in PACKAGES
    }


def absent(extra):
    """The modules that are installed here, and not with one extra alone."""
    there = distributions(extra)
    return sorted(module for module, names in modules_of().items() if not names & there)


def imported():
    """The modules of other projects that the suite imports, anywhere in a file."""
    found = set()
    for file in (file for each in PACKAGES for file in (ROOT / each).rglob("*.py")):
        if OF_HOSTS.isdisjoint(file.parts):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                named = [node.module] if isinstance(node, ast.ImportFrom) else []
                named += (
                    [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                )
                tops = {name.partition(".")[0] for name in named}
                # the installer, which runs alone too, imports its other files so
                found |= {top for top in tops if not (file.parent / f"{top}.py").exists()}
    return found - sys.stdlib_module_names - PACKAGES


def test_each_library_is_told_by_an_extra_that_brings_it():
    assert {EXTRAS[each] for each in EXTRAS} <= set(ALONE)
    for module, extra in EXTRAS.items():
        assert modules_of()[module] & distributions(extra), (module, extra)


def test_each_import_is_of_a_library_that_is_always_there_or_that_an_extra_brings():
    always = {module for module, names in modules_of().items() if names & distributions("")}
    assert imported() - always <= set(EXTRAS) <= imported()


WITHOUT = """
import contextlib, importlib, io, json, sys

class Without:
    def __init__(self, finder):
        self._finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name in {absent!r} else self._finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self._finder, name)

sys.meta_path[:] = [Without(each) for each in sys.meta_path]
answers = []
for module, words in {commands!r}:
    sys.argv = [module.partition(".")[0].replace("_", "-"), *words]
    said = io.StringIO()
    code = None
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            importlib.import_module(module).main()
        except SystemExit as ended:
            code = ended.code
        except BaseException as error:
            code = repr(error)
    answers.append([code, said.getvalue()])
for package in {packages!r}:
    names = {{}}
    for name in importlib.import_module(package).__all__:
        try:
            getattr(importlib.import_module(package), name)
        except ImportError as error:
            names[name] = [type(error).__name__, str(error)]
    answers.append(names)
print(json.dumps(answers))
"""


def alone(extra, commands=(), packages=()):
    """What commands and the names of packages do where one extra is installed alone."""
    code = WITHOUT.format(absent=absent(extra), commands=list(commands), packages=list(packages))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def commands_of(module):
    """The words of each command of a program, with those of its groups."""

    def walk(command, path):
        yield path
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, [*path, name])

    return list(walk(typer.main.get_command(module.app), []))


def test_without_extras_every_help_is_shown_and_every_name_is_there_or_tells_its_extra():
    asked = [
        (module.__name__, [*words, "--help"])
        for module in PROGRAMS
        for words in commands_of(module)
    ]
    assert len(asked) > 30
    homes = (sam_common.segmenter, sam_common.executors, sam_geo, sam_med)
    *helps, core, executors, geo, med = alone("", asked, [home.__name__ for home in homes])
    for words, (code, said) in zip(asked, helps, strict=True):
        assert (code or 0, said) == (0, ""), words
    assert core == {}
    install = 'which is not installed: pip install "sam-geomed'
    assert executors == {
        "DaskExecutor": [
            "MissingExtraError",
            f'sam_common.executors.DaskExecutor needs the package distributed, {install}[dask]"',
        ]
    }
    assert {"open_raster", "segment_prompts"} <= set(geo)
    assert {"find_series", "correct_segments"} <= set(med)
    for side, names in (("geo", geo), ("med", med)):
        for name, (kind, said) in names.items():
            assert kind == "MissingExtraError"
            assert said.startswith(f"sam_{side}.{name} needs the package ")
            assert said.endswith(f'{install}[{side}]"')


@pytest.mark.parametrize("extra", ["geo", "med"])
def test_every_name_of_a_side_needs_its_own_extra_alone(extra):
    assert alone(extra, packages=[f"sam_{extra}"]) == [{}]


JOBS = {
    "geo": [
        ("sam_geo", ["info", "FILE"]),
        ("sam_geo", ["prompt", "FILE", "FILE", "-o", "NEW.gpkg"]),
        ("sam_geo", ["auto", "FILE", "-o", "NEW.gpkg"]),
        ("sam_geo", ["landcover", "FILE", "FILE", "-o", "NEW.tif"]),
        ("sam_geo", ["encode", "FILE", "-o", "NEW"]),
        ("sam_geo", ["demo", "-o", "NEW"]),
    ],
    "med": [
        ("sam_med", ["info", "FILE"]),
        ("sam_med", ["convert", "FILE", "NEW.nii.gz"]),
        ("sam_med", ["compare", "FILE", "FILE"]),
        ("sam_med", ["demo", "-o", "NEW"]),
    ],
    "server": [
        ("sam_common", ["serve"]),
        ("sam_geo", ["view", "FILE"]),
        ("sam_med", ["view", "FILE"]),
    ],
}
"""Commands, by the extra that each one asks for first where nothing but the suite is installed."""


def test_a_command_names_the_extra_that_it_lacks(tmp_path):
    (tmp_path / "scan.nii").write_bytes(b"no scan")
    places = {"FILE": str(tmp_path / "scan.nii"), "NEW": str(tmp_path / "new")}
    asked = [
        (
            f"{package}.cli.main",
            [re.sub("FILE|NEW", lambda m: places[m[0]], word) for word in words],
        )
        for jobs in JOBS.values()
        for package, words in jobs
    ]
    expected = [extra for extra, jobs in JOBS.items() for _ in jobs]
    for (_, words), extra, (code, said) in zip(asked, expected, alone("", asked), strict=True):
        assert code == 2, (words, said)
        assert re.fullmatch(
            rf"error: the (server needs the )?package \w+( is not installed)?: "
            rf"pip install (\"sam-geomed\[{extra}\]\"|'sam-geomed\[{extra}\]')\n",
            said,
        ), (words, said)


def missing(name):
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_an_extra_is_told_only_where_its_library_is_what_is_missing():
    told = missing_extra(missing("rasterio"))
    assert isinstance(told, MissingExtraError)
    assert isinstance(told, ImportError)
    assert told.name == "rasterio"
    assert str(told) == 'the package rasterio is not installed: pip install "sam-geomed[geo]"'
    assert str(missing_extra(missing("sklearn"), "assess")) == (
        'assess needs the package sklearn, which is not installed: pip install "sam-geomed[geo]"'
    )
    assert missing_extra(missing("rasterio.newer")) is None
    assert missing_extra(missing("attr")) is None
    assert missing_extra(ImportError("no libGL.so.1", name="rasterio")) is None
    assert missing_extra(ImportError("nothing more is known")) is None
