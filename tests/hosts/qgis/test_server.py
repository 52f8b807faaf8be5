"""The server behind the window: answers without blocking, its end, its folders, its absence."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from qgis.core import QgsRasterLayer
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtTest import QTest

TREE = (214, 78)


def test_the_window_stays_alive_while_an_answer_is_waited_for(desk):
    """The server is stopped in the middle: only its answer can be late then."""
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(desk.session._requests._waiting))
    timer.start(5)
    pid = desk.plugin.server.about["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        desk.click(*TREE, wait=False)
        desk.click(224, 84, wait=False)
        desk.qtbot.waitUntil(lambda: len(ticks) > 40, timeout=60_000)
        assert set(ticks[-20:]) == {2}
        assert desk.dock.progress.maximum() == 0
        assert desk.outline.points == ()
    finally:
        os.kill(pid, signal.SIGCONT)
    desk.answered()
    # in the order of the clicks
    assert len(desk.outline.points) == 2
    assert desk.dock.progress.maximum() == 1


def test_a_server_that_dies_is_told_and_replaced_with_the_prompts_in_place(desk):
    desk.click(*TREE)
    before = desk.outline.geometry.asWkt(3)
    pid = desk.plugin.server.about["pid"]
    os.kill(pid, signal.SIGKILL)
    desk.click(224, 84)
    desk.answered()
    assert "ended unexpectedly" in desk.status
    assert desk.plugin.server.about["pid"] != pid
    assert desk.outline.geometry.asWkt(3) == before
    desk.click(224, 84)
    assert len(desk.outline.points) == 2
    assert desk.outline.can_undo
    desk.dock.show()
    desk.dock.tabs.setCurrentIndex(1)
    desk.dock.show_log()
    assert "ended unexpectedly" in desk.dock.log.toPlainText()
    assert f"process {desk.plugin.server.about['pid']}" in desk.dock.log.toPlainText()
    desk.picture("server_tab")
    desk.dock.tabs.setCurrentIndex(0)


def test_a_session_that_the_server_has_forgotten_comes_back(desk):
    desk.click(*TREE)
    before = desk.outline.geometry.asWkt(3)
    desk.session.opened.remote.close()
    desk.click(224, 84)
    desk.answered()
    assert "after an hour without a click" in desk.status
    assert desk.outline.geometry.asWkt(3) == before


def test_the_end_button_ends_the_process_and_the_next_click_starts_another(desk):
    pid = desk.plugin.server.about["pid"]
    desk.dock.restart.emit()
    desk.answered()
    assert not Path(f"/proc/{pid}").exists()
    assert "ended" in desk.status
    desk.click(*TREE)
    assert desk.outline.status == "ok"


def test_without_an_environment_the_panel_says_what_to_install(desk, monkeypatch, tmp_path):
    from sam_geomed import environment
    from sam_geomed.server import Server

    server = Server(lambda: environment.find_command("", variables={}, home=tmp_path))
    monkeypatch.setattr(desk.session, "_server", server)
    desk.session.choose("mobile_sam")
    desk.click(*TREE)
    assert 'pip install "sam-geomed[geo,cpu,hf,server]"' in desk.status
    desk.picture("no_environment")


def test_an_environment_is_found_by_choice_then_path_then_habit(tmp_path, loaded):
    from sam_geomed.environment import EnvironmentMissingError, find_command

    def program(*parts):
        path = tmp_path.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    habit = program("home", ".venvs", "sam-geomed", "bin", "sam-common")
    home = tmp_path / "home"
    assert find_command("", variables={}, home=home) == [str(habit), "serve"]
    on_path = program("path", "sam-common")
    variables = {"PATH": str(on_path.parent)}
    assert find_command("", variables=variables, home=home) == [str(on_path), "serve"]
    chosen = program("chosen", "bin", "sam-common")
    folder = str(tmp_path / "chosen")
    assert find_command(folder, variables=variables, home=home) == [str(chosen), "serve"]
    python = program("chosen", "bin", "python3")
    assert find_command(str(python)) == [str(python), "-m", "sam_common.cli", "serve"]
    with pytest.raises(EnvironmentMissingError, match="No suite at /nowhere"):
        find_command("/nowhere", variables=variables, home=home)


def test_an_environment_that_cannot_run_the_server_is_told_with_its_last_words(
    desk, monkeypatch, tmp_path
):
    from sam_geomed.server import Server

    broken = tmp_path / "sam-common"
    broken.write_text("#!/bin/sh\necho 'No module named fastapi' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(desk.session, "_server", Server(lambda: [str(broken), "serve"]))
    desk.session.choose("mobile_sam")
    desk.click(*TREE)
    assert "No module named fastapi" in desk.status


def test_a_layer_in_another_folder_gets_a_server_that_may_read_it(desk, suite, tmp_path):
    from sam_geomed.server import Server

    server = Server(lambda: [str(suite.program), "serve"])
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    with server.lease([one]) as first, server.lease([two]) as second:
        assert first.client is not second.client
        # the first goes on as long as somebody uses it
        assert first.is_alive
        assert second.is_alive
        with server.lease([one, two / "below"]) as third:
            assert third.client is second.client
    assert not first.client.is_running
    assert second.client.is_running
    server.stop()
    assert not second.client.is_running


def test_choosing_another_layer_begins_anew(desk, data):
    desk.click(*TREE)
    other = QgsRasterLayer(str(data / "geo" / "naip_wetlands" / "naip_2010.tif"), "naip")
    from qgis.core import QgsProject

    QgsProject.instance().addMapLayer(other)
    desk.dock.raster_box.setLayer(other)
    desk.answered()
    assert desk.outline.points == ()
    assert desk.session.opened.remote.source["name"] == "naip_2010.tif"


def test_an_answer_about_a_layer_that_is_no_longer_chosen_is_not_shown(desk, data):
    from qgis.core import QgsProject

    other = QgsRasterLayer(str(data / "geo" / "naip_wetlands" / "naip_2010.tif"), "naip")
    QgsProject.instance().addMapLayer(other)
    shown = []
    desk.session.changed.connect(lambda outline: shown.append(len(outline.points)))
    desk.click(*TREE, wait=False)
    desk.dock.raster_box.setLayer(other)
    desk.answered()
    assert set(shown) == {0}
    assert desk.window.preview.geometry.isEmpty()


def test_keys_of_a_window_without_a_session_do_no_harm(desk):
    desk.session.choose("mobile_sam")
    desk.answered()
    for key in (Qt.Key.Key_Z, Qt.Key.Key_Escape, Qt.Key.Key_Delete, Qt.Key.Key_A):
        QTest.keyClick(desk.canvas, key)
    desk.answered()
    assert desk.outline.points == ()
