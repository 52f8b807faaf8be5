"""Whether a change leaves every output as it was: twenty jobs before and after, byte by byte.

```
python -m tests.benchmarks.same_outputs run BEFORE/.venv/bin before/
python -m tests.benchmarks.same_outputs run AFTER/.venv/bin after/
python -m tests.benchmarks.same_outputs compare before/ after/
```
Times and what follows from them (dates and UIDs of DICOM, the change date in a GeoPackage, seconds
in records) are left out. Needs the test data: `SAM_TEST_DATA`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas
import pydicom

TREES = "geo/neon_osbs_trees/OSBS_029"
WATER = "geo/water_boadella_s2_prompts/Boadella_2020-0"
BLAN = "geo/neon_blan_tree_polygons/2019_BLAN_crop"
CT, MR = "med/volumes/ct_abdomen/ct.nii.gz", "med/volumes/mr_heart_acdc_001/image.nii.gz"
DICOM = "med/dicom/ct_abdomen_dicom/series"
BOX = ("--box-ijk", "70,29,66,93,54,101")
LARGE_BOX = ("--box-ijk", "300,200,4,400,300,15", "--method", "litemedsam")
MOBILE = ("--model", "mobile_sam")
GEO = {
    "csv.gpkg": ("prompt", f"{TREES}.tif", f"{TREES}.csv"),
    "csv.parquet": ("prompt", f"{TREES}.tif", f"{TREES}.csv", "--simplify", "0.3"),
    "csv.geojson": ("prompt", f"{TREES}.tif", f"{TREES}.csv", "--dst-crs", "EPSG:4326"),
    "csv.fgb": ("prompt", f"{TREES}.tif", f"{TREES}.csv", "--overlay", "{}.png"),
    "water.gpkg": ("prompt", f"{WATER}1-28.tif", f"{WATER}2-02_labels.geojson"),
    "masks.gpkg": ("prompt", f"{WATER}1-28.tif", f"{WATER}2-02_labels.geojson", "--polygon-masks"),
    "pixels.geojson": ("prompt", f"{BLAN}.jpg", f"{BLAN}_bbox.csv", "--prompts-crs", "pixel"),
    "auto.gpkg": ("auto", f"{TREES}.tif", "--labels", "{}.tif", "--overlay", "{}.png"),
    "tiles.gpkg": ("auto", f"{TREES}.tif", "--tile-size", "256", "--overlap", "64"),
    "large.shp": ("auto", f"{TREES}.tif", "--min-area-m2", "4", "--regularize", "0.4"),
}
MED = {
    "box.nii.gz": ("segment", CT, *BOX, "--overlay", "{}.png", "--review", "{}.csv"),
    "box.seg.nrrd": ("segment", CT, *BOX),
    "loop.nrrd": ("segment", CT, *BOX, "--method", "litemedsam"),
    "heart.nii.gz": ("segment", MR, "--slice-box", "k=4:56,107,101,171"),
    "points.nii.gz": ("segment", CT, *BOX, "--point-ijk", "82,40,84", *MOBILE),
    "seg.dcm": ("segment", DICOM, *LARGE_BOX),
    "rt.dcm": ("segment", DICOM, *LARGE_BOX, "--output-type", "dicom_rtstruct"),
    "copy.nrrd": ("convert", DICOM, "{}.nrrd"),
    "info.json": ("info", DICOM, "--json"),
    "stats.json": ("stats", CT, "med/volumes/ct_abdomen/organs.nii.gz", "--json"),
}
CHANGING = {"seconds", "started", "finished", "versions", "elapsed", "outputs", "output", "path"}
"""Members of records that say when or where a job ran."""
DATED = ("UID", "Date", "Time")


def run(programs: Path, data: Path, folder: Path) -> None:
    """Run every job, each into the folder under its own name."""
    folder.mkdir(parents=True)
    for program, jobs in (("sam-geo", GEO), ("sam-med", MED)):
        for name, words in jobs.items():
            stem = str(folder / name.partition(".")[0])
            argv = [str(data / word) if "/" in word else word.format(stem) for word in words]
            to_stdout = "--json" in words
            argv += [] if to_stdout or words[0] == "convert" else ["-o", str(folder / name)]
            argv += [] if to_stdout else ["--quiet"]
            done = subprocess.run(
                [str(programs / program), *argv], capture_output=True, text=True, check=False
            )
            said = done.stdout if to_stdout else f"{done.returncode}\n{done.stderr}"
            (folder / (name if to_stdout else f"{name}.said")).write_text(
                said.replace(str(folder), ""), encoding="utf-8"
            )
            sys.stdout.write(f"{name}: exit code {done.returncode} {done.stderr.strip()[:200]}\n")


def compare(before: Path, after: Path) -> list[str]:
    """Names of the files that differ, or that only one of the two folders has."""
    names = sorted({path.name for folder in (before, after) for path in folder.iterdir()})
    return [name for name in names if _content(before / name) != _content(after / name)]


def _content(path: Path) -> Any:
    """What a file says, apart from when it was written."""
    if not path.is_file():
        return None
    if path.suffix == ".gpkg":
        table = geopandas.read_file(path)
        return [table.to_wkb().to_csv(), str(table.crs)]
    if path.suffix == ".dcm":
        return _undated(pydicom.dcmread(path))
    if path.suffix == ".json":
        return _unchanging(json.loads(path.read_text(encoding="utf-8")))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _undated(dataset: pydicom.Dataset) -> list[Any]:
    found: list[Any] = []
    for element in dataset:
        if element.VR == "SQ":
            found.append([_undated(item) for item in element.value])
        elif not element.keyword.endswith(DATED):
            found.append((str(element.tag), str(element.VR), bytes(repr(element.value), "utf-8")))
    return found


def _unchanging(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _unchanging(v) for k, v in value.items() if k not in CHANGING}
    return [_unchanging(v) for v in value] if isinstance(value, list) else value


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(Path(sys.argv[2]), Path(os.environ["SAM_TEST_DATA"]), Path(sys.argv[3]).absolute())
    else:
        differ = compare(Path(sys.argv[2]), Path(sys.argv[3]))
        sys.stdout.write("\n".join([*differ, f"{len(differ)} files differ"]) + "\n")
        sys.exit(bool(differ))
