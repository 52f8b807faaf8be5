"""Files in a root that point at files outside of it, in every format that a server opens."""

from __future__ import annotations

import itertools
import json
import os
import re
import zipfile

import cv2
import numpy as np
import pyproj
import pytest
import rasterio
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import examples

from sam_common.server.client import ServerError
from sam_common.server.files.held import Held
from sam_common.server.files.roots import RefusedPathError, Roots
from sam_med.geometry.volume import Volume

SHAPE = (3, 4, 5)
CANARY = 217
"""Least value of every voxel and pixel outside; no file of the root has it."""
VOXELS = np.arange(60, dtype=np.uint8).reshape(SHAPE)
"""Of the root."""
AFFINE = rasterio.Affine(2, 0, 500000, 0, -2, 4600000)
numbers = itertools.count()


def write_tif(path, value=100, side=64, **profile):
    pixels = np.full((1, side, side), value, dtype=np.uint8)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, height=side, width=side,
        crs="EPSG:32633", transform=AFFINE, **profile,
    ) as out:  # fmt: skip
        out.write(pixels)
    return path


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


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """Files that nobody may read, each full of the canary."""
    folder = tmp_path_factory.mktemp("outside")
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
    return folder


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
often = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
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


@pytest.fixture
def volumes(monkeypatch):
    """The voxels of every volume that is made."""
    seen = []
    check = Volume.__post_init__

    def noted(volume):
        seen.append(volume.array)
        check(volume)

    monkeypatch.setattr(Volume, "__post_init__", noted)
    return seen


def is_outside(voxels):
    """Whether an array is of a file outside; of DICOM, whose values are others, by its size."""
    return bool((voxels >= CANARY).all()) or voxels.shape[1:] == (128, 128)


def test_what_the_tests_look_for_would_be_seen(served, outside, volumes):
    """With the outside as a root, all of it is read: the tests below are not blind."""
    served.service.roots = Roots.of([served.root, outside])
    for name in ("secret.nii", "secret.mha", "secret.nrrd", "secret.dcm"):
        served.open_volume(outside / name, modality="MR")
    named = {
        ".nhdr": f"{NRRD}data file: {outside / 'secret.raw'}\n",
        ".mhd": f"{META}ElementType = MET_UCHAR\nElementDataFile = {outside / 'secret.raw'}\n",
    }
    for suffix, text in named.items():
        (served.root / f"a{suffix}").write_text(text)
        served.open_volume(served.root / f"a{suffix}", modality="MR")
    session = served.open_raster(outside / "secret.tif", stretch="none")
    session.set_box(session.add_object("all"), (0, 0, 63, 63))
    assert sum(map(is_outside, volumes)) >= 6
    assert (served.fake.embedded[-1] == CANARY).all()


@often
@given(chosen=VOLUMES, data=st.data())
def test_no_volume_in_a_root_is_read_from_outside(served, outside, volumes, chosen, data):
    path = made(served, outside, chosen, data.draw)
    try:
        session = served.open_volume(path, modality="MR")
    except ServerError as refused:
        told(served, outside, refused)
    else:
        session.close()
    assert not any(map(is_outside, volumes))


@often
@given(chosen=RASTERS, data=st.data())
def test_no_raster_in_a_root_is_read_from_outside(served, outside, chosen, data):
    path = made(served, outside, chosen, data.draw)
    try:
        session = served.open_raster(path, stretch="none")
        session.set_box(session.add_object("all"), (0, 0, 63, 63))
    except ServerError as refused:
        told(served, outside, refused)
    else:
        session.close()
    assert not any((image == CANARY).any() for image in served.fake.embedded)


@often
@given(chosen=VOLUMES, as_prompts=st.booleans(), data=st.data())
def test_no_case_of_a_batch_is_read_from_outside(
    served, outside, volumes, chosen, as_prompts, data
):
    path = made(served, outside, chosen, data.draw)
    good = served.root / "good.nrrd"
    if not good.exists():
        sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(good))
    box = {"label": "x", "value": 1, "box": [1, 1, 0, 3, 2, 2]}
    prompts = served.root / "prompts.json"
    prompts.write_text(
        json.dumps({"format": "sam-med-prompts", "version": 1, "space": "ijk", "objects": [box]})
    )
    pair_of = {"input": str(good), "prompts": str(path)}
    if not as_prompts:
        pair_of = {"input": str(path), "prompts": str(prompts)}
    try:
        job = served.batch([{**pair_of, "modality": "MR", "output": "a.nrrd"}])
        state = job.wait()
    except ServerError as refused:
        told(served, outside, refused)
        return
    (case,) = state["summary"]["cases"]
    # an empty line ends a header: what follows is a volume of the file's own bytes
    assert (case["status"] == "done") == bool(state["results"])
    assert not any(map(is_outside, volumes))
    assert "secret" not in json.dumps(state)
    assert str(outside) not in json.dumps(state)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("suffix", [".mha", ".nrrd", ".nii", ".nii.gz", ".mhd", ".nhdr"])
