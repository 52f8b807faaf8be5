"""The ratios as a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from tests.benchmarks.compare import Row

mpl.use("Agg")
from matplotlib import pyplot as plt

TARGET = re.compile(r">= ([\d.]+)x")


def draw(rows: Sequence[Row], path: Path, title: str) -> None:
    """Bars of how many times faster, and the least that was asked for as a line on each."""
    mpl.rcParams["svg.hashsalt"] = "sam-geomed"
    figure, axes = plt.subplots(figsize=(9, 0.42 * len(rows) + 1.2), layout="constrained")
    heights = range(len(rows))
    bars = axes.barh(heights, [row.ratio for row in rows], height=0.62, color="#3b6ea5")
    axes.bar_label(bars, [f"{row.ratio:.1f}x" for row in rows], padding=4, fontsize=9)
    for height, row in zip(heights, rows, strict=True):
        if found := TARGET.search(row.comparison.target):
            least = float(found[1])
            axes.plot([least, least], [height - 0.4, height + 0.4], color="#c0392b", linewidth=2)
    axes.axvline(1, color="#444444", linewidth=0.8)
    axes.set_yticks(heights, [row.comparison.what for row in rows], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, max(row.ratio for row in rows) * 1.12)
    axes.set_xlabel("times as fast as the peer in the same run (red: target)")
    axes.set_title(title, fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
