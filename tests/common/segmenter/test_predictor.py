from __future__ import annotations

import copy
import dataclasses
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from sam_common.automatic.mask_generator import generate_masks
from sam_common.automatic.options import EverythingOptions
from sam_common.errors import CapabilityError, InputError, ModelError
from sam_common.metrics.agreement import iou
from sam_common.prompts import Prompts
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.embedding_store import EmbeddingStore
from sam_common.segmenter.predictor import segmenter_of

RANDOM_SHA256 = "5eed" * 16
BOXES = np.array(
    [
        [10, 10, 50, 60],
        [80, 20, 150, 80],
        [0, 0, 5, 5],
        [30, 0, 159, 89],
        [70, 40, 90, 50],
        [1, 2, 3, 4],
    ],
    dtype=np.float64,
)
POINTS = BOXES[:, :2] + 7.5


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def random_masks(count):
    random = np.random.default_rng(1)
    return random.normal(size=(count, 256, 256)).astype(np.float32)


def prompts_of(kind):
    """Six prompts, more than are decoded at once."""
    labels = np.tile([1, 0], (6, 1))
    both = np.stack([POINTS, BOXES[:, 2:]], axis=1)
    return {
        "boxes": Prompts.from_boxes(BOXES),
        "point": Prompts.from_points(POINTS),
        "points": Prompts.from_points(both, labels),
        "points and box": Prompts(BOXES, both, labels),
        "mask": Prompts(mask_logits=random_masks(6)),
        "box and mask": Prompts(BOXES, mask_logits=random_masks(6)),
    }[kind]


KINDS = ["boxes", "point", "points", "points and box", "mask", "box and mask"]


# --- images


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[1, 2], [3, 4]], "image must be a uint8 array, got list"),
        (None, "image must be a uint8 array, got NoneType"),
        (np.zeros((4, 4), np.float64), "image must be a uint8 array, got float64"),
        (np.zeros((4, 4), np.uint16), "image must be a uint8 array, got uint16"),
        (np.zeros((4, 4), np.bool_), "image must be a uint8 array, got bool"),
        (np.zeros((4, 4), np.complex64), "image must be a uint8 array, got complex64"),
        (np.zeros(4, np.uint8), "image must have shape (H, W, 3) or (H, W), got (4,)"),
        (np.zeros((3, 4, 4), np.uint8), "image must have shape (H, W, 3) or (H, W), got (3, 4, 4)"),
        (np.zeros((4, 4, 1), np.uint8), "image must have shape (H, W, 3) or (H, W), got (4, 4, 1)"),
        (
            np.zeros((1, 4, 4, 3), np.uint8),
            "image must have shape (H, W, 3) or (H, W), got (1, 4, 4, 3)",
        ),
        (np.zeros((0, 4, 3), np.uint8), "image must have pixels, got shape (0, 4, 3)"),
        (np.zeros((4, 0), np.uint8), "image must have pixels, got shape (4, 0)"),
    ],
)
def test_what_is_no_image(segmenter, wrong, message):
    with pytest.raises(InputError) as caught:
        segmenter.embed(wrong)
    assert str(caught.value) == message


def test_an_embedding_knows_its_image(segmenter, embedding):
    assert embedding.features.shape == (1, 256, 64, 64)
    assert isinstance(embedding.features, np.ndarray)
    assert embedding.features.dtype == np.float32
    assert embedding.image_size_hw == (90, 160)
    assert embedding.input_size_hw == (144, 256)
    assert embedding.model == segmenter.sha256


@pytest.mark.parametrize(
    ("wrong", "inner"),
    [
        (np.zeros((1, 1, 3), np.uint8), (256, 256)),
        (np.full((50, 30), 9, np.uint8), (256, 154)),
        (np.zeros((2, 3000, 3), np.uint8), (1, 256)),
    ],
    ids=["one pixel", "constant", "thin"],
)
def test_images_without_anything_to_see(segmenter, wrong, inner):
    embedding = segmenter.embed(wrong)
    assert embedding.input_size_hw == inner
    assert np.isfinite(embedding.features).all()
    masks = segmenter.decode(embedding, Prompts.from_boxes([0, 0, 0, 0]))
    assert masks.full(0).shape == wrong.shape[:2]
    assert np.isfinite(masks.logits).all()
    assert np.isfinite(masks.scores).all()


