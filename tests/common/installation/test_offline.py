from __future__ import annotations

import hashlib
import json
import zipfile
from types import SimpleNamespace

import pytest
from stand_in_wheels import make_wheel, suite_wheel

from sam_common.installation import environment, offline
from sam_common.installation.commands import Feedback, InstallError
from sam_common.installation.environment import Environment, Wanted
from sam_common.installation.offline import Manifest, read_manifest, this_platform, unpack


def digest(data):
    return len(data), hashlib.sha256(data).hexdigest()


def write(path, members, **changes):
    """A bundle of members, with a manifest that is right unless it is changed."""
    facts = {
        "suite": "0.1.0",
        "host": "qgis",
        "extras": ("geo",),
        "platform": this_platform(),
        "pythons": (),
        "files": {name: digest(data) for name, data in members.items()},
    }
    document = Manifest(**{**facts, **changes}).document()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps(document))
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_what_is_unpacked_is_what_was_packed(tmp_path, log):
    members = {"wheels/a.whl": b"a" * 3_000_000, "cache/samples/b": b"b"}
    path = write(tmp_path / "bundle.zip", members, pythons=((3, 11), (3, 12)))
    manifest = unpack(path, tmp_path / "out", log.feedback)
    assert (manifest.suite, manifest.host) == ("0.1.0", "qgis")
    assert manifest.pythons == ((3, 11), (3, 12))
    for name, data in members.items():
        assert (tmp_path / "out" / name).read_bytes() == data
    assert log.shares[-1] == (1.0, "verifying the bundle")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"files": {"a": (1, "0" * 64)}}, "in the bundle has sha256 .*, expected 0000"),
        ({"files": {"a": digest(b"a"), "b": digest(b"b")}}, "its manifest differ: b"),
        ({"files": {}}, "its manifest differ: a"),
        ({"platform": "amiga-m68k"}, "is for amiga-m68k, and this is .*--platform"),
        ({"files": {"../a": digest(b"a")}}, "lies outside the bundle"),
        ({"files": {"C:/a": digest(b"a")}}, "lies outside the bundle"),
    ],
)
def test_a_bundle_that_is_not_what_its_manifest_says_is_refused(tmp_path, changes, told):
    path = write(tmp_path / "bundle.zip", {"a": b"a"}, **changes)
    with pytest.raises(InstallError, match=told):
        unpack(path, tmp_path / "out", Feedback())


def test_what_is_no_bundle_is_told(tmp_path):
    for name, data in {"a.zip": b"no zip", "b.zip": b""}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InstallError, match=r"is no bundle .*sam-common bundle --offline"):
            read_manifest(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("manifest.json", '{"kind": "other", "version": 1}')
    with pytest.raises(InstallError, match="it is other 1, not sam-geomed-bundle 1"):
        read_manifest(tmp_path / "c.zip")


def test_room_for_a_bundle_is_asked_for_before_it_is_unpacked(tmp_path, monkeypatch):
    path = write(tmp_path / "bundle.zip", {"a": b"a" * 1000})
    usage = SimpleNamespace(free=4999)
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _folder: usage)
    with pytest.raises(InstallError, match="make room on that disk"):
        Environment(tmp_path / "profile").install(Wanted((), offline=path), Feedback())


@pytest.mark.slow
def test_an_environment_is_made_with_no_index_within_reach(tmp_path, log, monkeypatch):
    """The user's settings and proxies lead to a closed port: nothing is asked there."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("STAND_IN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "wheels"
    suite_wheel(folder)
    for name in ("torch", "rasterio", "geopandas"):
        make_wheel(folder, name, "1.0", {f"{name}/__init__.py": ""})
    members = {f"wheels/{path.name}": path.read_bytes() for path in folder.iterdir()}
    members["cache/weights/network.pt"] = b"a network"
    path = write(tmp_path / "bundle.zip", members)
    place = Environment(tmp_path / "profile")
    place.install(Wanted(("geo",), offline=path), log.feedback)
    assert place.verify(("geo",), log.feedback) == "sam-geomed 0.1.0"
    assert (tmp_path / "cache/weights/network.pt").read_bytes() == b"a network"
    assert not (place.home / "sam-geomed-unpacked").exists()
    assert place.about["offline"] == str(path)
    assert place.is_of(folder / "sam_geomed-0.1.0-py3-none-any.whl")
    with pytest.raises(InstallError, match="is for qgis and lacks med"):
        place.install(Wanted(("med",), offline=path), log.feedback)


def test_files_that_are_in_the_cache_stay(tmp_path):
    (tmp_path / "unpacked/cache/weights").mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / "unpacked/cache/weights" / name).write_text("new")
    (tmp_path / "kept/weights").mkdir(parents=True)
    (tmp_path / "kept/weights/a").write_text("mine")
    assert offline.copy_cache(tmp_path / "unpacked", tmp_path / "kept") == ["weights/b"]
    assert (tmp_path / "kept/weights/a").read_text() == "mine"
