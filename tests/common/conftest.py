"""A small network with seeded weights, on either engine, for tests of what surrounds a network."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from small_networks import patch_network

from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.predictor import segmenter_of

RANDOM_SHA256 = "5eed" * 16


def smooth_image(size_hw, seed=0):
    """(H, W, 3) uint8 colours that change slowly."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="session")
def network():
    return patch_network(7)


@pytest.fixture(scope="session")
def openvino_cache(tmp_path_factory):
    """A cache of the tests' own; conversion takes seconds, so that the session shares it."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def make_segmenter(network, openvino_cache):
    def make(engine="torch", name="random", sha256=RANDOM_SHA256, of=network, **trained):
        kinds = {"points": True, "boxes": True, "masks": True, "multimask": True, **trained}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SAM_GEOMED_CACHE", str(openvino_cache))
            return segmenter_of(
                of,
                name=name,
                sha256=sha256,
                capabilities=Capabilities(**kinds),
                placement=("cpu", engine, "fp32"),
            )

    return make


@pytest.fixture(scope="session")
def segmenter(make_segmenter):
    return make_segmenter("torch")


@pytest.fixture(scope="session")
def openvino_segmenter(make_segmenter):
    return make_segmenter("openvino")


@pytest.fixture(scope="session")
def image():
    return smooth_image((90, 160))


@pytest.fixture(scope="session")
def embedding(segmenter, image):
    return segmenter.embed(image)