def test_grey_is_the_same_as_grey_repeated(segmenter, image):
    grey = np.ascontiguousarray(image[..., 1])
    repeated = np.repeat(grey[..., None], 3, axis=2)
    assert np.array_equal(segmenter.embed(grey).features, segmenter.embed(repeated).features)


def test_views_and_read_only_arrays_are_images(segmenter, embedding, image):
    view = np.asfortranarray(image[:, ::-1])[:, ::-1]
    view.flags.writeable = False
    same = segmenter.embed(view)
    assert_close(same.features, embedding.features)


def test_a_batch_is_the_same_as_one_by_one(segmenter, embedding, image):
    small = image[10:70, 20:60]
    batch = segmenter.embed_batch([small, image])
    assert [e.image_size_hw for e in batch] == [(60, 40), (90, 160)]
    assert [e.input_size_hw for e in batch] == [(256, 171), (144, 256)]
    assert_close(batch[1].features, embedding.features)
    assert_close(batch[0].features, segmenter.embed(small).features)
    assert segmenter.embed_batch([]) == []


def test_a_wrong_image_of_a_batch_is_refused_before_any_work(segmenter, image, monkeypatch):
    monkeypatch.setattr(type(segmenter._engine), "encode", lambda *_: pytest.fail("encoded"))
    with pytest.raises(InputError):
        segmenter.embed_batch([image, image.astype(np.float32)])


# --- prompts


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_in_one_call_equal_prompts_one_by_one(segmenter, embedding, kind):
    prompts = prompts_of(kind)
    together = segmenter.decode(embedding, prompts)
    assert together.logits.shape == (6, 1, 256, 256)
    assert together.logits.std() > 1  # or else closeness would mean nothing
    for n in range(len(prompts)):
        alone = segmenter.decode(embedding, prompts[n : n + 1])
        assert_close(alone.logits[0], together.logits[n])
        assert_close(alone.scores[0], together.scores[n])


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_prompts_is_the_order_of_masks(segmenter, embedding, kind):
    prompts, order = prompts_of(kind), np.array([4, 0, 5, 2, 1, 3])
    straight = segmenter.decode(embedding, prompts)
    shuffled = segmenter.decode(embedding, prompts[order])
    assert_close(shuffled.logits, straight.logits[order])
    apart = np.abs(straight.logits[:, None] - straight.logits[None]).max(axis=(2, 3, 4))
    assert (apart + 99 * np.eye(6)).min() > 0.01  # every prompt has a mask of its own


def test_no_prompts_give_no_masks(segmenter, embedding):
    nothing = Prompts.from_boxes(np.zeros((0, 4)))
    assert list(segmenter.decode_batches(embedding, nothing)) == []
    masks = segmenter.decode(embedding, nothing, multimask=True)
    assert len(masks) == 0
    assert masks.logits.shape == (0, 3, 256, 256)
    assert len(masks.best()) == 0


def test_batches_are_bounded_and_add_up(segmenter, embedding):
    prompts = prompts_of("boxes")
    batches = list(segmenter.decode_batches(embedding, prompts))
    assert [len(batch) for batch in batches] == [4, 2]
    whole = segmenter.decode(embedding, prompts)
    assert np.array_equal(np.concatenate([b.logits for b in batches]), whole.logits)
    assert np.array_equal(np.concatenate([b.scores for b in batches]), whole.scores)
    assert whole.image_size_hw == (90, 160)
    assert whole.input_size_hw == (144, 256)
    assert whole.model_size == segmenter.model_size == 256


def test_three_candidates(segmenter, embedding):
    masks = segmenter.decode(embedding, prompts_of("point"), multimask=True)
    assert masks.logits.shape == (6, 3, 256, 256)
    assert masks.scores.shape == (6, 3)
    assert np.abs(masks.logits[:, 0] - masks.logits[:, 1]).max() > 0.1


