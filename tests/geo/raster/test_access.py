from __future__ import annotations

import os
import subprocess
import sys
import threading

import fsspec
import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio._env import get_gdal_config
from rasterio.errors import RasterioIOError

from sam_common.errors import InputError
from sam_common.window import Window
from sam_geo.raster import access
from sam_geo.raster.access import RasterFile
from sam_geo.raster.source import open_raster

LEFT, RIGHT = Window((0, 0), (64, 64)), Window((0, 64), (64, 128))
PAIR = """<VRTDataset rasterXSize="128" rasterYSize="64"><SRS>EPSG:32633</SRS>
<GeoTransform>500000,0.5,0,5800000,0,-0.5</GeoTransform>
<VRTRasterBand dataType="Byte" band="1">{options}{sources}</VRTRasterBand></VRTDataset>"""
SOURCE = """<{kind}><SourceFilename relativeToVRT="1">{name}</SourceFilename>
<SrcRect xOff="0" yOff="0" xSize="64" ySize="64"/>
<DstRect xOff="{x}" yOff="0" xSize="64" ySize="64"/>{options}</{kind}>"""


@pytest.fixture
def half_a_mosaic(tmp_path, make_raster):
    """A VRT of two files, of which the right one, gone.tif, is not there."""

    def make(kind="SimpleSource", right="gone.tif", options="", of_source=""):
        make_raster(np.full((1, 64, 64), 7, np.uint8), name="left.tif")
        sources = [
            SOURCE.format(kind=kind, name=name, x=x, options=of_source)
            for name, x in (("left.tif", 0), (right, 64))
        ]
        path = tmp_path / "pair.vrt"
        path.write_text(PAIR.format(sources="".join(sources), options=options))
        return path

    return make


@pytest.mark.parametrize(
    "mosaic",
    [
        {},
        {
            "kind": "ComplexSource",
            "options": "<NoDataValue>0</NoDataValue>",
            "of_source": "<NODATA>0</NODATA>",
        },
    ],
)
@pytest.mark.parametrize("size", [None, (32, 32), (5, 5)])
def test_a_lost_source_fails_every_time(half_a_mosaic, mosaic, size):
    with open_raster(half_a_mosaic(**mosaic)) as source:
        for _ in range(3):
            with pytest.raises(InputError, match=r"rows 0-63, columns 64-127 .*gone\.tif"):
                source.read(RIGHT, out_hw=size)
        assert (source.read(LEFT).values == 7).all()
        assert source.size_hw == (64, 128)


def test_a_lost_source_of_a_mosaic_in_a_mosaic_fails_every_time(half_a_mosaic, tmp_path):
    inner = PAIR.format(
        sources=SOURCE.format(kind="SimpleSource", name="lost.tif", x=0, options=""), options=""
    )
    (tmp_path / "inner.vrt").write_text(inner)
    with open_raster(half_a_mosaic(right="inner.vrt")) as source:
        for _ in range(3):
            with pytest.raises(InputError, match="lost"):
                source.read(RIGHT)


@pytest.mark.parametrize("threads", [None, "4"])
@pytest.mark.parametrize("out_hw", [(512, 512), (600, 1800), (1200, 1200)])
def test_a_lost_source_fails_where_sources_are_read_in_threads(
    tmp_path, make_raster, monkeypatch, threads, out_hw
):
    if threads is not None:
        monkeypatch.setenv("GDAL_NUM_THREADS", threads)
        monkeypatch.setenv("VRT_NUM_THREADS", threads)
    for name in "ac":
        make_raster(np.full((3, 600, 600), 7, np.uint8), name=f"{name}.tif")
    bands = []
    for band in (1, 2, 3):
        sources = "".join(
            f'<SimpleSource><SourceFilename relativeToVRT="1">{name}.tif</SourceFilename>'
            f'<SourceBand>{band}</SourceBand><SrcRect xOff="0" yOff="0" xSize="600" ySize="600"/>'
            f'<DstRect xOff="{600 * n}" yOff="0" xSize="600" ySize="600"/></SimpleSource>'
            for n, name in enumerate("abc")
        )
        bands.append(f'<VRTRasterBand dataType="Byte" band="{band}">{sources}</VRTRasterBand>')
    path = tmp_path / "m.vrt"
    path.write_text(
        f'<VRTDataset rasterXSize="1800" rasterYSize="600">{"".join(bands)}</VRTDataset>'
    )
    with open_raster(path) as source:
        for resampling in ("nearest", "average"):
            with pytest.raises(InputError, match=r"b\.tif"):
                source.read(Window((0, 0), (600, 1800)), out_hw=out_hw, resampling=resampling)


