"""Files in a root that point at files outside of it, in every format that a server opens."""

from __future__ import annotations

import itertools
import json
import os
import zipfile

import numpy as np
import rasterio
import SimpleITK as sitk  # noqa: N813
from hypothesis import strategies as st
from live_server import write_raster
from pydicom import examples

SHAPE = (3, 4, 5)


CANARY = 217
"""Least value of every voxel and pixel outside; no file of the root has it."""


VOXELS = np.arange(60, dtype=np.uint8).reshape(SHAPE)
"""Of the root."""


numbers = itertools.count()


def write_tif(path, value=100, side=64):
    """A grey raster file of one shade."""
    return write_raster(path, value, (side, side), 1)


def vrt_of(source, side=64):
    return (
        f'<VRTDataset rasterXSize="{side}" rasterYSize="{side}">'
        "<GeoTransform>500000,2,0,4600000,0,-2</GeoTransform>"
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f'<SourceFilename relativeToVRT="0">{source}</SourceFilename><SourceBand>1</SourceBand>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )


GRID = "ncols 2\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 1\nNODATA_value -9999\n1 2\n3 4\n"


META = "ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementSpacing = 1 1 1\n"


NRRD = (
    "NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 5 4 3\n"
    "space directions: (1,0,0) (0,1,0) (0,0,1)\nkinds: domain domain domain\n"
    "encoding: raw\nspace origin: (0,0,0)\n"
)


def write_outside(folder):
    """Write files that nobody may read, each full of the canary."""
    # not all the same: a constant volume is refused for that, which would hide that it was read
    voxels = VOXELS % 9 + CANARY
    voxels.tofile(folder / "secret.raw")
    for n in range(3):
        voxels[n].tofile(folder / f"secret{n}.raw")
    image = sitk.GetImageFromArray(voxels)
    for name in ("secret.nii", "secret.mha", "secret.nrrd"):
        sitk.WriteImage(image, str(folder / name))
    write_tif(folder / "secret.tif", CANARY)
    slice_ = examples.ct
    slice_.save_as(folder / "secret.dcm", enforce_file_format=True)


def detached(draw, target, link):
    """A NRRD or MetaImage header that names a file, one way or another."""
    named = draw(st.sampled_from([str(target), os.path.relpath(target, link.parent)]))
    filler = draw(st.sampled_from(["", "\n", "# a comment\n", " \n", "\t\n", "\n\n", "\r\n"]))
    if link.suffix in {".nhdr", ".nrrd"}:
        field = draw(st.sampled_from(["data file", "datafile", "DATA FILE", "Data File"]))
        listed = draw(st.sampled_from([f"{field}: {named}", f"{field}: LIST\n{named}"]))
        text = f"{NRRD}{filler}{listed}\n\n"
    else:
        field = draw(st.sampled_from(["ElementDataFile", " ElementDataFile", "Elementdatafile"]))
        sign = draw(st.sampled_from([" = ", "=", ": "]))
        listed = draw(st.sampled_from([named, f"LIST\n{named}", "{named} 1 1 1"]))
        before = draw(st.sampled_from(["", "Comment =\n", "NDims = 3 "]))
        text = f"{META}ElementType = MET_UCHAR\n{filler}{before}{field}{sign}{listed}\n"
    link.write_text(text)


def patterned(draw, target, link):
    """Headers whose voxels are the files of a pattern."""
    stem = str(target.with_suffix("")) + "%d.raw 0 2 1"
    if link.suffix in {".nhdr", ".nrrd"}:
        link.write_text(f"{NRRD}data file: {stem}{draw(st.sampled_from(['', ' 2']))}\n")
    else:
        link.write_text(f"{META}ElementType = MET_UCHAR\nElementDataFile = {stem}\n")


def overview_named(_draw, target, link):
    """A TIFF that says where its overviews are, in itself and beside itself."""
    write_tif(link)
    with rasterio.open(link, "r+") as file:
        file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(target))


def overview_beside(draw, target, link):
    """A TIFF with a VRT in place of its overviews, mask or auxiliary file."""
    write_tif(link)
    ending = draw(st.sampled_from([".ovr", ".msk", ".aux", ".aux.xml"]))
    text = vrt_of(target, 32)
    if ending == ".aux.xml":
        text = (
            '<PAMDataset><Metadata domain="OVERVIEWS">'
            f'<MDI key="OVERVIEW_FILE">{target}</MDI></Metadata></PAMDataset>'
        )
    link.with_name(link.name + ending).write_text(text)


