"""A model card as a finished run writes it."""

from __future__ import annotations

FIGURE = {"before": 0.5, "after": 0.7, "gain": 0.2, "low": 0.1, "high": 0.3, "units": 9}
CARD = {
    "base": {"name": "mobile_sam", "arch": "tiny_vit_1024", "sha256": "ab" * 32, "licence": "MIT"},
    "parts": ["decoder"],
    "data": {
        "objects": {"learn": 20, "stop": 6, "judge": 9},
        "images": 2,
        "source": "crowns.gpkg on ortho.tif",
        "split": "in space",
        "signature": "cd" * 32,
    },
    "figures": {
        "boxes": {**FIGURE, "prompt_alone": {"box filled": 0.6, "ellipse in the box": 0.65}},
        "points": {**FIGURE, "prompt_alone": {"disc of the usual size": 0.4}},
    },
    "verdict": {
        "is_better": True,
        "text": "Better.",
        "level": 0.95,
        "gain": 0.2,
        "low": 0.1,
        "high": 0.3,
        "units": 9,
    },
    "history": [
        {"number": 0, "loss": None, "stop": 0.5},
        {"number": 1, "loss": 2.0, "stop": 0.6},
        {"number": 2, "loss": 1.0, "stop": 0.55},
    ],
    "settings": {"epochs": 40, "best epoch": 1},
    "versions": {"sam-geomed": "0.1.0", "torch": "2.9"},
}
