"""A cache of a test's own, and a count of what is converted."""

from __future__ import annotations

import pytest

from sam_common.engines import openvino_convert


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


@pytest.fixture
def converted(monkeypatch):
    """Counts conversions."""
    parts = []
    convert = openvino_convert._convert

    def counting(module, *args):
        parts.append(type(module).__name__)
        return convert(module, *args)

    monkeypatch.setattr(openvino_convert, "_convert", counting)
    return parts