def overview_linked(draw, target, link):
    """A TIFF beside which lies a link out of the root."""
    write_tif(link)
    ending = draw(st.sampled_from([".ovr", ".msk", ".aux.xml"]))
    link.with_name(link.name + ending).symlink_to(target)


def virtual(draw, target, link):
    """A raster of another kind under a name that is taken for one that holds its pixels."""
    service = f"<Service name='TMS'><ServerUrl>file://{target}</ServerUrl></Service>"
    place = "<DataWindow><SizeX>64</SizeX><SizeY>64</SizeY></DataWindow>"
    cached = f"<CachedSource><Source>{target}</Source></CachedSource>"
    item = {"stac_version": "1.0.0", "type": "Feature", "assets": {"a": {"href": str(target)}}}
    tiles = (
        f"<GDALTileIndexDataset><IndexDataset>{target}</IndexDataset></GDALTileIndexDataset>",
        f"<GDAL_WMS>{service}{place}</GDAL_WMS>",
        f"<MRF_META>{cached}<Raster><Size x='64' y='64'/></Raster></MRF_META>",
        json.dumps(item),
        vrt_of(target),
    )
    head = draw(st.sampled_from(["", GRID, "\n", "II*\0\x08\0\0\0"]))
    link.write_text(head + draw(st.sampled_from(tiles)))


def linked(_draw, target, link):
    """A link."""
    link.symlink_to(target)


def linked_in_a_folder(_draw, target, link):
    """A folder with a link in it."""
    link.mkdir()
    (link / "slice.dcm").symlink_to(target)


def linked_twice(_draw, target, link):
    """A folder with a link to a folder of the root that has a link out."""
    elsewhere = link.with_name(f"{link.name}-more")
    elsewhere.mkdir()
    (elsewhere / "slice.dcm").symlink_to(target)
    link.mkdir()
    (link / "more").symlink_to(elsewhere)


def dicomdir(_draw, target, link):
    """A DICOMDIR beside a link out of the root."""
    link.mkdir()
    (link / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    (link / "slice.dcm").symlink_to(target)
    return link / "DICOMDIR"


def zipped(draw, target, link):
    """A zip with a link in it, or with a member whose name leads out."""
    with zipfile.ZipFile(link, "w") as archive:
        member = zipfile.ZipInfo(draw(st.sampled_from(["slice.dcm", "../../slice.dcm"])))
        member.external_attr = 0o120777 << 16
        archive.writestr(member, str(target))


def pair(_draw, target, link):
    """A NIfTI header beside a link in place of its voxels."""
    content = target.with_name("secret.nii").read_bytes()
    link.write_bytes(content[:344] + b"ni1\0")
    link.with_suffix(".img").symlink_to(target)


VOLUMES = st.sampled_from(
    [
        *((detached, "secret.raw", s) for s in (".nhdr", ".nrrd", ".mhd", ".mha")),
        *((patterned, "secret.raw", s) for s in (".nhdr", ".mhd")),
        *((linked, f"secret{s}", s) for s in (".nii", ".mha", ".nrrd", ".dcm")),
        (linked_in_a_folder, "secret.dcm", ""),
        (linked_twice, "secret.dcm", ""),
        (dicomdir, "secret.dcm", ""),
        (zipped, "secret.dcm", ".zip"),
        (pair, "secret.raw", ".hdr"),
    ]
)


RASTERS = st.sampled_from(
    [
        *((virtual, "secret.tif", s) for s in (".tif", ".asc", ".vrt", ".png", ".jp2", ".img", "")),
        *((linked, "secret.tif", s) for s in (".tif", ".png")),
        (overview_named, "secret.tif", ".tif"),
        (overview_beside, "secret.tif", ".tif"),
        (overview_linked, "secret.tif", ".tif"),
    ]
)


def made(served, outside, chosen, draw):
    """The path that a client would give."""
    write, target, suffix = chosen
    link = served.root / f"made-{next(numbers)}{suffix}"
    return write(draw, outside / target, link) or link


def told(served, outside, refused):
    """What a refusal says, which must not name anything outside."""
    assert 400 <= refused.status < 500
    assert str(outside) not in str(refused)
    assert "secret" not in str(refused)
    assert str(served.root) not in str(refused)


def is_outside(voxels):
    """Whether an array is of a file outside; of DICOM, whose values are others, by its size."""
    return bool((voxels >= CANARY).all()) or voxels.shape[1:] == (128, 128)