def test_a_source_that_comes_back_is_read(half_a_mosaic, make_raster):
    with open_raster(half_a_mosaic()) as source:
        with pytest.raises(InputError):
            source.read(RIGHT)
        make_raster(np.full((1, 64, 64), 9, np.uint8), name="gone.tif")
        assert (source.read(RIGHT).values == 9).all()


def test_settings_hold_in_the_thread_that_reads(grey_raster):
    def asked(_dataset):
        return get_gdal_config("GDAL_HTTP_LOW_SPEED_TIME"), threading.current_thread()

    file = RasterFile(str(grey_raster))
    found = []
    reader = threading.Thread(target=lambda: found.append(file.use(asked)))
    reader.start()
    reader.join()
    found.append(file.use(asked))
    assert [str(value) for value, _ in found] == [str(access.SILENCE_S)] * 2
    assert found[0][1] is reader
    assert found[1][1] is not threading.main_thread()
    assert get_gdal_config("GDAL_HTTP_LOW_SPEED_TIME") is None
    file.close()


def test_settings_of_the_user_win(grey_raster, monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_TIMEOUT", "11")
    with rasterio.Env(GDAL_HTTP_MAX_RETRY="9"):
        file = RasterFile(str(grey_raster))
    names = ("GDAL_HTTP_TIMEOUT", "GDAL_HTTP_MAX_RETRY")
    assert file.use(lambda _: [str(get_gdal_config(name)) for name in names]) == ["11", "9"]
    file.close()


def test_the_environment_of_the_process_stays(grey_raster):
    code = (
        "import os; before = dict(os.environ)\n"
        "from sam_geo.raster.source import open_raster\n"
        "from sam_common.window import Window\n"
        f"with open_raster({str(grey_raster)!r}) as s: s.read(Window((0, 0), (9, 9)))\n"
        "new = {k for k in os.environ if os.environ[k] != before.get(k)}\n"
        "print(sorted(k for k in new if 'CACHE' in k or 'HTTP' in k or 'VSI' in k))"
    )
    clean = {key: value for key, value in os.environ.items() if "GDAL" not in key}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean
    )
    assert done.stdout.strip() == "[]"


def test_a_failed_read_is_tried_once_more_on_a_new_dataset(grey_raster):
    seen = []

    def once_broken(dataset):
        seen.append(dataset)
        if len(seen) == 1:
            raise RasterioIOError("cut off")
        return dataset.read(1).shape

    file = RasterFile(str(grey_raster))
    assert file.use(once_broken) == (80, 100)
    assert seen[0] is not seen[1]
    assert seen[0].closed
    file.close()
    assert seen[1].closed


def test_a_dead_server_is_asked_a_few_times_only(grey_raster, monkeypatch):
    monkeypatch.setattr(access, "SILENCE_S", 0)
    asked = []

    def silent(dataset):
        asked.append(dataset)
        raise RasterioIOError("timed out")

    file = RasterFile(str(grey_raster))
    for _ in range(10):
        with pytest.raises(RasterioIOError):
            file.use(silent)
    assert len(asked) == access.MOST_SILENCES
    file.close()


def test_a_read_under_way_closes_the_file_at_its_end(grey_raster):
    file = RasterFile(str(grey_raster))
    begun, go_on, seen = threading.Event(), threading.Event(), []

    def slow(dataset):
        begun.set()
        assert go_on.wait(300)
        seen.append(dataset)
        return dataset.read(1)

    reader = threading.Thread(target=file.use, args=(slow,))
    reader.start()
    assert begun.wait(300)
    file.close()
    go_on.set()
    reader.join()
    assert seen[0].closed


@pytest.mark.parametrize(
    "name",
    ["a!b.tif", "a#b.tif", "a?b=1.tif", "s3:x.tif", "NETCDF:x.tif", "zip+x:y.tif", "100%.tif"],
)
def test_odd_names_of_files_are_names(make_raster, monkeypatch, tmp_path, name):
    make_raster(np.full((1, 4, 5), 3, np.uint8), name="plain.tif").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (name, tmp_path / name):
        with open_raster(path) as source:
            assert source.read(Window((0, 0), (4, 5))).values.tolist() == [[[3] * 5] * 4]


