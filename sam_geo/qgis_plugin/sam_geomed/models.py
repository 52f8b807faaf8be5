"""Models: what can be chosen before a server runs that knows its own."""

from __future__ import annotations

MODELS = ("mobile_sam", "sam_vit_b", "sam_vit_l", "sam_vit_h")
"""Those that take clicks, the default first."""
