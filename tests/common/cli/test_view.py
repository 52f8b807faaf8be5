from __future__ import annotations

import sys

import pytest

from sam_common.cli.view import show_page
from sam_common.errors import InputError
from sam_common.server import viewer


def test_the_page_is_opened_unless_only_its_address_is_wanted(monkeypatch):
    asked = []
    monkeypatch.setattr(viewer, "view", lambda request, **how: asked.append((request, how)))
    show_page({"kind": "raster"}, port=0, no_open=False)
    show_page({"kind": "raster"}, port=7, no_open=True)
    assert [how for _, how in asked] == [
        {"port": 0, "is_opened": True},
        {"port": 7, "is_opened": False},
    ]


def test_a_server_that_is_not_installed_says_how_to(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in [name for name in sys.modules if name.startswith("sam_common.server.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(
        InputError, match=r"needs the package uvicorn: pip install 'sam-geomed\[ser"
    ):
        show_page({"kind": "raster"}, port=0, no_open=True)
