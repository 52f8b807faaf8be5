from __future__ import annotations

import pytest

import sam_med


def test_every_public_name_can_be_had():
    assert dir(sam_med) == sorted(sam_med.__all__)
    for _ in range(2):  # the second time past the submodules of the first
        for name in sam_med.__all__:
            assert getattr(sam_med, name).__name__ == name
    with pytest.raises(AttributeError, match=r"^module 'sam_med' has no attribute 'nothing'$"):
        _ = sam_med.nothing