def test_both_engines_give_the_same_masks(segmenter, openvino_segmenter, embedding, image):
    ours = openvino_segmenter.embed(image)
    assert_close(ours.features, embedding.features)
    for kind in KINDS:
        for multimask in (False, True):
            # one kind in two batches: what a prompt gives does not depend on those beside it
            prompts = prompts_of(kind)[: 6 if kind == "boxes" else 2]
            a = segmenter.decode(embedding, prompts, multimask=multimask)
            b = openvino_segmenter.decode(embedding, prompts, multimask=multimask)
            assert_close(b.logits, a.logits)
            assert_close(b.scores, a.scores)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_threads_share_a_segmenter(engine, make_segmenter, embedding, image):
    shared = make_segmenter(engine)
    prompts = prompts_of("boxes")

    def decode(n):
        return shared.decode(embedding, prompts[n % 3 : n % 3 + 3], multimask=n % 2 == 1)

    serial = [decode(n) for n in range(6)]
    with ThreadPoolExecutor(8) as pool:
        embeds = [pool.submit(shared.embed, image) for _ in range(2)]
        decodes = [pool.submit(decode, n) for n in range(6)]
        for job in embeds:
            features = job.result().features
            assert_close(features, embedding.features)
        for job, alone in zip(decodes, serial, strict=True):
            assert_close(job.result().logits, alone.logits)


# --- tensors, as they stay on a GPU


def overlap(one, other):
    """IoU of two masks of the image."""
    full = np.zeros((2, 90, 160), dtype=np.bool_)
    for image, region in zip(full, (one, other), strict=True):
        image[region.window.slices] = region.mask
    return iou(*full)


def segmenter_on(device, network):
    """The name of a device that is not just "cpu" keeps tensors, here of the same processor."""
    trained = Capabilities(points=True, boxes=True, masks=True, multimask=True)
    placement = (device, "torch", "fp32")
    return segmenter_of(
        network, name="random", sha256=RANDOM_SHA256, capabilities=trained, placement=placement
    )


@pytest.fixture(scope="module")
def on_device(network):
    return segmenter_on("cpu:0", network)


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_give_the_masks_of_arrays(segmenter, on_device, embedding, image, kind):
    there = on_device.embed(image)
    assert isinstance(there.features, torch.Tensor)
    expected = segmenter.decode(embedding, prompts_of(kind), multimask=True).best()
    for known in (there, embedding):  # of the device, and of a file
        masks = on_device.decode(known, prompts_of(kind), multimask=True).best()
        assert isinstance(masks.logits, torch.Tensor)
        assert_close(masks.logits, expected.logits)
        assert_close(masks.scores, expected.scores)
        assert_close(masks.stability(), expected.stability())
        for n in range(len(masks)):
            region, stability = masks.region_and_stability(n)
            other, expected_stability = expected.region_and_stability(n)
            assert stability == pytest.approx(expected_stability, abs=1e-3)
            assert overlap(region, other) > 0.999
            assert_close(masks.full_logits(n), expected.full_logits(n))
        again = Prompts(mask_logits=masks.prompt_logits(0)[None])
        assert len(on_device.decode(known, again)) == 1


def test_everything_with_tensors(network, image):
    sure = copy.deepcopy(network)
    head = sure.mask_decoder.iou_prediction_head
    head.layers[-1].bias += 9  # or else no mask of random weights has a score above zero
    options = EverythingOptions(
        points_per_side=2, pred_iou_thresh=0, stability_score_thresh=0.5, crop_n_layers=1
    )
    found, expected = (
        generate_masks(segmenter_on(device, sure), image, options=options)
        for device in ("cpu:0", "cpu")
    )
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert overlap(one.region, other.region) > 0.999


def test_an_embedding_of_a_device_is_kept_as_any(on_device, embedding, image, tmp_path):
    store = EmbeddingStore(tmp_path, {})
    store.put("0", on_device.embed(image))
    found = store.get("0")
    assert isinstance(found.features, np.ndarray)
    assert_close(found.features, embedding.features)


# --- what cannot be decoded

BOXES_ONLY = {"points": False, "masks": False, "multimask": False}


@pytest.mark.parametrize(
    ("kind", "foreign"),
    [
        ("point", "points"),
        ("points and box", "points"),
        ("mask", "masks"),
        ("box and mask", "masks"),
    ],
)
def test_a_kind_of_prompt_that_was_not_trained(make_segmenter, embedding, kind, foreign):
    segmenter = make_segmenter(**BOXES_ONLY)
    for call in (segmenter.decode, segmenter.decode_batches):
        with pytest.raises(CapabilityError) as caught:
            call(embedding, prompts_of(kind))
        assert str(caught.value) == (
            f'model "random" takes boxes only, not {foreign}: '
            "use one of mobile_sam, sam_vit_b, sam_vit_l, sam_vit_h, sam2.1_hiera_tiny, "
            "sam2.1_hiera_small, sam2.1_hiera_base_plus, sam2.1_hiera_large"
        )