def test_what_lies_in_the_root_is_read_as_it_is(served, suffix, compress):
    voxels = np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.int16)
    image = sitk.GetImageFromArray(voxels)
    image.SetOrigin((3, 4, 5))
    path = served.root / f"scan{suffix}"
    sitk.WriteImage(image, str(path), useCompression=compress)
    session = served.open_volume(path, modality="MR")
    found = served.service.sessions.get(session.id).source.volume
    assert np.array_equal(found.array, voxels)
    assert np.allclose(np.array(session.frame["affine"])[:3, 3], (3, 4, 5))


def test_packed_voxels_whose_size_is_not_said_are_read(served):
    voxels = np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.int16)
    path = served.root / "scan.mha"
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path), useCompression=True)
    content = path.read_bytes()
    path.write_bytes(re.sub(rb"CompressedDataSize = \d+\n", b"", content))
    session = served.open_volume(path, modality="MR")
    assert np.array_equal(served.service.sessions.get(session.id).source.volume.array, voxels)


@pytest.mark.parametrize("listed", ["%d.raw 0 2 1", "LIST"])
@pytest.mark.parametrize("suffix", [".nhdr", ".mhd"])
def test_voxels_in_several_files_of_the_root_are_read(served, suffix, listed):
    for n in range(3):
        np.full(SHAPE[1:], n, dtype=np.uint8).tofile(served.root / f"{n}.raw")
    names = "\n".join([listed, *(f"{n}.raw" for n in range(3))]) if listed == "LIST" else listed
    if suffix == ".mhd":
        text = f"{META}\nElementType = MET_UCHAR\nElementDataFile = {names}\n"
    else:
        text = f"{NRRD}# by slices\ndata file: {names}\n"
    (served.root / f"a{suffix}").write_text(text)
    session = served.open_volume(served.root / f"a{suffix}", modality="MR")
    found = served.service.sessions.get(session.id).source.volume
    assert found.array[:, 0, 0].tolist() == [0, 1, 2]


def test_a_raster_is_read_with_what_lies_beside_it(served):
    path = write_tif(served.root / "a.tif", side=600)
    with rasterio.open(path) as file:
        assert not file.overviews(1)
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as file:
        file.build_overviews([2], rasterio.enums.Resampling.nearest)
    assert (served.root / "a.tif.ovr").exists()
    png = served.root / "b.png"
    cv2.imwrite(str(png), np.full((8, 8), 5, dtype=np.uint8))
    (served.root / "b.pgw").write_text("2\n0\n0\n-2\n500001\n4599999\n")
    assert served.open_raster(path).size == (600, 600)
    assert served.open_raster(png).frame["affine"] == [2, 0, 500000, 0, -2, 4600000]


def test_a_session_reads_the_file_that_it_opened(served, outside):
    path = write_tif(served.root / "a.tif", 100)
    session = served.open_raster(path, stretch="none")
    path.unlink()
    path.symlink_to(outside / "secret.tif")
    session.set_box(session.add_object("all"), (0, 0, 63, 63))
    assert {int(image.max()) for image in served.fake.embedded} == {100}


def test_a_file_is_checked_when_it_is_open(tmp_path, outside):
    """The path leads out when it is opened, and back when it is resolved."""
    root, private = tmp_path / "root", tmp_path / "private"
    root.mkdir()
    private.mkdir()
    path = root / "a.raw"
    path.symlink_to(outside / "secret.raw")
    roots = Roots.of([root])

    def swapped(place):
        path.unlink()
        path.write_bytes(b"harmless")
        return roots.holds(place)

    with pytest.raises(RefusedPathError):
        Held(private, swapped).link(path, "a")


