"""Tracking: a SAM 2 of a name, file or folder, loaded to follow objects through slices.

```python
tracker = load_tracker("medsam2")      # for segment_volume(..., method="memory")
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.engines.build import resolve_device
from sam_common.errors import CapabilityError, ModelError
from sam_common.sam2.shapes import config_of
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.located import locate

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.sam2.tracker import Tracker

CAPABILITIES = Capabilities(points=True, boxes=True, masks=False, multimask=False)
"""Prompts on slices that a tracker takes."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedTracker:
    """A SAM 2 with its memory, described as a `Segmenter` is."""

    name: str
    """Name in the registry, or that of the file or folder."""
    sha256: str
    """sha256 of the checkpoint, 64 hexadecimal digits."""
    tracker: Tracker
    """Follows objects through slices."""
    capabilities: Capabilities = CAPABILITIES
    """Prompts that it takes."""
    engine: str = "torch"
    """Name of the engine."""
    precision: str = "fp32"
    """Precision of the network."""

    @property
    def device(self) -> str:
        """Device of the engine: "cpu", "cuda:0", "mps"."""
        return self.tracker.device

    @property
    def model_size(self) -> int:
        """Side of the network's square input in pixels: 512 or 1024."""
        return self.tracker.model_size


def load_tracker(
    name_or_path: str | Path,
    *,
    arch: str | None = None,
    device: str = "auto",
    engine: str = "auto",
    precision: str = "auto",
) -> LoadedTracker:
    """Load a SAM 2 that follows objects through slices.

    Args:
        name_or_path: A name of `sam-common weights list`, a `.pt` of Meta, or a folder that
            `save_pretrained` of transformers wrote.
        arch: Architecture of a checkpoint file, a name in `ARCHITECTURES`.
        device: "cpu", "cuda", "cuda:1", "mps", or "auto" for a GPU where there is one.
        engine: "torch" or "auto"; no other engine runs the memory.
        precision: "fp32" or "auto".

    Raises:
        CapabilityError: If the model is no SAM 2, or has no memory.
        InputError: If there is no such file.
        ModelError: If the device, engine or precision is not to be had, or transformers is not
            installed.
        WeightsError: If the checkpoint cannot be fetched.
    """
    if engine not in {"auto", "torch"}:
        raise ModelError(f'the memory of a SAM 2 runs on engine torch only, got "{engine}"')
    if precision not in {"auto", "fp32"}:
        raise ModelError(f'the memory of a SAM 2 runs in fp32 only, got "{precision}"')
    resolved = resolve_device(device)
    found = locate(name_or_path, arch)
    if not found.architecture.is_sam2:
        raise CapabilityError(
            f'model "{found.name}" is no SAM 2 and has no memory: --model medsam2, or one of '
            f"sam2.1_hiera_tiny, sam2.1_hiera_small, sam2.1_hiera_base_plus, sam2.1_hiera_large"
        )
    from sam_common.network.checkpoint import read_state  # noqa: PLC0415 - loads torch
    from sam_common.sam2.models import video_model  # noqa: PLC0415 - loads transformers
    from sam_common.sam2.tracker import Tracker  # noqa: PLC0415

    config = found.config or config_of(found.arch)
    model = video_model(config, read_state(found.path), str(found.path))
    return LoadedTracker(found.name, found.sha256, Tracker(model, resolved))
