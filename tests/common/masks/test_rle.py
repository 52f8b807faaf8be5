from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_api

from sam_common.errors import InputError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.rle import RLE, decode, decode_region, encode
from sam_common.window import Window

# pycocotools was built before NumPy 2
old_decoder = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
images = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


@st.composite
def placed(draw):
    """A region and the size of the image that it lies in."""
    mask = draw(images)
    before = draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
    after = draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
    window = Window.full(mask.shape).shift(before)
    size = (window.stop[0] + after[0], window.stop[1] + after[1])
    return MaskRegion(window, mask), size


def whole(image):
    return MaskRegion(Window.full(image.shape), image)


def painted(region, size_hw):
    image = np.zeros(size_hw, dtype=np.bool_)
    image[region.window.slices] = region.mask
    return image


def published(image):
    encoded = coco_api.encode(np.asfortranarray(image, dtype=np.uint8))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def test_the_drawing_of_the_module():
    image = np.array([[0, 1, 1], [0, 1, 0]], dtype=np.bool_)
    rle = encode(whole(image), (2, 3))
    assert rle.counts.tolist() == [2, 3, 1]
    assert rle.size_hw == (2, 3)
    assert rle.area_px == 3
    assert rle.box_xyxy == (1, 0, 2, 1)


@given(placed())
def test_encode_and_decode_are_inverse(case):
    region, size = case
    image = decode(encode(region, size))
    assert image.dtype == np.bool_
    np.testing.assert_array_equal(image, painted(region, size))


@given(placed())
def test_the_string_is_the_one_of_pycocotools(case):
    region, size = case
    assert encode(region, size).to_coco() == published(painted(region, size))


@given(images)
def test_strings_of_pycocotools_are_read(image):
    encoded = coco_api.encode(np.asfortranarray(image, dtype=np.uint8))
    for counts in (encoded["counts"], encoded["counts"].decode()):
        rle = RLE.from_coco({"size": encoded["size"], "counts": counts})
        np.testing.assert_array_equal(decode(rle), image)


@old_decoder
@given(placed())
def test_pycocotools_reads_our_strings(case):
    region, size = case
    coco = encode(region, size).to_coco()
    np.testing.assert_array_equal(coco_api.decode(coco), painted(region, size))


@given(st.lists(st.integers(0, 2**31), min_size=1, max_size=9).filter(sum))
def test_runs_of_any_length_survive_the_string(counts):
    rle = RLE((sum(counts), 1), counts)
    back = RLE.from_coco(rle.to_coco())
    assert back.counts.tolist() == rle.counts.tolist()
    assert back.size_hw == rle.size_hw


@old_decoder
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=40).filter(sum))
def test_uncompressed_counts_mean_what_they_mean_to_pycocotools(counts):
    size = [1, sum(counts)]
    theirs = coco_api.decode(coco_api.frPyObjects({"size": size, "counts": counts}, *size))
    np.testing.assert_array_equal(decode(RLE.from_coco({"size": size, "counts": counts})), theirs)


@given(placed())
def test_decode_region_is_tight_and_equal(case):
    region, size = case
    image = painted(region, size)
    back = decode_region(encode(region, size))
    if not image.any():
        assert back is None
        return
    rows, cols = np.nonzero(image)
    assert back.window == Window((rows.min(), cols.min()), (rows.max() + 1, cols.max() + 1))
    np.testing.assert_array_equal(painted(back, size), image)


@given(placed())
def test_area_and_box_without_decoding(case):
    region, size = case
    rle = encode(region, size)
    assert rle.area_px == region.area_px
    assert rle.box_xyxy == (region.box_xyxy if region.mask.any() else None)
    assert rle.area_px == coco_api.area(rle.to_coco())


def test_no_region_is_the_empty_mask():
    rle = encode(None, (4, 5))
    assert rle.counts.tolist() == [20]
    assert rle.area_px == 0
    assert rle.window is None
    assert rle.box_xyxy is None
    assert decode_region(rle) is None
    assert not decode(rle).any()


