from __future__ import annotations

import pytest
from med_program import invoke

from sam_common import __version__


def test_version():
    assert invoke("--version").stdout == f"sam-geomed {__version__}\n"


@pytest.mark.parametrize("command", [(), ("segment",), ("demo",)])
def test_help_says_that_it_is_for_research(command):
    shown = " ".join(invoke(*command, "--help").stdout.split())
    assert "For research, not a medical device." in shown
