"""Parts that lie beside vector files, in zip files, or that a VRT names."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from vector_files import BOX, SHAPES, frame_of

from sam_common.errors import InputError, PromptError
from sam_geo.prompt_files.vector_parts import check_parts, check_sources, gdal_name, in_zip, part_of

PARTS = ("shp", "shx", "dbf", "prj", "cpg")


@pytest.mark.parametrize("folder", ["", "a/b/"])
@pytest.mark.parametrize("name", ["s.zip", "S.ZIP", "s.shp.zip", "s.shz"])
def test_a_zipped_shapefile(tmp_path, load, shapefile, folder, name):
    if folder and name == "s.shz":
        folder = ""  # by definition
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for part in PARTS:
            archive.write(shapefile.with_suffix(f".{part}"), f"{folder}s.{part}")
    prompts = load(name)
    assert [prompt.class_name for prompt in prompts] == ["ä", "ö"]
    assert prompts[0].box_xyxy == BOX


def test_zips_of_several_files(tmp_path, load, shapefile):
    frame_of(SHAPES[1:]).to_file(tmp_path / "g.gpkg")
    with zipfile.ZipFile(tmp_path / "g.zip", "w") as archive:
        archive.write(tmp_path / "g.gpkg", "g.gpkg")
        archive.writestr("__MACOSX/g.gpkg", "x")
        archive.writestr("readme.txt", "x")
    assert len(load("g.zip")) == 1
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name in ("s", "t"):
            for part in PARTS:
                archive.write(shapefile.with_suffix(f".{part}"), f"{name}.{part}")
    with pytest.raises(PromptError, match=r"has 2 layers \(s, t\): choose one with --prompts-lay"):
        load("two.zip")
    assert len(load("two.zip", layer="t")) == 2
    with zipfile.ZipFile(tmp_path / "two.zip", "a") as archive:
        archive.write(tmp_path / "g.gpkg", "g.gpkg")
    with pytest.raises(PromptError, match=r"one vector file is wanted in .*, got s.shp, t.shp, g"):
        load("two.zip")
    with zipfile.ZipFile(tmp_path / "part.zip", "w") as archive:
        archive.write(shapefile, "s.shp")
    with pytest.raises(PromptError, match=r"s.shp in .* incomplete: s.dbf, s.shx is missing"):
        load("part.zip")
    (tmp_path / "no.zip").write_text("x")
    with pytest.raises(PromptError, match="not a zip file"):
        load("no.zip")


@pytest.mark.parametrize("part", ["shx", "dbf"])
def test_a_shapefile_without_a_part(load, shapefile, part):
    shapefile.with_suffix(f".{part}").unlink()
    with pytest.raises(PromptError, match=rf"is incomplete: s\.{part} is missing"):
        load("s.shp")


@pytest.mark.parametrize(("name", "part"), [("p.tab", "p.map"), ("p.mif", "p.mid")])
def test_mapinfo_without_a_part(tmp_path, load, name, part):
    frame_of(**{"class": ["a", "b"]}).to_file(tmp_path / name, driver="MapInfo File")
    (tmp_path / part).unlink()
    with pytest.raises(PromptError, match=rf"is incomplete: {part} is missing"):
        load(name)


def test_parts_in_capital_letters(tmp_path, load):
    frame_of(**{"class": ["a", "b"]}).to_file(tmp_path / "p.mif", driver="MapInfo File")
    for suffix in ("mif", "mid"):
        (tmp_path / f"p.{suffix}").rename(tmp_path / f"P.{suffix.upper()}")
    assert [prompt.class_name for prompt in load("P.MIF")] == ["a", "b"]


def test_every_source_of_a_vrt_is_there(tmp_path, load):
    for name in ("a", "b"):
        frame_of().to_file(tmp_path / f"{name}.gpkg")
    layers = "".join(
        f'<OGRVRTLayer name="{name}"><SrcDataSource relativeToVRT="1">{name}.gpkg</SrcDataSource>'
        f"</OGRVRTLayer>"
        for name in ("a", "b")
    )
    union = f'<OGRVRTUnionLayer name="u">{layers}</OGRVRTUnionLayer>'
    vrt = tmp_path / "p.vrt"
    vrt.write_text(f"<OGRVRTDataSource>{union}</OGRVRTDataSource>")
    assert len(load("p.vrt")) == 4
    vrt.write_text(vrt.read_text().replace('name="b"', 'name="c"'))
    with pytest.raises(PromptError, match=r"from a layer 'c' that b\.gpkg does not have"):
        load("p.vrt")
    (tmp_path / "b.gpkg").unlink()
    with pytest.raises(PromptError, match=r"p\.vrt is read from b\.gpkg, which cannot be opened"):
        load("p.vrt")
    vrt.write_text("<OGRVRTDataSource>")
    with pytest.raises(PromptError, match="not a vector file that GDAL can read"):
        load("p.vrt")


def test_names_that_cannot_be_used(tmp_path, load):
    frame_of().to_file(tmp_path / "p.gpkg")
    shutil.copy(tmp_path / "p.gpkg", tmp_path / "a!b.gpkg")
    with pytest.raises(PromptError, match=r"what follows a ! .*rename it"):
        load("a!b.gpkg")
    for suffix in ("gpkg", "csv", "xml", "parquet"):
        odd = f"d\udce4.{suffix}"
        (tmp_path / odd).write_text("x,y\n1,2\n")
        with pytest.raises(PromptError, match=r"is not UTF-8.*'.*d\\udce4"):
            load(odd)
    with pytest.raises(InputError, match=r"cannot read .*aaa: File name too long"):
        load("a" * 300)


@pytest.mark.parametrize(
    ("path", "member", "name"),
    [
        ("/a/b.gpkg", None, "/a/b.gpkg"),
        ("zip:b.gpkg", None, "./zip:b.gpkg"),
        ("/a/b.zip", "in/c.shp", "/vsizip//a/b.zip/in/c.shp"),
        ("b.zip", ".", "/vsizip/./b.zip"),
    ],
)
def test_the_name_that_gdal_opens(path, member, name):
    assert gdal_name(Path(path), member) == name


@pytest.mark.parametrize(
    ("members", "chosen"),
    [
        (["in/a.gpkg", "read.me", "__MACOSX/in/a.gpkg"], "in/a.gpkg"),
        (["A.SHP", "A.SHX", "A.DBF"], "A.SHP"),
        (["d/a.shp", "d/a.shx", "d/a.dbf", "d/b.shp", "d/b.shx", "d/b.dbf"], "d"),
        (["a.shp", "a.shx", "a.dbf", "b.shp", "b.shx", "b.dbf"], "."),
    ],
)
def test_the_vector_file_in_a_zip(tmp_path, members, chosen):
    with zipfile.ZipFile(tmp_path / "a.ZIP", "w") as archive:
        for member in members:
            archive.writestr(member, "x")
    assert in_zip(tmp_path / "a.ZIP") == chosen
    assert in_zip(tmp_path / "a.gpkg") is None


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "one vector file is wanted in .*, got none: unpack it first"),
        (["a.gpkg", "b.gpkg"], r"got a\.gpkg, b\.gpkg"),
        (["a.tab", "a.dat"], r"^a\.tab in .* is incomplete: a\.map is missing$"),
        (
            ["c/a.shp", "c/a.shx", "c/a.dbf", "d/a.shp", "d/a.shx", "d/a.dbf"],
            "got c/a.shp, d/a.s",
        ),
    ],
)
def test_zips_without_one_whole_vector_file(tmp_path, members, message):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for member in members:
            archive.writestr(member, "x")
    with pytest.raises(PromptError, match=message):
        in_zip(tmp_path / "a.zip")


def test_a_part_is_found_in_small_or_capital_letters(tmp_path):
    (tmp_path / "a.SHX").touch()
    assert part_of(tmp_path / "a.shp", ".shx") == tmp_path / "a.SHX"
    assert part_of(tmp_path / "a.shp", ".dbf") is None


def test_a_shapefile_is_as_long_as_its_header_says(tmp_path, shapefile):
    check_parts(shapefile)
    shapefile.write_bytes(shapefile.read_bytes()[:-2])
    size = shapefile.stat().st_size
    message = (
        rf"^{shapefile} is cut off: it says that it has {size + 2} bytes, and {size} are there$"
    )
    with pytest.raises(PromptError, match=message):
        check_parts(shapefile)


def test_the_index_of_a_shapefile_can_be_made_anew(shapefile):
    shapefile.with_suffix(".shx").unlink()
    with pytest.raises(PromptError, match=r"\(ogr2ogr --config SHAPE_RESTORE_SHX YES s\.gpkg s\."):
        check_parts(shapefile)


@pytest.mark.parametrize("content", ["", "<OGRVRT", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"])
def test_what_is_no_vrt_is_gdals_to_judge(tmp_path, content):
    for name in ("a.vrt", "a.gpkg"):
        (tmp_path / name).write_text(content)
        check_sources(tmp_path / name)
