"""Provenance: what made a result, in the few words that a file's header can hold."""

from __future__ import annotations

from dataclasses import dataclass

RESEARCH_ONLY = "For research use only, not a medical device"
"""What every result says; at most 64 characters, as DICOM's descriptions have them."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a segmentation was made; nothing about the patient."""

    version: str
    """Of this package."""
    model: str
    """Name of the checkpoint."""
    model_sha256: str
    method: str
    """How a prompt became a 3-D mask."""
    prompts_sha256: str
    """Of the prompts as JSON, see `sam_med.prompts.object_prompt`."""

    def parameters(self) -> dict[str, str]:
        """What made the result, as names and values for a header."""
        return {
            "model": self.model,
            "model_sha256": self.model_sha256,
            "method": self.method,
            "prompts_sha256": self.prompts_sha256,
        }
