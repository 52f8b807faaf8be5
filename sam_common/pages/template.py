"""Templates of pages: HTML in which whatever is filled in is text, whatever characters it has."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import jinja2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SHARED = "sam_common.pages"
"""Package of what all pages share: `base.css`, `parts.html`, `told.html`, `tree.html`."""
TOLD = 5
"""Failures that are shown at once; a click shows the others."""


def page_template(
    package: str, name: str, filters: Mapping[str, Callable[..., Any]]
) -> jinja2.Template:
    """The template of a page; what is filled in is escaped, and nothing may be left out.

    Args:
        package: Package that the template lies in; it may include the files of `SHARED`.
        name: File name of the template.
        filters: Functions that write values in it, by name.
    """
    return _environment(package, tuple(sorted(filters.items()))).get_template(name)


@functools.cache
def _environment(
    package: str, filters: tuple[tuple[str, Callable[..., Any]], ...]
) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(where, ".") for where in dict.fromkeys((package, SHARED))]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= dict(filters)
    return environment
