"""The catalogue of published detectors."""

from __future__ import annotations

import string

import pytest

from sam_common.detectors.catalogue import DEFAULT, detector_info, detectors
from sam_common.errors import UnknownModelError
from sam_common.published import checkpoints


def test_every_detector_says_where_it_comes_from():
    assert DEFAULT in detectors()
    for name, info in detectors().items():
        assert info.name == name
        assert info.licence
        assert info.citation
        assert info.origin == f"https://huggingface.co/{info.repository}"
        for pinned, digits in ((info.revision, 40), (info.sha256, 64)):
            assert pinned is None or (
                len(pinned) == digits and set(pinned) <= set(string.hexdigits)
            )


def test_no_name_is_that_of_a_segmenter():
    assert not set(detectors()) & set(checkpoints.registry())


def test_only_sam3_is_gated():
    assert [name for name, info in detectors().items() if info.is_gated] == ["sam3"]


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(UnknownModelError, match='did you mean "owlv2_base"'):
        detector_info("owlv2-base")
