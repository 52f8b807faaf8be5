"""Stand-in packages for pip, and a log."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from stand_in_wheels import configured

from sam_common.installation import environment
from sam_common.installation.commands import Feedback


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder of wheels that pip is configured to, and no index."""
    folder = configured(tmp_path, monkeypatch, environment)
    monkeypatch.setenv("STAND_IN_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def log():
    """What an installation tells, and a way to cancel it at a word."""
    told = SimpleNamespace(lines=[], shares=[], stop="")

    def is_cancelled():
        return bool(told.stop) and any(told.stop in line for line in told.lines)

    told.feedback = Feedback(
        say=told.lines.append,
        progress=lambda share, what: told.shares.append((share, what)),
        is_cancelled=is_cancelled,
    )
    return told
