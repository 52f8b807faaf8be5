"""The button that installs the suite: its dialog over the real venv and pip, from stand-ins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QTimer
from stand_in_wheels import configured, suite_wheel

MINUTES = 180_000


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Stand-ins for the plugin's wheel and for what it needs, and no index."""
    from sam_geomed import installer
    from sam_geomed.suite_installation import environment

    configured(tmp_path, monkeypatch, environment)
    monkeypatch.setattr(installer, "WHEELS", tmp_path / "plugin")
    monkeypatch.setattr(installer, "EXTRAS", ("geo",))
    return suite_wheel(tmp_path / "plugin")


@pytest.fixture
def dialog(desk, loaded):
    from sam_geomed.installer import own_environment

    desk.window.dock.install.emit()
    made = desk.window.installing
    yield made
    assert made.worker is None
    own_environment().remove()
    desk.window._look_for_suite()
    made.hide()


def ended(desk, dialog):
    desk.qtbot.waitUntil(lambda: dialog.worker is None, timeout=MINUTES)


def shot(dialog, name):
    if folder := os.environ.get("SAM_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        # what the step says may need more lines than before
        dialog.layout().activate()
        assert dialog.grab().save(f"{folder}/{name}.png")


def test_the_suite_is_installed_used_repaired_and_removed(desk, dialog, packages, monkeypatch):
    from sam_geomed import environment
    from sam_geomed.installer import own_environment

    # nothing is set, and nothing else is there
    kept = environment.configured()
    environment.configure("")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(environment, "PLACES", ())
    desk.window._look_for_suite()
    assert desk.dock.install_button.isVisibleTo(desk.dock)
    assert dialog.state.text() == "not installed"
    assert not dialog.remove_button.isEnabled()
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(dialog.worker))
    timer.start(20)
    dialog.install_button.click()
    assert not dialog.install_button.isEnabled()
    assert dialog.cancel_button.isEnabled()
    ended(desk, dialog)
    timer.stop()
    # the window lived on
    assert sum(worker is not None for worker in ticks) > 40
    shot(dialog, "installed")
    assert dialog.step.text() == "Done."
    assert dialog.state.text() == "sam-geomed 0.1.0"
    assert "Successfully installed" in dialog.log.toPlainText()
    own = str(own_environment().program("sam-common"))
    assert environment.find_command() == [own, "serve"]
    assert environment.find_program("sam-geo") == [str(own_environment().program("sam-geo"))]
    assert not desk.dock.install_button.isVisibleTo(desk.dock)

    dialog.repair_button.click()
    ended(desk, dialog)
    assert dialog.step.text() == "Done."
    dialog.remove_button.click()
    ended(desk, dialog)
    assert not own_environment().folder.exists()
    with pytest.raises(environment.EnvironmentMissingError, match="press Install the suite"):
        environment.find_command()
    assert desk.dock.install_button.isVisibleTo(desk.dock)
    environment.configure(kept)


def test_it_can_be_cancelled_and_leaves_nothing(desk, dialog, packages):
    from sam_geomed.installer import own_environment

    dialog.install_button.click()
    desk.qtbot.waitUntil(lambda: dialog.bar.value() > 0, timeout=MINUTES)
    dialog.cancel_button.click()
    ended(desk, dialog)
    assert dialog.step.text() == "Cancelled."
    assert not own_environment().folder.exists()


def test_a_failure_is_told_with_its_reason(desk, dialog, packages):
    suite_wheel(packages.parent, needs="no-such-package")
    dialog.install_button.click()
    ended(desk, dialog)
    shot(dialog, "install_failed")
    assert "No matching distribution found for no-such-package" in dialog.step.text()
    dialog.bundle.setFilePath(str(packages))
    dialog.install_button.click()
    ended(desk, dialog)
    assert "is no bundle" in dialog.step.text()


def test_a_proxy_of_qgis_is_for_pip_too(loaded):
    from sam_geomed.installer import proxy_variables

    settings = QgsSettings()
    assert proxy_variables() == {}
    values = {
        "proxyEnabled": True,
        "proxyType": "HttpProxy",
        "proxyHost": "proxy.example",
        "proxyPort": "8080",
        "proxyUser": "me@work",
        "proxyPassword": "a:b",
    }
    try:
        for name, value in values.items():
            settings.setValue(f"proxy/{name}", value)
        address = "http://me%40work:a%3Ab@proxy.example:8080"
        assert proxy_variables() == {"HTTP_PROXY": address, "HTTPS_PROXY": address}
        settings.setValue("proxy/proxyType", "Socks5Proxy")
        assert proxy_variables() == {}
    finally:
        settings.remove("proxy")
