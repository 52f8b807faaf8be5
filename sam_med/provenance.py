"""Provenance: what made a result, in the few words that a file's header can hold."""

from __future__ import annotations

from dataclasses import dataclass


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
    """Of the prompts as JSON, see `sam_med.prompts`."""
