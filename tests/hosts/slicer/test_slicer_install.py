"""The button that installs the suite, over the real venv and pip, from stand-ins of packages."""

from __future__ import annotations

import os

import pytest
import qt
from SegmentAnything import POLL_MS, SegmentAnythingWidget
from SegmentAnythingLib import environment, installing
from SegmentAnythingLib.suite_installation import environment as rooms
from stand_in_wheels import configured, suite_wheel


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Stand-ins for the module's wheel and for what it needs, and no index."""
    configured(tmp_path, monkeypatch, rooms)
    monkeypatch.setattr(installing, "WHEELS", tmp_path / "module")
    monkeypatch.setattr(installing, "EXTRAS", ("geo",))
    return suite_wheel(tmp_path / "module")


@pytest.fixture
def section():
    window = qt.QWidget()
    qt.QVBoxLayout(window)
    widget = SegmentAnythingWidget(window)
    widget.setup()
    yield widget.panel.installing
    widget.cleanup()
    environment.own_environment().remove()
    assert window is not None


def ended(section):
    """Let Qt run until the work has ended; how often it ran meanwhile."""
    ticks = []
    loop, check = qt.QEventLoop(), qt.QTimer()
    check.interval = POLL_MS // 2
    check.timeout.connect(lambda: ticks.append(1) if section.work else loop.quit())
    check.start()
    loop.exec()
    check.stop()
    return len(ticks)


def test_the_suite_is_installed_used_repaired_and_removed(section, packages, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(environment.SetupError, match="press 'Install the suite'"):
        environment.find_command("")
    assert section.state.text == "not installed"
    assert section.remove.enabled is False
    section.install.click()
    assert section.install.enabled is False
    assert section.cancel.enabled is True
    # the window lived on
    assert ended(section) > 10
    assert section.step.text == "Done."
    assert section.state.text == "sam-geomed 0.1.0"
    assert "Successfully installed" in section.log.plainText
    own = str(environment.own_environment().program("sam-common"))
    assert environment.find_command("") == [own, "serve"]
    if folder := os.environ.get("SAM_SCREENSHOTS"):
        section.about.parentWidget().resize(420, 760)
        assert section.about.parentWidget().grab().save(f"{folder}/slicer_installed.png")
    section.repair.click()
    ended(section)
    assert section.step.text == "Done."
    section.remove.click()
    ended(section)
    assert section.state.text == "not installed"


def test_it_can_be_cancelled_and_a_failure_is_told(section, packages):
    section.install.click()
    section.cancel.click()
    ended(section)
    assert section.step.text == "Cancelled."
    suite_wheel(packages.parent, needs="no-such-package")
    section.install.click()
    ended(section)
    assert "No matching distribution found for no-such-package" in section.step.text
    section.bundle.text = str(packages)
    section.install.click()
    ended(section)
    assert "is no bundle" in section.step.text
    assert not environment.own_environment().folder.exists()
