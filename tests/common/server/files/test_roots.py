"""What a server may open by path: all of it in a root, and nothing that points out of one."""

from __future__ import annotations

import json

import numpy as np
import pyproj
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_server import TOKEN, write_raster
from outside_files import CANARY, META, NRRD, RASTERS, VOLUMES, VOXELS, is_outside, made, told

from sam_common.server.client import ServerError
from sam_common.server.files.roots import RefusedPathError, Roots
from sam_geo.live.files import DRIVERS


def test_a_root_holds_what_lies_in_it_when_links_are_followed(tmp_path):
    (tmp_path / "root/in").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "out")
    (tmp_path / "root/loop").symlink_to(tmp_path / "root/loop")
    (tmp_path / "alias").symlink_to(tmp_path / "root")
    roots = Roots.of([tmp_path / "alias"])
    assert roots.folders == (tmp_path / "root",)
    assert roots.holds(tmp_path / "root/in/new.tif")
    assert roots.holds(tmp_path / "alias/in/../in")
    for path in ("root/link/a.tif", "root/../out", "out", "root/loop"):
        assert not roots.holds(tmp_path / path)
    assert roots.open(str(tmp_path / "alias/in")) == tmp_path / "root/in"
    assert not Roots().holds(tmp_path)


def test_a_root_is_a_folder_that_is_there(tmp_path):
    (tmp_path / "a.tif").touch()
    for path in (tmp_path / "a.tif", tmp_path / "gone"):
        with pytest.raises(RefusedPathError) as refused:
            Roots.of([path])
        assert str(refused.value) == f"--root must be a folder that is there, got {path}"


@pytest.mark.parametrize("text", ["in", "", "a\0b", "x" * 5000])
def test_a_text_that_is_no_absolute_path_is_refused(tmp_path, text, monkeypatch):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RefusedPathError, match=r"^this path cannot be opened: it must be absolute"):
        Roots.of([tmp_path]).open(text)


def test_a_path_outside_the_roots_is_refused_like_one_that_is_not_there(served, tmp_path):
    secret = write_raster(tmp_path / "DOE_JANE.tif")
    link = served.root / "link.tif"
    link.symlink_to(secret)
    answers = set()
    for path in (
        secret, link, served.root / ".." / secret.name, tmp_path / "nothing.tif",
        served.root / "nothing.tif", "relative.tif", f"/vsizip/{secret}",
        f"GTIFF_DIR:1:{secret}", f"file://{secret}", "/etc/passwd", "/proc/self/environ",
    ):  # fmt: skip
        with pytest.raises(ServerError) as refused:
            served.open_raster(str(path))
        assert refused.value.status == 403
        answers.add(str(refused.value))
    assert len(answers) == 1
    assert "DOE" not in answers.pop()


def test_a_root_whose_name_another_folder_begins_with_is_not_that_folder(served, tmp_path):
    (tmp_path / "root2").mkdir()
    beside = write_raster(tmp_path / "root2" / "a.tif")
    with pytest.raises(ServerError, match="cannot be opened"):
        served.open_raster(beside)


def test_answers_never_name_the_folder_of_a_file(served):
    bad = served.root / "DOE_JANE.tif"
    bad.write_bytes(b"II*\x00" + bytes(100))
    with pytest.raises(ServerError) as refused:
        served.open_raster(bad)
    assert str(served.root) not in str(refused.value)


def test_a_raster_that_names_other_files_is_refused(served, tmp_path):
    secret = write_raster(tmp_path / "secret.tif")
    virtual = served.root / "a.vrt"
    virtual.write_text(
        '<VRTDataset rasterXSize="60" rasterYSize="40"><VRTRasterBand dataType="Byte" band="1">'
        f"<SimpleSource><SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand>"
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    virtual.with_suffix(".tif").write_text(virtual.read_text())
    for path in (virtual, virtual.with_suffix(".tif")):
        with pytest.raises(ServerError, match="not a raster that this server opens"):
            served.open_raster(path)
    assert "VRT" not in DRIVERS


def test_a_folder_with_a_link_that_leads_out_is_refused(served, tmp_path):
    (tmp_path / "out").mkdir()
    (served.root / "series").mkdir()
    (served.root / "series" / "more").symlink_to(tmp_path / "out")
    with pytest.raises(ServerError, match="cannot be opened"):
        served.open_volume(served.root / "series")


@pytest.mark.parametrize("name", ["a.nhdr", "a.nrrd"])
def test_a_header_that_names_voxels_outside_is_refused(served, tmp_path, name):
    (tmp_path / "secret.raw").write_bytes(bytes(8))
    (served.root / name).write_text(
        "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n"
        "data file: ../secret.raw\n\n"
    )
    with pytest.raises(ServerError, match="may not open"):
        served.open_volume(served.root / name)


@pytest.mark.parametrize("content", [b"", b"no volume", bytes(400)])
def test_the_name_of_a_damaged_scan_is_not_repeated(served, capfd, content):
    scan = served.root / "DOE^JANE_19700101.nii"
    scan.write_bytes(content)
    with pytest.raises(ServerError) as refused:
        served.open_volume(scan)
    assert refused.value.status == 422
    said = str(refused.value) + "".join(capfd.readouterr()) + repr(served.sessions())
    assert "DOE" not in said
    assert TOKEN not in said


often = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


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
