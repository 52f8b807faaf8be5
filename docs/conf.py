"""Sphinx: `python -m sphinx -n -W docs docs/_build/html`, or `make docs`."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import shutil
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from sphinx.application import Sphinx

HERE = Path(__file__).parent

project = "sam-geomed"
author = "sam-geomed maintainers"
project_copyright = author
release = version_of("sam-geomed")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "jupyter_execute"]
html_theme = "furo"
html_title = f"sam-geomed {release}"

# The notebooks live at the top of the project, where a reader of the code looks for them; Sphinx
# reads nothing outside its own folder.
shutil.rmtree(HERE / "notebooks", ignore_errors=True)
shutil.copytree(HERE.parent / "notebooks", HERE / "notebooks", ignore=shutil.ignore_patterns(".*"))

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# "off": `make notebooks` executes them, with their own time limit. SAM_DOCS_EXECUTE=auto shows
# their pictures in the pages too.
nb_execution_mode = os.environ.get("SAM_DOCS_EXECUTE", "off")
nb_execution_timeout = 900
nb_execution_raise_on_error = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Law", "Laws"), ("Laws", "notes_style")]

# The examples of the pages. Those inside docstrings run in pytest, in the names of their module.
doctest_test_doctest_blocks = ""
doctest_global_setup = """
import numpy as np
from sam_common.frame import Frame
from sam_common.prompts import Prompts
from sam_common.window import Window
"""

# No intersphinx: the pages must build without the internet, so names of other projects cannot be
# links. Names of this project must resolve, but for what the API leaves out on purpose.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(numpy|torch|distributed|geopandas|pandas|shapely|pyproj|rasterio|affine|pydicom|typer)(\..*)?",
    ),
    ("py:.*", r"(collections|contextlib|os|pathlib|re|types|typing)(\..*)?"),
    # numpy's own spelling of what is inside its array types
    ("py:.*", r"(dtype|np\.bool|np\.\w+|npt\.\w+|~?_?(ScalarT|DType)\w*)"),
    # aliases for annotations
    ("py:.*", r"Predictions|PromptsLike|sam_geo\.raster\.source\.T|(dict|tuple)\[int"),
    # attributes of promised classes whose types are no promise
    ("py:.*", r"sam_geo\.raster\.(access|header|mosaic|pixels|read_window)\..*"),
    ("py:.*", r"sam_geo\.prompted\.one_class\.Choice"),
    ("py:.*", r"sam_med\.(headers|propagate)\..*|sam_med\.slices\.embedded_slices\.(Plane|Store)"),
    ("py:.*", r"sam_common\.segmenter\.tracking\.LoadedTracker"),
    ("py:.*", r"sam_common\.(network|engines|published)\..*"),
    ("py:.*", r"Executor|sam_common\.executors\.executor\..*"),
    ("py:.*", r"sam_common\.tiled_job\.storage\.Storage"),
    ("py:.*", r"sam_common\.segmenter\.predictor\.Recipe"),
    ("py:.*", r"sam_common\.segmenter\.fake\.ExactMasks"),
    ("py:.*", r"sam_common\.notebook\..*|Opened"),
]


def give_type_names(module: ModuleType) -> None:
    """Bring into a module what it imports, or names, for type checkers only.

    Annotations can be resolved then, and every type becomes a link to the right class.
    """
    tree = ast.parse(inspect.getsource(module))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    for node in (item for block in blocks for item in ast.walk(block)):
        if isinstance(node, ast.ImportFrom) and node.module:
            home = importlib.import_module(node.module)
            if not all(hasattr(home, alias.name) for alias in node.names):
                give_type_names(home)  # an alias that only type checkers see there too
            names = {alias.asname or alias.name: getattr(home, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            names = {
                alias.asname or alias.name: importlib.import_module(alias.name)
                for alias in node.names
            }
        elif isinstance(node, ast.Assign):
            exec(ast.unparse(node), vars(module))  # noqa: S102 - the project's own aliases
            continue
        else:
            continue
        vars(module).update(names)


def documented_modules() -> set[str]:
    """Every module that the API names, or in which a name of the API or a base of it is written."""
    text = "".join(page.read_text() for page in sorted((HERE / "api").glob("*.md")))
    modules = set(re.findall(r"automodule:: (\S+)", text))
    for package, name in re.findall(r"auto(?:class|exception|function):: (\S+)\.(\w+)", text):
        found = getattr(importlib.import_module(package), name)
        written = {each.__module__ for each in getattr(found, "__mro__", (found,))}
        modules |= {module for module in written if module.startswith("sam_")}
    return modules


def inherit_type_names() -> None:
    """Bring the names of base classes' modules into the modules of promised classes.

    The fields that a data class inherits are annotated with names of another module.
    """
    text = "".join(page.read_text() for page in sorted((HERE / "api").glob("*.md")))
    for package, name in re.findall(r"autoclass:: (\S+)\.(\w+)", text):
        promised = getattr(importlib.import_module(package), name)
        own = vars(importlib.import_module(promised.__module__))
        for base in promised.__mro__[1:-1]:
            for known, value in vars(importlib.import_module(base.__module__)).items():
                own.setdefault(known, value)


for documented in documented_modules():
    give_type_names(importlib.import_module(documented))
inherit_type_names()


def fences_to_literal_blocks(
    _app: object, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Drawings in docstrings stand between ``` fences; reST knows literal blocks only."""
    out: list[str] = []
    inside = False
    for line in lines:
        if re.fullmatch(r"\s*```\w*", line):
            inside = not inside
            out += ["", "::", ""] if inside else [""]
        else:
            out.append(f"    {line}" if inside else line)
    lines[:] = out


PLAIN = {"attribute", "data", "property", "type"}
as_written: dict[str, list[str]] = {}


def keep_plain(
    _app: object, what: str, name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Remember the docstring of an attribute before napoleon sees it."""
    if what in PLAIN:
        as_written[name] = list(lines)


def restore_plain(
    _app: object, what: str, name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Napoleon takes "Size: of the image" for a type and its description; here it is a sentence."""
    if what in PLAIN:
        lines[:] = as_written[name]


def setup(app: Sphinx) -> None:
    """Called by Sphinx; napoleon's own priority is 500."""
    app.connect("autodoc-process-docstring", fences_to_literal_blocks, priority=100)
    app.connect("autodoc-process-docstring", keep_plain, priority=200)
    app.connect("autodoc-process-docstring", restore_plain, priority=800)
