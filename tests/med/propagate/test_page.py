"""What docs/propagation.md says of the code: its functions and its constants."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("sam_med/propagate", "sam_med/corrections")
FILES = {path.stem: path for folder in FOLDERS for path in (ROOT / folder).glob("[a-z]*.py")}
PAGE = (ROOT / "docs/propagation.md").read_text(encoding="utf-8")
CONSTANT = re.compile(r"^\| `(\w+)\.([A-Z_]+)` \| (.+?) \|", re.MULTILINE)


def module(name):
    return importlib.import_module(f"sam_med.{FILES[name].parent.name}.{name}")


@pytest.mark.parametrize(("file", "name", "value"), CONSTANT.findall(PAGE))
def test_a_constant_of_the_page_has_its_value(file, name, value):
    assert getattr(module(file), name) == ast.literal_eval(value)


def test_every_number_that_decides_is_on_the_page():
    listed = {(file, name) for file, name, _ in CONSTANT.findall(PAGE)}
    assert len(listed) > 30
    for path in FILES.values():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if isinstance(getattr(module(path.stem), name), int | float | tuple):
                    assert (path.stem, name) in listed | {("confidence", "REVIEW_AXIS")}


def test_every_function_that_the_page_names_is_there():
    named = [(f, n) for f, n in re.findall(r"`(\w+)\.(\w+)`", PAGE) if f in FILES and n != "py"]
    assert len(named) > 40
    for file, name in named:
        assert hasattr(module(file), name), f"{file}.{name}"