def test_a_name_that_is_not_utf8_is_refused_in_one_line(tmp_path, make_raster):
    path = os.fsencode(tmp_path) + b"/\xff.tif"
    os.rename(make_raster(np.zeros((1, 4, 5), np.uint8)), path)  # noqa: PTH104 - bytes
    for name in (path, os.fsdecode(path)):
        with pytest.raises(InputError, match="is not UTF-8: rename it") as told, open_raster(name):
            pass
        assert str(told.value).isprintable()


@pytest.mark.parametrize("content", [b"<PAMDataset><bro", b"\xff\xfe\x00", b""])
def test_a_broken_side_file_is_not_in_the_way(grey_raster, content):
    grey_raster.with_name("image.tif.aux.xml").write_bytes(content)
    with open_raster(grey_raster) as source:
        assert source.read(Window((0, 0), (2, 2))).values.tolist() == [[[0, 1], [100, 101]]]
        assert "sha256" in source.identity


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("EHdr", {}),
        ("GTiff", {"tiled": True}),
        ("GTiff", {"compress": "deflate"}),
        ("GTiff", {"compress": "jpeg", "tiled": True}),
    ],
)
def test_a_file_that_was_cut_off_is_an_error_each_time(make_raster, tmp_path, driver, options):
    values = np.random.default_rng(0).integers(1, 255, (1, 512, 512)).astype(np.uint8)
    whole = make_raster(values, name="whole.tif")
    path = tmp_path / "cut.bin"
    rasterio.shutil.copy(whole, path, driver=driver, **options)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 3 // 4)
    with open_raster(path) as source:
        for _ in range(3):
            with pytest.raises(InputError, match="cannot read rows 0-511"):
                source.read(Window((0, 0), (512, 512)))


def test_the_reason_of_a_refusal_is_gdals(tmp_path):
    path = tmp_path / "bad.vrt"
    path.write_text("<VRTDataset></VRTDataset>")
    with pytest.raises(InputError, match=r"^cannot open .*: Missing one of"), open_raster(path):
        pass


def written_object(s3, make_raster):
    path = make_raster(np.arange(256, dtype=np.uint8).reshape(1, 16, 16), name="object.tif")
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    system.put(str(path), f"{s3.bucket}/object.tif")
    return f"s3://{s3.bucket}/object.tif"


@pytest.mark.parametrize("with_boto", [True, False])
def test_gdal_is_told_what_other_libraries_know_of_a_storage(
    s3, make_raster, monkeypatch, with_boto
):
    """By boto3 where that is installed, and without it."""
    if not with_boto:
        monkeypatch.setattr("rasterio.session.boto3", None)
    name = written_object(s3, make_raster)
    with open_raster(name) as source:
        pixels = source.read_data(Window((0, 0), (16, 16)))
        assert pixels.values.sum() == 255 * 128
        assert "etag" in source.identity
    with open_raster(name) as again:
        assert again.identity == source.identity


def test_an_object_that_is_refused_says_what_to_do(s3, make_raster):
    name = written_object(s3, make_raster)
    s3.expire()
    with pytest.raises(InputError) as told, open_raster(name):
        pass
    assert str(told.value) == (
        f"cannot open {name}: The provided token has expired; its credentials are wrong, missing "
        f"or have expired: renew those of this process and of every worker, and run it again"
    )


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {}),
        (
            {"AWS_ENDPOINT_URL": "http://minio:9000/"},
            {
                "AWS_S3_ENDPOINT": "minio:9000",
                "AWS_HTTPS": "NO",
                "AWS_VIRTUAL_HOSTING": "FALSE",
            },
        ),
        (
            {"AWS_ENDPOINT_URL": "http://other", "AWS_ENDPOINT_URL_S3": "https://s3.host"},
            {"AWS_S3_ENDPOINT": "s3.host", "AWS_HTTPS": "YES", "AWS_VIRTUAL_HOSTING": "FALSE"},
        ),
        ({"AWS_ENDPOINT_URL": "http://minio:9000", "AWS_S3_ENDPOINT": "mine:1"}, {}),
        ({"AWS_SHARED_CREDENTIALS_FILE": "keys"}, {"CPL_AWS_CREDENTIALS_FILE": "keys"}),
    ],
)
def test_options_of_a_storage_follow_from_the_environment(variables, expected, monkeypatch):
    for name in (*access.ENDPOINTS, "AWS_S3_ENDPOINT", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert access._storage_options() == expected
    told = access._options("s3://bucket/a.tif")
    assert expected.items() <= told.items()
    assert access._options("a.tif").keys().isdisjoint(expected)
