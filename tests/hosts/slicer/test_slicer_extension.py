"""The extension as the Extensions Index builds it: CMake over the checkout, with Slicer's macros.

Slicer's build system is not here: a stand-in of its macros writes down what it was given, and fails
where a file is missing, as Slicer's do.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from oracle import ROOT

CMAKE = Path(sys.executable).with_name("cmake")
CONFIG = """
set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/use.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/generate.cmake")
set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/cpack.cmake")
"""
USE = """
include(CMakeParseArguments)
macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(GIVEN "WITH_GENERIC_TESTS" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(GIVEN_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown: ${GIVEN_UNPARSED_ARGUMENTS}")
  endif()
  foreach(file ${GIVEN_SCRIPTS} ${GIVEN_RESOURCES})
    if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
      message(FATAL_ERROR "missing: ${file}")
    endif()
    file(APPEND "${CMAKE_BINARY_DIR}/given.txt" "${CMAKE_CURRENT_SOURCE_DIR}/${file}\n")
  endforeach()
endmacro()
"""
CPACK = """
foreach(name HOMEPAGE CATEGORY CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS DEPENDS)
  if("${EXTENSION_${name}}" STREQUAL "")
    message(FATAL_ERROR "the Extensions Manager shows EXTENSION_${name}")
  endif()
  file(APPEND "${CMAKE_BINARY_DIR}/about.txt" "${name}=${EXTENSION_${name}}\n")
endforeach()
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a build, and what CMake said."""
    folder = tmp_path_factory.mktemp("extension")
    slicer = folder / "slicer"
    slicer.mkdir()
    for name, text in {
        "SlicerConfig.cmake": CONFIG, "use.cmake": USE, "generate.cmake": "", "cpack.cmake": CPACK
    }.items():  # fmt: skip
        (slicer / name).write_text(text)
    done = subprocess.run(
        [
            CMAKE, "-S", ROOT, "-B", folder / "build", "-G", "Unix Makefiles",
            f"-DSlicer_DIR={slicer}", f"-DSUITE_PYTHON={os.environ['SAM_SUITE_PYTHON']}",
            "-DEXTENSION_HOMEPAGE=https://example.org/suite",
            "-DEXTENSION_FILES=https://example.org/suite/raw",
        ],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "build"


def test_all_files_of_the_module_are_built_and_nothing_is_written_into_the_checkout(built):
    given = [Path(line) for line in (built / "given.txt").read_text().splitlines()]
    module = built / "SegmentAnything"
    kinds = {".py", ".json", ".whl", ".png"}
    there = [path for path in module.rglob("*") if path.suffix in kinds]
    assert sorted(given) == sorted(there)
    names = {path.name for path in given}
    assert {
        "SegmentAnything.py",
        "suite_client.py",
        "SegmentAnything.png",
        "pip_client.py",
    } <= names
    assert len([name for name in names if name.endswith(".whl")]) == 1
    assert not (
        ROOT / "sam_med/slicer_module/SegmentAnything/SegmentAnythingLib/suite_wheel"
    ).exists()


def test_what_the_extensions_manager_shows(built):
    about = dict(line.split("=", 1) for line in (built / "about.txt").read_text().splitlines())
    assert about["CATEGORY"] == "Segmentation"
    assert about["DEPENDS"] == "NA"
    for name in ("ICONURL", "SCREENSHOTURLS"):
        assert about[name].startswith("https://example.org/suite/raw/")
        assert (ROOT / about[name].removeprefix("https://example.org/suite/raw/")).is_file()