def test_equal_masks_have_equal_counts():
    # 0 and inner zeros: object, background, object in one column of six
    assert RLE((6, 1), [0, 2, 0, 1, 1, 0, 0, 2]).counts.tolist() == [0, 3, 1, 2]
    assert RLE((6, 1), [6, 0]).counts.tolist() == [6]
    assert RLE((6, 1), [0, 0, 6]).counts.tolist() == [6]


def test_counts_are_frozen_and_apart_from_what_was_given():
    given_counts = np.array([2, 2])
    rle = RLE((2, 2), given_counts)
    given_counts[0] = 0
    assert rle.counts.tolist() == [2, 2]
    with pytest.raises(ValueError, match="read-only"):
        rle.counts[0] = 1


def test_memory_grows_with_the_region_not_with_the_image():
    size = (40_000, 50_000)  # two thousand million pixels
    rows, cols = np.ogrid[:400, :300]
    disc = (rows - 200) ** 2 + (cols - 150) ** 2 < 140**2
    region = MaskRegion(Window((30_000, 40_000), (30_400, 40_300)), disc)
    tracemalloc.start()
    rle = encode(region, size)
    back = decode_region(RLE.from_coco(rle.to_coco()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * disc.size
    assert rle.area_px == disc.sum()
    assert back.box_xyxy == region.box_xyxy
    np.testing.assert_array_equal(back.mask, disc[np.ix_(disc.any(axis=1), disc.any(axis=0))])


@pytest.mark.parametrize(
    ("size", "counts", "message"),
    [
        ((3, 3), [4, 4], "counts must sum to 3 x 3 = 9 pixels, got 8"),
        ((3, 3), [10], "counts must sum to 3 x 3 = 9 pixels, got 10"),
        ((3, 3), [10, -1], "counts must not be negative, got -1"),
        ((3, 3), [], "counts must be a list of integers, got float64 of shape (0,)"),
        ((3, 3), [[4, 5]], "counts must be a list of integers, got int64 of shape (1, 2)"),
        ((3, 3), [4.0, 5.0], "counts must be a list of integers, got float64 of shape (2,)"),
        ((0, 3), [0], "size must be positive, got 0 x 3"),
    ],
)
def test_impossible_counts(size, counts, message):
    with pytest.raises(InputError) as caught:
        RLE(size, counts)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("coco", "message"),
    [
        ({"size": [3, 3], "counts": "53"}, "counts must sum to 3 x 3 = 9 pixels, got 8"),
        ({"size": [3, 3], "counts": b"5 4"}, "compressed counts hold a foreign character: ' '"),
        ({"size": [3, 3], "counts": "5é"}, "compressed counts hold a foreign character: 'Ã'"),
        ({"size": [3, 3], "counts": "5T"}, "compressed counts end within a number: b'5T'"),
        ({"size": [3, 3], "counts": ""}, "compressed counts end within a number: b''"),
        (
            {"size": [3, 3], "counts": "P" * 12 + "0"},
            "compressed counts hold a number of 13 characters",
        ),
        (
            {"size": [3, 3]},
            """a COCO mask is {"size": [height, width], "counts": ...}, got {'size': [3, 3]}""",
        ),
        (
            ("size", "counts"),
            """a COCO mask is {"size": [height, width], "counts": ...}, got ('size', 'counts')""",
        ),
    ],
)
def test_malformed_coco_masks(coco, message):
    with pytest.raises(InputError) as caught:
        RLE.from_coco(coco)
    assert str(caught.value) == message


def test_a_region_outside_the_image_is_refused():
    region = MaskRegion(Window((1, 1), (3, 4)), np.ones((2, 3), dtype=np.bool_))
    with pytest.raises(InputError) as caught:
        encode(region, (3, 3))
    assert str(caught.value) == "the region (1, 1) to (3, 4) reaches out of the image of 3 x 3"
