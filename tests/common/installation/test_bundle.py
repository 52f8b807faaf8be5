"""Bundles by the real pip, of stand-ins, and installed with no index within reach."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from stand_in_wheels import make_wheel, suite_wheel

from sam_common.errors import InputError, WeightsError
from sam_common.installation import bundle
from sam_common.installation.bundle import BundleRequest, write_bundle, write_plugin
from sam_common.installation.commands import clean_variables
from sam_common.installation.offline import read_manifest, this_platform

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host with a plugin, of which the extra `geo` is asked for."""
    plugin = tmp_path / "plugin"
    plugin.mkdir()
    (plugin / "__init__.py").touch()
    (plugin / ".vendor").touch()
    made = bundle.Host(("geo",), ("network",), ("sample",), plugin)
    monkeypatch.setitem(bundle.HOSTS, "qgis", made)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A network, and a sample that is a folder, in the cache."""
    network, sample = tmp_path / "network.pt", tmp_path / "sample"
    network.write_bytes(b"network")
    sample.mkdir()
    (sample / "1.dcm").write_bytes(b"slice")
    monkeypatch.setattr(bundle.checkpoints, "fetch", lambda _name, **_more: network)
    monkeypatch.setattr(bundle.samples, "fetch", lambda _name, **_more: sample)


def request(tmp_path, **changes):
    facts = {"host": "qgis", "platform": this_platform(), "pythons": (HERE,)}
    return BundleRequest(**{**facts, "wheel": suite_wheel(tmp_path / "suite"), **changes})


def add_pip(wheels):
    """Pip itself as a stand-in: an environment has one, so that it is not installed."""
    make_wheel(wheels, "pip", "1.0", {"none.py": ""})


@pytest.mark.slow
def test_a_bundle_installs_itself_with_no_index_within_reach(
    tmp_path, wheels, host, cache, monkeypatch
):
    add_pip(wheels)
    out = tmp_path / "bundle.zip"
    manifest = write_bundle(request(tmp_path), out, quiet=True)
    assert read_manifest(out) == manifest
    assert (manifest.suite, manifest.host, manifest.extras) == ("0.1.0", "qgis", ("geo",))
    names = set(manifest.files)
    assert {"cache/weights/network.pt", "cache/samples/sample/1.dcm", "plugin.zip"} < names
    found = sorted(n.partition("-")[0] for n in names if n.startswith("wheels/"))
    assert found == [f"wheels/{n}" for n in ("geopandas", "pip", "rasterio", "sam_geomed", "torch")]
    with zipfile.ZipFile(out) as archive, archive.open("plugin.zip") as plugin:
        inside = zipfile.ZipFile(plugin).namelist()
    assert "plugin/suite_wheel/sam_geomed-0.1.0-py3-none-any.whl" in inside

    monkeypatch.setenv("PIP_CONFIG_FILE", "/none")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    done = subprocess.run(
        [sys.executable, out, "--to", tmp_path / "mine"],
        env=clean_variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "have the sha256 of its manifest" in done.stdout
    assert "sam-geomed 0.1.0 is installed in" in done.stdout
    assert (tmp_path / "cache/samples/sample/1.dcm").read_bytes() == b"slice"


def test_for_another_machine_pip_is_asked_for_its_wheels(tmp_path, host, cache, monkeypatch):
    asked = []
    monkeypatch.setattr(bundle, "run_client", lambda command: asked.append(command) or "")
    wanted = request(tmp_path, platform="windows-x86_64", pythons=("3.11", "3.12"), models=())
    manifest = write_bundle(wanted, tmp_path / "bundle.zip")
    assert manifest.pythons == ((3, 11), (3, 12))
    assert "cache/weights/network.pt" not in manifest.files
    assert len(asked) == 2
    for command, version in zip(asked, ("3.11", "3.12"), strict=True):
        at = command.index("--python-version")
        assert command[at + 1] == version
        assert command[command.index("--platform") + 1] == "win_amd64"
        assert command[command.index("--only-binary") + 1] == ":all:"
        assert command[-2].endswith("-py3-none-any.whl[geo]")


def test_torch_comes_from_the_index_that_was_named(tmp_path, host, cache, monkeypatch):
    asked = []

    def run(command):
        asked.append(command)
        if "--index-url" in command:
            folder = Path(command[command.index("--dest") + 1])
            make_wheel(folder, "torch", "1.0+cpu", {})
        return ""

    monkeypatch.setattr(bundle, "run_client", run)
    wanted = {"platform": "linux-aarch64", "pythons": ("3.12",)}
    index = "http://127.0.0.1:9/cpu"
    write_bundle(request(tmp_path, torch_index=index, **wanted), tmp_path / "a.zip")
    assert asked[0][asked[0].index("--index-url") + 1] == index
    assert "torch==1.0+cpu" in asked[1]
    write_bundle(request(tmp_path, torch="torch==2.4", **wanted), tmp_path / "b.zip")
    assert "torch==2.4" in asked[2]
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"platform": "amiga"}, '--platform is one of linux-x86_64, .*, got "amiga"'),
        ({"host": "blender"}, '--for is qgis, slicer or cli, got "blender"'),
    ],
)
def test_what_is_unknown_is_told(tmp_path, changes, told):
    with pytest.raises(InputError, match=told):
        write_bundle(request(tmp_path, **changes), tmp_path / "bundle.zip")


def test_a_package_that_does_not_come_leaves_no_bundle(tmp_path, wheels, host, cache):
    add_pip(wheels)
    wheel = suite_wheel(tmp_path / "broken", needs="no-such-package")
    with pytest.raises(WeightsError, match="no-such-package"):
        write_bundle(request(tmp_path, wheel=wheel), tmp_path / "bundle.zip")
    assert not (tmp_path / "bundle.zip").exists()


def test_the_plugin_alone_has_the_wheel_that_is_given(tmp_path, host):
    wheel = suite_wheel(tmp_path / "suite")
    out = write_plugin("qgis", tmp_path / "out.zip", wheel)
    with zipfile.ZipFile(out) as archive:
        assert archive.read(f"plugin/suite_wheel/{wheel.name}") == wheel.read_bytes()
    with pytest.raises(InputError, match=r"^cli has no plugin: add --offline"):
        write_plugin("cli", tmp_path / "out.zip", wheel)
    with pytest.raises(InputError, match="is no wheel of the suite"):
        write_plugin("qgis", tmp_path / "out.zip", tmp_path / "other.whl")


def test_every_host_asks_for_what_is_published():
    for host in bundle.HOSTS.values():
        assert set(host.models) <= set(bundle.checkpoints.registry())
        assert set(host.samples) <= set(bundle.samples.registry())
        assert host.plugin is None or (host.plugin.is_dir())
