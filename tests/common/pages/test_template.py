"""Templates: what is filled in is text, and what all pages share is found."""

from __future__ import annotations

import jinja2
import pytest
from pages import Page

from sam_common.pages.template import page_template

NASTY = "<script>alert(1)</script>&\"'\u202e"


def test_whatever_is_filled_in_is_text():
    tree = page_template("sam_common.pages", "tree.html", {}).module.tree
    html = str(tree({NASTY: [NASTY, {"deep": None}], "empty": {}, "number": 0.5}))
    page = Page(f"<body>{html}</body>")
    assert page.find("script") == []
    assert page.text.count(NASTY) == 2
    assert [each["text"] for each in page.find("dt")] == [NASTY, "deep", "empty", "number"]


def test_what_a_page_needs_cannot_be_left_out():
    template = page_template("sam_common.demo", "page.html", {"seconds": str})
    with pytest.raises(jinja2.UndefinedError, match="is undefined"):
        template.render()


def test_pages_of_other_packages_share_the_style():
    shared = page_template("sam_common.pages", "base.css", {}).render()
    assert "prefers-color-scheme: dark" in shared
    # the same file is found by a page elsewhere
    assert page_template("sam_common.demo", "base.css", {}).render() == shared
