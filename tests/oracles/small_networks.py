"""Networks with the smallest image encoder and the real decoder, and engines that run them."""

from __future__ import annotations

import numpy as np
import torch

from sam_common.engines.openvino_engine import OpenVINOEngine
from sam_common.network.architecture import SAM_PREPROCESS
from sam_common.network.layers import exact
from sam_common.network.lazy_network import as_lazy
from sam_common.network.sam import Sam
from tests.oracles.random_weights import randomise


class Brightness(torch.nn.Module):
    """As small as an encoder can be: the mean colour everywhere."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.mean(dim=(1, 2, 3)).reshape(-1, 1, 1, 1).expand(-1, 256, 64, 64) * 1.0


class ExactBrightness(Brightness):
    @exact
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return Brightness.forward(self, pixels)


def small_network(seed):
    """Converts in a second or two; prompt encoder and mask decoder are the real ones."""
    return randomise(Sam(Brightness(), SAM_PREPROCESS), seed, deviation=0.1).prepare_inference()


def engine_of(network, precision="fp32", sha256="a" * 64):
    return OpenVINOEngine(as_lazy(network, sha256), precision)


def run(engine):
    random = np.random.default_rng(5)
    features = random.normal(size=(1, 256, 64, 64)).astype(np.float32)
    points = random.uniform(0, 1024, (3, 4, 2)).astype(np.float32)
    labels = np.tile([1, 0, 2, 3], (3, 1))
    return engine.decode(features, points, labels, None, multimask=False)


def models(cache):
    return {path: path.stat().st_mtime_ns for path in sorted(cache.glob("*/*.xml"))}
