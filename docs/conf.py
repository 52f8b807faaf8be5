"""Sphinx: `python -m sphinx -n -W docs docs/_build/html`, or `make docs`."""

from __future__ import annotations

import os
import re
import shutil
from importlib.metadata import version as version_of
from pathlib import Path

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
shutil.copytree(
    HERE.parent / "notebooks", HERE / "notebooks", ignore=shutil.ignore_patterns(".*")
)

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

# what the examples inside docstrings take for granted
doctest_global_setup = """
import numpy as np
from sam_common.frame import Frame
from sam_common.prompts import Prompts
from sam_common.window import Window
"""

# No intersphinx: the pages must build without the internet, so names of other projects cannot be
# links. Everything of this project must resolve.
nitpick_ignore_regex = [
    # of other projects and of the standard library
    (r"py:.*", r"(np|npt|numpy|torch|geopandas|shapely|pyproj|rasterio|os|collections)(\..*)?"),
    (r"py:.*", r"(Any|Literal|Callable|Iterable|Iterator|Mapping|Sequence|Path|Affine)"),
    (r"py:.*", r"(pathlib|typing|contextlib|types)\..*"),
    (r"py:.*", r"(GeoDataFrame|NDArray|ArrayLike|AbstractContextManager|Tensor|CRS|Geometry)"),
]


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


def setup(app: object) -> None:
    """Called by Sphinx."""
    # before napoleon, which would take "Args:" in a drawing for a section
    app.connect("autodoc-process-docstring", fences_to_literal_blocks, priority=100)  # type: ignore[attr-defined]
