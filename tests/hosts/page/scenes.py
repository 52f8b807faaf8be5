"""Rasters of objects or land cover with what is true of them: `scenes.py KIND FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "oracles"))
import numpy as np
from cover_scenes import NAMES, cover_scene, unseen_bands
from object_scenes import object_scene


def main(kind: str, folder: Path) -> None:
    """Write the raster, and beside it what is true of it."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "objects":
        table = object_scene(folder, noise=0).table
        rows = table[["kind", "row", "col"]].to_dict("records")
        (folder / "truth.json").write_text(json.dumps(rows))
        return
    scene = cover_scene(folder, noise=10)
    unseen_bands(scene.raster, folder / "many.tif")
    np.save(folder / "truth.npy", scene.truth)
    (folder / "names.json").write_text(json.dumps(NAMES))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
