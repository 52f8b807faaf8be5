"""Networks whose image encoder or mask decoder is as small as can be, and engines of them."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from sam_common.engines.openvino_engine import OpenVINOEngine
from sam_common.network.architecture import LITE_MEDSAM_PREPROCESS, SAM_PREPROCESS
from sam_common.network.layers import LayerNorm2d, exact
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


class Patches(torch.nn.Module):
    """(B, 3, 256, 256) to (B, 256, 64, 64), each patch by itself, with an exact part as TinyViT."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed()
        self.neck = torch.nn.Sequential(torch.nn.Conv2d(16, 256, 1), LayerNorm2d(256))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.neck(self.patch_embed(pixels))
        return features


class PatchEmbed(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = torch.nn.Conv2d(3, 16, kernel_size=4, stride=4)

    @exact
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        tokens: torch.Tensor = self.proj(pixels)
        return tokens


def patch_network(seed):
    """Features that say what is seen where, in a hundredth of the time that TinyViT takes.

    Its weights are so large that logits are about +-4 and masks depend on image and prompt.
    """
    network = Sam(Patches(), LITE_MEDSAM_PREPROCESS)
    return randomise(network, seed, deviation=0.1).prepare_inference()


class DotProducts(torch.nn.Module):
    """As small as a mask decoder can be: a product of all tokens with each place of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.masks = torch.nn.Linear(256, 4 * 256)

    def forward(
        self,
        features: torch.Tensor,
        positions: torch.Tensor,
        prompt_tokens: torch.Tensor,
        dense: torch.Tensor,
        *,
        multimask: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        image = (features + dense).flatten(2) + positions.transpose(1, 2)
        masks = self.masks(prompt_tokens.sum(dim=1)).unflatten(1, (4, 256))
        masks = masks[:, 1:] if multimask else masks[:, :1]
        logits = (masks @ image).unflatten(2, (64, 64))
        return functional.interpolate(logits, scale_factor=4), masks.mean(dim=2)


def small_network(seed, *, decoder=DotProducts):
    """Converts in a tenth of a second; with `MaskDecoder`, the real one, in a second or two."""
    network = Sam(Brightness(), SAM_PREPROCESS)
    network.mask_decoder = decoder()
    return randomise(network, seed, deviation=0.1).prepare_inference()


def learning_network(seed):
    """Learns in milliseconds: features of patches, and a product for a decoder."""
    network = Sam(Patches(), LITE_MEDSAM_PREPROCESS)
    network.mask_decoder = DotProducts()
    return randomise(network, seed, deviation=0.02).prepare_inference()


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
