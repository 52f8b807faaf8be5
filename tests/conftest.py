"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def data_root() -> Path:
    """The folder of real test data; a test that needs it fails where it is missing."""
    named = os.environ.get("SAM_TEST_DATA")
    root = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not (root / "MANIFEST.md").is_file():
        pytest.fail(f"no test data in {root}: set SAM_TEST_DATA to the folder of MANIFEST.md")
    return root


@pytest.fixture(scope="session")
def data() -> Path:
    return data_root()