def test_several_kinds_that_were_not_trained(make_segmenter, embedding):
    prompts = Prompts(BOXES[:1], POINTS[:1, None], [[1]], random_masks(1))
    with pytest.raises(CapabilityError) as caught:
        make_segmenter(**BOXES_ONLY).decode(embedding, prompts)
    assert str(caught.value) == (
        'model "random" takes boxes only, not masks or points: '
        "use one of mobile_sam, sam_vit_b, sam_vit_l, sam_vit_h, sam2.1_hiera_tiny, "
        "sam2.1_hiera_small, sam2.1_hiera_base_plus, sam2.1_hiera_large"
    )


def test_candidates_that_were_not_trained(make_segmenter, embedding):
    segmenter = make_segmenter(**BOXES_ONLY)
    assert len(segmenter.decode(embedding, prompts_of("boxes"))) == 6
    with pytest.raises(CapabilityError) as caught:
        segmenter.decode_batches(embedding, prompts_of("boxes"), multimask=True)
    assert str(caught.value) == 'model "random" gives one mask a prompt, not three'


def test_the_embedding_of_another_checkpoint(segmenter, embedding):
    foreign = dataclasses.replace(embedding, model="0123456789abcdef" * 4)
    with pytest.raises(ModelError) as caught:
        segmenter.decode_batches(foreign, prompts_of("boxes"))
    assert str(caught.value) == (
        'the embedding was made by checkpoint 0123456789ab, not by "random" (5eed5eed5eed): '
        "embed the image again"
    )


def test_a_segmenter_says_what_it_is(segmenter, openvino_segmenter):
    assert (segmenter.engine, segmenter.precision, segmenter.device) == ("torch", "fp32", "cpu")
    assert openvino_segmenter.engine == "openvino"
    assert segmenter.capabilities.kinds == {"points", "boxes", "masks"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        segmenter.name = "other"


PEAK_OF_DECODING = """
import re, sys
from pathlib import Path
import numpy as np
from sam_common.network.sam import build_sam
from tests.oracles.random_weights import randomise
from tests.oracles.small_networks import patch_network
from sam_common.prompts import Prompts
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.predictor import Embedding, segmenter_of

engine, sha256, *counts = sys.argv[1:]
# TinyViT leaves the heap as a network does that is loaded: in a tidy one, batches that are kept
# would find room
segmenter = segmenter_of(
    patch_network(7)
    if engine == "openvino"
    else randomise(build_sam("tiny_vit_256"), 7, deviation=0.1).prepare_inference(),
    name="random",
    sha256=sha256,
    capabilities=Capabilities(points=True, boxes=True, masks=True, multimask=True),
    placement=("cpu", engine, "fp32"),
)
embedding = Embedding(np.zeros((1, 256, 64, 64), np.float32), (256, 256), (256, 256), sha256)
for count in map(int, counts):
    prompts = Prompts.from_boxes([[n % 100, 0, 200, 100] for n in range(count)])
    if engine == "torch":
        assert len(segmenter.decode(embedding, prompts)) == count
    else:
        batches = segmenter.decode_batches(embedding, prompts)
        assert sum(len(masks) for masks in batches) == count
    # `ru_maxrss` begins with the peak of the process that started this one
    print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def peaks_of_decoding(engine, sha256, cache, *counts):
    """Largest resident size in MiB after decoding each number of prompts."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK_OF_DECODING, engine, sha256, *map(str, counts)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SAM_GEOMED_CACHE": str(cache)},
    )
    assert done.stderr == ""
    return [int(mebibytes) for mebibytes in done.stdout.split()]


def test_memory_of_batches_does_not_grow_with_the_number_of_prompts(
    openvino_segmenter, openvino_cache
):
    sha256 = openvino_segmenter.sha256
    # 128 low-resolution masks are 32 MiB
    few, many = peaks_of_decoding("openvino", sha256, openvino_cache, 8, 136)
    assert many - few < 16


def test_masks_at_once_take_the_memory_of_their_logits(openvino_cache):
    # 32 MiB for 128 masks and what the allocator leaves between; kept batches took 420 MiB
    few, many = peaks_of_decoding("torch", "0" * 64, openvino_cache, 8, 136)
    assert many - few < 200
