"""The script of the page, as it stands there."""

from __future__ import annotations

import re

from conftest import CHECKOUT
from qgis.core import QgsProject


def test_the_console_script_of_the_docs_runs(desk, qgis_iface, tmp_path, capsys):
    page = (CHECKOUT / "docs" / "qgis.md").read_text()
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "trees.gpkg"
    qgis_iface.setActiveLayer(desk.layer)
    exec(script.replace("/data/trees.gpkg", str(path)), {})  # noqa: S102 (our own page)
    assert capsys.readouterr().out.count("ok") == 2
    (layer,) = QgsProject.instance().mapLayersByName("trees")
    assert [feature["class"] for feature in layer.getFeatures()] == ["tree", "tree"]
    assert path.is_file()
