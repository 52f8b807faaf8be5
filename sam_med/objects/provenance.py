"""Provenance: which program, model, method and prompts made a result, for headers of files."""

from __future__ import annotations

from dataclasses import dataclass

RESEARCH_ONLY = "For research use only, not a medical device"
"""The notice in every result; at most 64 characters, the limit of DICOM's LO descriptions."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a segmentation was made; it says nothing about the patient."""

    version: str
    """Version of this package."""
    model: str
    """Name of the checkpoint."""
    model_sha256: str
    """sha256 of the checkpoint, in hexadecimal."""
    method: str
    """Method that made 3-D masks from prompts: "planes" or "litemedsam"."""
    prompts_sha256: str
    """sha256 of the prompts as JSON, see `sam_med.prompts.json_prompts.prompts_sha256`."""

    def parameters(self) -> dict[str, str]:
        """Model, method and prompts as names and values for a header."""
        return {
            "model": self.model,
            "model_sha256": self.model_sha256,
            "method": self.method,
            "prompts_sha256": self.prompts_sha256,
        }
