from __future__ import annotations

import ast
import sys
import zipfile
from pathlib import Path

import SegmentAnything
from oracle import ROOT

FOLDER = Path(SegmentAnything.__file__).parent
GIVEN = {"numpy", "qt", "slicer", "vtk", "SegmentAnythingLib"}
GIVEN |= {"SegmentEditorEffects", "qSlicerSegmentationsEditorEffectsPythonQt"}
"""Packages of Slicer's own Python, the last two of Segment Editor, and that of the module."""


def test_what_is_tested_is_the_unzipped_bundle_with_the_suites_own_client():
    assert ROOT not in FOLDER.parents
    copy = FOLDER / "SegmentAnythingLib/suite_client.py"
    assert copy.read_bytes() == (ROOT / "sam_common/server/client.py").read_bytes()


def test_the_installer_and_the_wheel_are_the_suites_own():
    own = ROOT / "sam_common/installation"
    copies = list((FOLDER / "SegmentAnythingLib/suite_installation").glob("*.py"))
    assert len(copies) > 5
    for copy in copies:
        assert copy.read_bytes() == (own / copy.name).read_bytes()
    (wheel,) = (FOLDER / "SegmentAnythingLib/suite_wheel").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        assert "sam_med/__init__.py" in archive.namelist()


def test_every_file_is_named_to_slicers_build():
    build = (FOLDER / "CMakeLists.txt").read_text().replace("${MODULE_NAME}", FOLDER.name)
    for path in FOLDER.rglob("*"):
        if path.suffix in {".py", ".json"}:
            assert path.name in build, path.name


def test_the_module_needs_nothing_that_slicer_has_not():
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 9))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in names:
                assert name.partition(".")[0] in GIVEN | sys.stdlib_module_names, (path.name, name)


def test_slicers_own_test_of_the_module_passes(client):
    from oracle import SUITE, VARIABLES
    from SegmentAnythingLib import environment

    environment.store(str(SUITE))
    kept = SegmentAnything.SegmentAnythingLogic.__init__

    def with_checkout(self):
        kept(self)
        self.serverVariables = VARIABLES

    SegmentAnything.SegmentAnythingLogic.__init__ = with_checkout
    try:
        test = SegmentAnything.SegmentAnythingTest()
        test.runTest()
    finally:
        SegmentAnything.SegmentAnythingLogic.__init__ = kept
        environment.store("")
    assert test.displayed.startswith("Test passed")
