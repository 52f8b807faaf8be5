"""The names that `import sam_geo` offers."""

from __future__ import annotations

import pytest

import sam_geo


def test_lazy_names():
    assert set(dir(sam_geo)) == set(sam_geo.__all__)
    assert all(getattr(sam_geo, name).__name__ == name for name in sam_geo.__all__)
    with pytest.raises(AttributeError, match="module 'sam_geo' has no attribute 'segmnt'"):
        _ = sam_geo.segmnt
