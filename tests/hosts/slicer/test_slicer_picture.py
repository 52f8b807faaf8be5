"""A slice view as Slicer draws it, with the spleen over the CT.

Where SLICER_PICTURES names a folder, the pictures are kept there to be looked at.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import SimpleITK
import slicer
from scenes import nifti_volume

VIEW = os.environ["SLICER_VIEW_PYTHON"]
"""Python in which trame-slicer is installed."""


def test_the_mask_lies_over_the_spleen_in_a_slice_view(logic, data, tmp_path):
    ct = data / "med/volumes/ct_abdomen/ct.nii.gz"
    nifti_volume(ct)
    segmentation = logic.open(slicer.util.getNode("ct"), modality="CT")
    spleen = logic.addSegment("spleen")
    logic.setSliceBox(spleen, "k", 107, (11, 23, 41, 50))
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(tmp_path / "spleen.seg.nrrd"))
    assert storage.WriteData(segmentation)
    place = logic.work.view.centre(spleen, 0, 107)
    command = [VIEW, Path(__file__).with_name("draw_view.py"), ct, tmp_path / "spleen.seg.nrrd"]
    done = subprocess.run(
        [*map(str, command), *map(str, place), str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["names"] == ["spleen"]
    plain, drawn = (
        SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / name))).astype(int)
        for name in ("without.png", "with.png")
    )
    if (kept := os.environ.get("SLICER_PICTURES")) is not None:
        Path(kept).mkdir(parents=True, exist_ok=True)
        for name in ("without.png", "with.png"):
            shutil.copy(tmp_path / name, kept)
    changed = np.argwhere(np.abs(drawn - plain)[..., :3].sum(axis=2) > 30)
    assert len(changed) > 1000
    # rows of a PNG run down, y of the view up
    x, y = changed[:, 1].mean(), len(plain) - 1 - changed[:, 0].mean()
    assert np.hypot(x - told["xy"][0], y - told["xy"][1]) < 6
    # the picture itself: the scan is there, not an empty view
    assert np.unique(plain[..., 0]).size > 50