def test_a_folder_that_is_changed_while_it_is_read_is_refused(tmp_path):
    root, private = tmp_path / "root", tmp_path / "private"
    (root / "series").mkdir(parents=True)
    private.mkdir()
    held = Held(private, Roots.of([root]).holds)
    (root / "series/1.dcm").write_bytes(b"1")
    # some time ago: file systems count in ticks of milliseconds
    os.utime(root / "series", ns=(0, 0))
    held.link(root / "series", "volume")
    held.check()
    (root / "series/1.dcm").rename(root / "other.dcm")
    (root / "other.dcm").rename(root / "series/1.dcm")
    with pytest.raises(RefusedPathError, match="changed while it was read"):
        held.check()
    held.close()
    assert not private.exists()


def test_a_pipe_is_refused_and_not_waited_for(served):
    os.mkfifo(served.root / "a.nii")
    with pytest.raises(ServerError, match="cannot be opened"):
        served.open_volume(served.root / "a.nii")


def test_a_zip_of_dicom_in_a_root_is_opened(served):
    slice_ = examples.ct
    with zipfile.ZipFile(served.root / "scan.zip", "w") as archive:
        for k in range(3):
            slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{k + 1}"
            slice_.ImagePositionPatient = [0, 0, 2 * k]
            file = served.root / "slice.dcm"
            slice_.save_as(file, enforce_file_format=True)
            archive.write(file, f"{k}.dcm")
            file.unlink()
    assert served.open_volume(served.root / "scan.zip").size[0] == 3


@pytest.mark.parametrize(
    "crs",
    [
        "+init=/etc/passwd:1",
        "+init=../a:1",
        "+proj=longlat +nadgrids=/etc/passwd",
        "+proj=longlat +nadgrids=@/etc/passwd",
        r"+proj=longlat +nadgrids=C:\grid.gsb",
        pyproj.CRS("+proj=longlat +nadgrids=/etc/passwd").to_wkt(),
        pyproj.CRS("+proj=longlat +nadgrids=/etc/passwd").to_json(),
    ],
)
def test_a_reference_system_that_names_a_file_is_refused(served, crs):
    pixels = np.zeros((8, 8), dtype=np.uint8)
    with pytest.raises(ServerError, match="may not name files"):
        served.open_raster_array(pixels, affine=(1, 0, 0, 0, -1, 0), crs=crs)
    session = served.open_raster_array(pixels, affine=(1, 0, 0, 0, -1, 0), crs="EPSG:32633")
    features = {"type": "FeatureCollection", "features": []}
    named = {"crs": {"type": "name", "properties": {"name": crs}}}
    for job in (session.prompts_job(features, crs), session.prompts_job({**features, **named})):
        with pytest.raises(ServerError, match="may not name files"):
            job.wait()


@pytest.mark.parametrize(
    "crs",
    [
        "EPSG:32633",
        "http://www.opengis.net/def/crs/EPSG/0/32633",
        "urn:ogc:def:crs:EPSG::32633",
        "+proj=utm +zone=33 +datum=WGS84",
        "+proj=longlat +nadgrids=@null",
        pyproj.CRS(32633).to_wkt(),
        pyproj.CRS(32633).to_json(),
    ],
)
def test_an_ordinary_reference_system_is_taken(served, crs):
    pixels = np.full((8, 8), 3, dtype=np.uint8)
    served.open_raster_array(pixels, affine=(1, 0, 0, 0, -1, 0), crs=crs).close()


def test_a_volume_that_is_in_memory_holds_no_file_open(served):
    path = served.root / "a.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(path))
    known = served.service.sessions.get(served.open_volume(path, modality="MR").id)
    assert known.source.context.held._open == []
    assert not any(each.is_symlink() for each in known.source.context.folder.iterdir())


def test_files_that_are_let_go_are_closed(tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "a").write_bytes(b"a")
    held = Held(tmp_path / "private", lambda _path: True)
    assert held.link(tmp_path / "a", "b").read_bytes() == b"a"
    assert held.copy(tmp_path / "a", "c").read_bytes() == b"a"
    (number,) = held._open
    held.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    assert not (tmp_path / "private").exists()


def test_more_files_than_can_be_held_are_refused(served):
    (served.root / "a.mhd").write_text(
        f"{META}ElementType = MET_UCHAR\nElementDataFile = %d 0 300\n"
    )
    with pytest.raises(ServerError, match="1 to 200 are opened here"):
        served.open_volume(served.root / "a.mhd", modality="MR")


def test_nothing_stays_of_a_source_that_was_refused(served, outside):
    (served.root / "a.tif").write_text(vrt_of(outside / "secret.tif"))
    with pytest.raises(ServerError):
        served.open_raster(served.root / "a.tif")
    assert list((served.service.folder / "sources").iterdir()) == []
