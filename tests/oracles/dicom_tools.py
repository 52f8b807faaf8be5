"""Programs beside Python that judge DICOM files: dciodvfy (dicom3tools) and plastimatch."""

from __future__ import annotations

import shutil
import subprocess


def program(name):
    """Where a program is; tests that need it fail, and do not skip, without it."""
    found = shutil.which(name)
    package = {"dciodvfy": "dicom3tools"}.get(name, name)
    assert found, f"{name} is missing: install {package}"
    return found


def validate(path):
    """Assert that dciodvfy finds no error in a file."""
    command = [program("dciodvfy"), "-new", path]
    report = subprocess.run(command, capture_output=True, text=True, check=False)
    errors = [line for line in report.stderr.splitlines() if line.startswith("Error")]
    assert (report.returncode, errors) == (0, [])


def masks_by_plastimatch(structures, series, folder):
    """Rasterise a structure set on its series: one file a structure, named after it."""
    command = [program("plastimatch"), "convert", "--input", structures, "--referenced-ct", series]
    command += ["--output-prefix", folder, "--prefix-format", "nrrd"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: path for path in folder.glob("*.nrrd")}
