"""What `precision="auto"` decides.

bfloat16 is two to four times as fast where the hardware has it, and it must not change the masks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.errors import ModelError

if TYPE_CHECKING:
    from sam_common.engines import EngineName, Precision
    from sam_common.model.sam import Sam


def resolve_precision(
    wanted: str, network: Sam, *, device: str, engine: EngineName, sha256: str
) -> Precision:
    if wanted in ("fp32", "bf16"):
        return wanted
    return "fp32"
