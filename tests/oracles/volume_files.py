"""Small volume files with any header, written byte by byte or by the libraries of the formats."""

from __future__ import annotations

import nibabel
import numpy as np

SCANNER = np.array([[1.0, 0, 0, -10], [0, 2, 0, -20], [0, 0, 3, -30], [0, 0, 0, 1]])
"""An affine (i, j, k) to RAS mm: voxels of 1 x 2 x 3 mm."""
SHEAR = np.array([[-2.0, 0.3, 0.1, 5], [0, 1.5, -0.4, 6], [0.2, 0, 3, 7], [0, 0, 0, 1]])
"""An affine (i, j, k) to RAS mm whose axes are not perpendicular."""
STEPS = "space directions: (1,0,0) (0,2,0) (0,0,3)"
ORIGIN = "space origin: (10,20,30)"


def save(path, array):
    """Write an array (i, j, k) as NIfTI on the identity."""
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4), dtype=array.dtype), path)
    return path


def nifti(path, *, sform=None, qform=None, units="mm"):
    """Write a NIfTI of 5 x 6 x 7 int16 voxels with the affines that are given."""
    image = nibabel.Nifti1Image(np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7), None)
    image.header.set_zooms((1, 2, 3))
    image.set_sform(sform, 0 if sform is None else 2)
    image.set_qform(qform, 0 if qform is None else 1)
    image.header.set_xyzt_units(units)
    nibabel.save(image, path)
    return path


def nrrd(path, *fields, sizes="2 3 4", voxels=None):
    """Write a NRRD of bytes, zeros where not given, with lines of its header."""
    shape = [int(n) for n in sizes.split()]
    head = ["NRRD0004", f"dimension: {len(shape)}", f"sizes: {sizes}", "encoding: raw"]
    head += [] if any(line.startswith("type:") for line in fields) else ["type: uchar"]
    content = bytes(int(np.prod(shape))) if voxels is None else voxels
    path.write_bytes("\n".join([*head, *fields]).encode() + b"\n\n" + content)
    return path


def metaimage(path, *fields, kind="MET_UCHAR", voxels=bytes(24)):
    """Write a MetaImage of 2 x 3 x 4 voxels with lines of its header."""
    lines = ["ObjectType = Image", "NDims = 3", "BinaryData = True", *fields]
    lines += ["DimSize = 2 3 4", f"ElementType = {kind}", "ElementDataFile = LOCAL"]
    path.write_bytes("\n".join(lines).encode() + b"\n" + voxels)
    return path


def with_field(lines, field, value):
    """The file with another value of a field; without it for None."""
    path, head, rest = lines
    kept = [line for line in head if not line.startswith(field.encode() + b" ")]
    assert len(kept) < len(head)
    if value is not None:
        kept.append(f"{field} = {value}\n".encode())
    path.write_bytes(b"".join(kept) + rest)
    return path
