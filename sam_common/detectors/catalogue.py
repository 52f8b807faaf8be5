"""Catalogue: the published detectors by name, where they come from and under which licence."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from sam_common.errors import UnknownModelError
from sam_common.published import cache

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = "grounding_dino_tiny"
"""The detector that is taken where none is named."""


@dataclass(frozen=True, slots=True)
class DetectorInfo:
    """A published detector: a folder of the Hugging Face Hub."""

    name: str
    """Name in the catalogue."""
    title: str
    """What the network is, in a few words."""
    repository: str
    """Repository of the Hugging Face Hub."""
    revision: str | None
    """Commit of the repository, 40 hexadecimal digits; its newest one where None."""
    sha256: str | None
    """sha256 of `model.safetensors`; None where it is not known, and whatever the revision holds is
    taken."""
    licence: str
    """SPDX identifier of the weights' licence, or its name."""
    citation: str
    """The paper to cite."""
    is_gated: bool = False
    """Whether only users get it who have logged in and accepted its terms."""

    @property
    def origin(self) -> str:
        """Where a person finds the files."""
        return f"https://huggingface.co/{self.repository}"

    @property
    def pull_command(self) -> str:
        """The command line that fetches the detector."""
        return f"sam-common weights pull {self.name}"


def detectors() -> Mapping[str, DetectorInfo]:
    """All published detectors, by name."""
    return _CATALOGUE


def detector_info(name: str) -> DetectorInfo:
    """The detector of a name.

    Raises:
        UnknownModelError: If there is no such name; the message suggests the nearest.
    """
    if name in _CATALOGUE:
        return _CATALOGUE[name]
    hint = cache.suggestion(name, _CATALOGUE)
    raise UnknownModelError(
        f'unknown detector "{name}": {hint}Detectors: {", ".join(_CATALOGUE)}, or the folder of one'
    )


_DINO_PAPER = (
    "Liu et al., Grounding DINO: Marrying DINO with Grounded Pre-Training for Open-Set Object "
    "Detection, 2023, arXiv:2303.05499"
)
_OWL_PAPER = "Minderer et al., Scaling Open-Vocabulary Object Detection, 2023, arXiv:2306.09683"
_CATALOGUE: Mapping[str, DetectorInfo] = MappingProxyType(
    {
        info.name: info
        for info in (
            DetectorInfo(
                "grounding_dino_tiny",
                "Grounding DINO, Swin-T: objects by words (extra hf)",
                "IDEA-Research/grounding-dino-tiny",
                "a2bb814dd30d776dcf7e30523b00659f4f141c71",
                "1a2412ef99bd74bcd3c2a246fa1e48581f8889a1300c9051974741314fc042f3",
                "Apache-2.0",
                _DINO_PAPER,
            ),
            DetectorInfo(
                "grounding_dino_base",
                "Grounding DINO, Swin-B: the same, larger (extra hf)",
                "IDEA-Research/grounding-dino-base",
                "12bdfa3120f3e7ec7b434d90674b3396eccf88eb",
                "5548f844c928c4b6f411fa8cbcc2bfa8dbbba437cb1d513975519f93c2a9ed21",
                "Apache-2.0",
                _DINO_PAPER,
            ),
            DetectorInfo(
                "owlv2_base",
                "OWLv2, ViT-B/16, ensemble: objects by words (extra hf)",
                "google/owlv2-base-patch16-ensemble",
                "cfd3195ba4ea9592eec887ded089f4c08eff231d",
                None,
                "Apache-2.0",
                _OWL_PAPER,
            ),
            DetectorInfo(
                "sam3",
                "SAM 3: objects by a concept in words (extra hf, gated)",
                "facebook/sam3",
                None,
                None,
                "SAM License",
                "Carion et al., SAM 3: Segment Anything with Concepts, 2025, arXiv:2511.16719",
                is_gated=True,
            ),
        )
    }
)
