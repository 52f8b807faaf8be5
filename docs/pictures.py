"""The pictures of the README and of the guides, made small.

`python docs/pictures.py demo_output` writes into `docs/pictures` what it finds in the folder of

- `make demo`: trees and an abdomen,
- `make test-qgis`, under `qgis`: the desktop with the panel,
- `python tests/hosts/page/pictures.py demo_output`: the page with a raster, with a volume, and in a
  notebook.

All show data whose licence allows it: the aerial image is CC0-1.0 (NEON) with boxes under MIT, the
CT is Apache-2.0 (TotalSegmentator). The scanned sheet of the demo is not among them, because its
package states no licence for the data alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent / "pictures"
PICTURES = {
    "trees.jpg": "trees.jpg",
    "abdomen.jpg": "abdomen_axial.jpg",
    "page_raster.jpg": "page_raster.png",
    "page_volume.jpg": "page_volume.png",
    "explore.jpg": "explore.png",
    "qgis.jpg": "qgis/desktop.png",
}
"""Pictures here, and those that they are made of."""
HEIGHT_PX = 560
QUALITY = 82


def shrink(source: Path, target: Path) -> None:
    """Write a picture at the height of all pictures here."""
    with Image.open(source) as image:
        width = round(image.width * HEIGHT_PX / image.height)
        small = image.convert("RGB").resize((width, HEIGHT_PX), Image.Resampling.LANCZOS)
    small.save(target, quality=QUALITY, optimize=True, progressive=True)


def main(folder: Path) -> None:
    """Write the pictures that a folder has, and say which are missing."""
    HERE.mkdir(exist_ok=True)
    for ours, name in PICTURES.items():
        if (folder / name).is_file():
            shrink(folder / name, HERE / ours)
        else:
            print(f"{ours}: there is no {folder / name}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
