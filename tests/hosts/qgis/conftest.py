"""QGIS for the tests: the plugin as its zip has it, a raster on the canvas, the suite's Python.

`make test-qgis` sets SAM_SUITE_PYTHON, the Python in which the suite is installed, and
SAM_SCREENSHOTS, a folder for pictures of the canvas and the panel.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import qgis.utils
from osgeo import gdal, ogr
from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtTest import QTest

CHECKOUT = Path(__file__).parents[3]
sys.path.append(str(CHECKOUT / "tests" / "oracles"))
PLUGIN = "sam_geomed"
ANSWER_MS = 120_000
"""The first click loads a network on a machine that may be busy."""
gdal.UseExceptions()
ogr.UseExceptions()


@pytest.fixture(scope="session")
def data() -> Path:
    return Path(os.environ["SAM_TEST_DATA"])


@pytest.fixture(scope="session")
def trees_tif(data) -> Path:
    return data / "geo" / "neon_osbs_trees" / "OSBS_029.tif"


@pytest.fixture(scope="session")
def suite(tmp_path_factory) -> SimpleNamespace:
    """How to run the suite in its own Python, and programs of it that run this checkout."""
    python = os.environ["SAM_SUITE_PYTHON"]
    folder = tmp_path_factory.mktemp("environment") / "bin"
    folder.mkdir()
    for name in ("sam-common", "sam-geo"):
        module = f"{name.replace('-', '_')}.cli"
        program = folder / name
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{CHECKOUT}" exec "{python}" -m {module} "$@"\n')
        program.chmod(0o755)
    # as a plugin must: what QGIS sets for its own Python misleads another
    foreign = ("PYTHON", "QT_", "LD_LIBRARY_PATH", "GDAL_DATA", "PROJ_LIB", "PROJ_DATA")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}

    def run(*arguments) -> str:
        return subprocess.run(
            [python, *map(str, arguments)],
            env={**clean, "PYTHONPATH": str(CHECKOUT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    return SimpleNamespace(run=run, program=folder / "sam-common", folder=folder.parent)


@pytest.fixture(scope="session")
def plugin_zip(tmp_path_factory) -> Path:
    """The plugin's zip as `make plugins` writes it, with the suite's wheel."""
    out = tmp_path_factory.mktemp("zip")
    wheel = [os.environ["SAM_SUITE_PYTHON"], "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run(
        [*wheel, "--wheel-dir", out / "wheel", CHECKOUT], check=True, capture_output=True
    )
    subprocess.run(
        [
            sys.executable,
            CHECKOUT / "sam_common" / "installation" / "plugin_zip.py",
            "--wheel",
            next((out / "wheel").iterdir()),
            "--repository=https://example.org/suite",
            "--email=suite@example.org",
            "--out",
            out,
            CHECKOUT / "sam_geo" / "qgis_plugin" / PLUGIN,
        ],
        check=True,
        capture_output=True,
    )
    return out / f"{PLUGIN}.zip"


@pytest.fixture(scope="session")
def plugins(plugin_zip, tmp_path_factory) -> Path:
    """A folder of plugins with what the zip holds, as QGIS unpacks it."""
    folder = tmp_path_factory.mktemp("plugins")
    with zipfile.ZipFile(plugin_zip) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def process(suite, plugins, tmp_path):
    """QGIS without a window, with the plugin enabled: arguments of `qgis_process` to its output."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    environment = {
        **os.environ,
        "QGIS_CUSTOM_CONFIG_PATH": str(tmp_path / "profile"),
        "QGIS_PLUGINPATH": str(plugins),
        "XDG_RUNTIME_DIR": str(runtime),
        "PATH": f"{suite.program.parent}:{os.environ['PATH']}",
    }

    def run(*arguments):
        done = subprocess.run(
            ["qgis_process.bin", *map(str, arguments)],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("plugins", "enable", PLUGIN)
    return run


@pytest.fixture(scope="session")
def loaded(plugins, suite, qgis_iface, qgis_processing) -> SimpleNamespace:
    """The plugin as QGIS's own loader has loaded and started it."""
    sys.path.insert(0, str(plugins))
    qgis.utils.plugin_paths.insert(0, str(plugins))
    qgis.utils.updateAvailablePlugins()
    qgis.utils.iface = qgis_iface
    assert qgis.utils.loadPlugin(PLUGIN)
    import sam_geomed.environment

    assert Path(sam_geomed.environment.__file__).is_relative_to(plugins)
    sam_geomed.environment.configure(str(suite.program))
    assert qgis.utils.startPlugin(PLUGIN)
    yield qgis.utils.plugins[PLUGIN]
    assert qgis.utils.unloadPlugin(PLUGIN)


@pytest.fixture
def canvas(qgis_canvas, qgis_parent, loaded):
    qgis_parent.resize(700, 560)
    qgis_canvas.resize(600, 500)
    qgis_parent.show()
    qgis_canvas.show()
    yield qgis_canvas
    qgis_canvas.setRotation(0)


@pytest.fixture
def desk(loaded, canvas, qtbot, trees_tif, tmp_path):
    """The window with the trees on the canvas and the tool active."""
    made = Desk(loaded, canvas, qtbot, tmp_path)
    made.open(trees_tif)
    yield made
    made.close()


class Desk:
    """A person at the window."""

    def __init__(self, plugin, canvas, qtbot, folder) -> None:
        self.plugin, self.window, self.canvas, self.qtbot = plugin, plugin.window, canvas, qtbot
        self.dock, self.session = plugin.window.dock, plugin.window.session
        self.folder = folder

    def open(self, path, *, crs=None, provider="gdal"):
        self.layer = QgsRasterLayer(str(path), Path(str(path)).stem, provider)
        assert self.layer.isValid()
        QgsProject.instance().addMapLayer(self.layer)
        self.dock.raster_box.setLayer(self.layer)
        self.dock.target_box.setLayer(None)
        self.look(crs or self.layer.crs())
        self.window.activate()
        self.answered()
        return self.layer

    def look(self, crs, rotation=0.0):
        """Show the whole layer."""
        from qgis.core import QgsCoordinateTransform

        QgsProject.instance().setCrs(crs)
        self.canvas.setDestinationCrs(crs)
        self.canvas.setLayers([self.layer])
        self.canvas.setRotation(rotation)
        transform = QgsCoordinateTransform(self.layer.crs(), crs, QgsProject.instance())
        self.canvas.setExtent(transform.transformBoundingBox(self.layer.extent()))
        self.drawn()

    def drawn(self):
        self.canvas.refresh()
        self.canvas.waitWhileRendering()
        self.qtbot.wait(1)

    def answered(self):
        """All answers are there."""
        self.qtbot.waitUntil(lambda: self.session._requests._waiting == 0, timeout=ANSWER_MS)

    def screen(self, col, row) -> QPoint:
        """Where a pixel of the raster is on the screen."""
        from qgis.core import QgsCoordinateTransform, QgsPointXY

        x, y = gdal.ApplyGeoTransform(self.geotransform(), col + 0.5, row + 0.5)
        settings = self.canvas.mapSettings()
        transform = QgsCoordinateTransform(
            self.layer.crs(), settings.destinationCrs(), QgsProject.instance()
        )
        at = settings.mapToPixel().transform(transform.transform(QgsPointXY(x, y)))
        return QPoint(round(at.x()), round(at.y()))

    def geotransform(self):
        return gdal.Open(self.layer.source()).GetGeoTransform()

    def click(self, col, row, *, button=Qt.MouseButton.LeftButton, modifier=None, wait=True):
        QTest.mouseClick(
            self.canvas.viewport(),
            button,
            modifier or Qt.KeyboardModifier.NoModifier,
            self.screen(col, row),
        )
        if wait:
            self.answered()

    def drag(self, start, end):
        view, left = self.canvas.viewport(), Qt.MouseButton.LeftButton
        begin, stop = self.screen(*start), self.screen(*end)
        QTest.mousePress(view, left, Qt.KeyboardModifier.NoModifier, begin)
        # QTest.mouseMove tells no buttons
        for at in (begin + (stop - begin) / 2, stop):
            QTest.mouseMove(view, at)
        QTest.mouseRelease(view, left, Qt.KeyboardModifier.NoModifier, stop)
        self.answered()

    def key(self, key, modifier=Qt.KeyboardModifier.NoModifier):
        QTest.keyClick(self.canvas, key, modifier)
        self.answered()

    def mask(self) -> np.ndarray:
        """The session's own mask on the whole raster."""
        opened = self.session.opened
        found = opened.remote.mask(opened.object_id)
        rows, cols = opened.remote.size
        whole = np.zeros((rows, cols), dtype=bool)
        (top, left), (bottom, right) = found.window
        whole[top:bottom, left:right] = found.array
        return whole

    def new_target(self, name="accepted.gpkg") -> Path:
        path = self.folder / name
        self.window.save_to(str(path))
        return path

    @property
    def status(self) -> str:
        return self.dock.status.text()

    @property
    def outline(self):
        return self.session.outline

    def picture(self, name):
        """Pictures for a person to look at."""
        if folder := os.environ.get("SAM_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.drawn()
            assert self.canvas.grab().save(f"{folder}/{name}_canvas.png")
            self.dock.resize(330, 560)
            assert self.dock.grab().save(f"{folder}/{name}_dock.png")

    def close(self):
        self.window.activate(False)
        self.session.choose(self.dock.model)
        self.answered()
        self.dock.class_box.setCurrentText("")
        QgsProject.instance().removeAllMapLayers()


def rasterised(wkb, path) -> np.ndarray:
    """A geometry on the grid of a raster, by GDAL."""
    source = gdal.Open(str(path))
    grid = gdal.GetDriverByName("MEM").Create("", source.RasterXSize, source.RasterYSize, 1)
    grid.SetGeoTransform(source.GetGeoTransform())
    grid.SetProjection(source.GetProjection())
    memory = ogr.GetDriverByName("Memory").CreateDataSource("m")
    layer = memory.CreateLayer("m", source.GetSpatialRef())
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetGeometry(ogr.CreateGeometryFromWkb(bytes(wkb)))
    layer.CreateFeature(feature)
    gdal.RasterizeLayer(grid, [1], layer, burn_values=[1])
    return grid.ReadAsArray().astype(bool)


def iou(one, other) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.fixture(name="rasterised", scope="session")
def rasterised_fixture():
    return rasterised


@pytest.fixture(name="iou", scope="session")
def iou_fixture():
    return iou


@pytest.fixture(name="desk_of")
def desk_of_fixture(loaded, canvas, qtbot, tmp_path):
    """A window with another raster."""
    made = Desk(loaded, canvas, qtbot, tmp_path)
    yield made
    made.close()
