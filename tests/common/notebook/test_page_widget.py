from __future__ import annotations

import re

from sam_common.notebook.page_widget import SCRIPT, PageWidget
from sam_common.server.page.files import POLICY


def test_what_a_front_end_gets():
    widget = PageWidget(session="s1", title="a.tif", height=300)
    state = widget.get_state()
    assert (state["session"], state["title"], state["height"]) == ("s1", "a.tif", 300)
    assert state["_esm"] == SCRIPT.read_text(encoding="utf-8")
    widget.close()


def test_the_frame_may_do_nothing_that_the_page_may_not():
    """Its files come from memory; what else it may load or send is what the page may."""
    text = re.sub(r'"\s*\+\s*"', "", SCRIPT.read_text(encoding="utf-8"))
    framed = dict(
        each.split(" ", 1) for each in re.search(r'POLICY = "(.*?)"', text)[1].split("; ")
    )
    served = dict(each.split(" ", 1) for each in POLICY.split("; "))
    assert framed.keys() == served.keys() - {"frame-ancestors"}
    for kind, sources in framed.items():
        more = {"blob:"} | ({"'unsafe-inline'"} if kind == "style-src" else set())
        assert set(sources.split()) - more <= set(served[kind].split()), kind
        assert "'self'" not in sources


def test_nothing_is_loaded_from_elsewhere():
    assert re.findall(r"https?://", SCRIPT.read_text(encoding="utf-8")) == []
