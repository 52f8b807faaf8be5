"""The pictures of the README: two of those that `make demo` drew, made small.

`python docs/pictures.py demo_output` writes `trees.jpg` and `abdomen.jpg` into `docs/pictures`.
Both show data whose licence allows it: the aerial image is CC0-1.0 (NEON) with boxes under MIT, the
CT is Apache-2.0 (TotalSegmentator). The scanned sheet of the demo is not among them, because its
package states no licence for the data alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent / "pictures"
PICTURES = {"trees.jpg": "trees.jpg", "abdomen_axial.jpg": "abdomen.jpg"}
"""Pictures of the demo, and their names here."""
HEIGHT_PX = 560
QUALITY = 82


def shrink(source: Path, target: Path) -> None:
    """Write a picture at the height of all pictures of the README."""
    with Image.open(source) as image:
        width = round(image.width * HEIGHT_PX / image.height)
        small = image.resize((width, HEIGHT_PX), Image.Resampling.LANCZOS)
    small.save(target, quality=QUALITY, optimize=True, progressive=True)


def main(folder: Path) -> None:
    """Write all pictures from the folder of a demo."""
    HERE.mkdir(exist_ok=True)
    for name, ours in PICTURES.items():
        shrink(folder / name, HERE / ours)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
