"""The zip: what is shipped is what is tested, and client, installer and wheel are in it."""

from __future__ import annotations

import configparser
import re
import zipfile
from pathlib import PurePosixPath

from conftest import CHECKOUT, PLUGIN


def test_the_client_in_the_zip_is_the_suites_own(plugins):
    copy = plugins / PLUGIN / "suite_client.py"
    assert copy.read_bytes() == (CHECKOUT / "sam_common" / "server" / "client.py").read_bytes()


def test_the_installer_and_the_wheel_in_the_zip_are_the_suites_own(plugins):
    own = CHECKOUT / "sam_common" / "installation"
    for copy in (plugins / PLUGIN / "suite_installation").glob("*.py"):
        assert copy.read_bytes() == (own / copy.name).read_bytes()
    (wheel,) = (plugins / PLUGIN / "suite_wheel").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        client = archive.read("sam_common/server/client.py")
    assert client == (CHECKOUT / "sam_common" / "server" / "client.py").read_bytes()


def test_the_zip_holds_every_module_and_no_leftovers(plugins):
    source = CHECKOUT / "sam_geo" / "qgis_plugin" / PLUGIN
    kinds = {".py", ".txt", ".svg", ""}
    expected = {p.name for p in source.iterdir() if p.suffix in kinds and p.name[0] not in "._"}
    expected |= {"__init__.py"}
    found = {p.name for p in (plugins / PLUGIN).iterdir() if p.name != "__pycache__"}
    assert found == expected | {"suite_client.py", "suite_installation", "suite_wheel"}


NEEDED = (
    "name", "description", "about", "version", "qgisMinimumVersion", "author", "email",
    "repository", "tracker", "homepage", "tags", "category", "icon", "license",
)  # fmt: skip
"""Fields that the plugin repository asks for, or shows."""
TEXT = {".py", ".txt", ".svg", ".ts", ""}
MOST_BYTES = 20_000_000


def test_the_zip_is_one_that_the_plugin_repository_takes(plugin_zip):
    """The checks of plugins.qgis.org: one folder, metadata, licence, size, nothing compiled."""
    assert plugin_zip.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(plugin_zip) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert {name.partition("/")[0] for name in members} == {PLUGIN}
    metadata = configparser.ConfigParser()
    metadata.read_string(members[f"{PLUGIN}/metadata.txt"].decode("utf-8"))
    general = metadata["general"]
    assert [name for name in NEEDED if not general.get(name)] == []
    assert re.fullmatch(r"\d+\.\d+\.\d+", general["version"])
    assert general["version"] == project()["version"]
    assert general["qgisMinimumVersion"] == "3.22"
    assert general["hasProcessingProvider"] == "yes"
    for name in ("repository", "tracker", "homepage"):
        assert re.fullmatch(r"https://\S+", general[name])
    assert "plugin" not in general["name"].lower()
    assert len(general["description"]) < 200
    for language in ("", "[de]"):
        about = general[f"about{language}"] + general[f"description{language}"]
        assert not re.search(r"[<>]", about)
    assert members[f"{PLUGIN}/LICENSE"] == (CHECKOUT / "LICENSE").read_bytes()
    assert general["license"] == project()["license"]
    assert members[f"{PLUGIN}/{general['icon']}"].lstrip().startswith(b"<svg")
    assert "def classFactory(" in members[f"{PLUGIN}/__init__.py"].decode()
    for name, data in members.items():
        path = PurePosixPath(name)
        assert not any(part.startswith((".", "__MACOSX")) for part in path.parts), name
        assert "__pycache__" not in path.parts
        if path.parent.name == "suite_wheel":
            assert path.suffix == ".whl"
            continue
        if path.parent.name == "i18n" and path.suffix == ".qm":
            continue
        assert path.suffix in TEXT, name
        data.decode("utf-8")


def test_the_wheel_has_nothing_compiled_either(plugins):
    (wheel,) = (plugins / PLUGIN / "suite_wheel").iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        compiled = {".so", ".pyd", ".dll", ".dylib", ".exe", ".pyc"}
        assert [n for n in archive.namelist() if PurePosixPath(n).suffix in compiled] == []


def test_every_algorithm_has_a_help(loaded):
    for algorithm in loaded.provider.algorithms():
        assert len(algorithm.shortHelpString()) > 80, algorithm.id()


def project():
    """Names and texts of the table of the project in pyproject.toml."""
    text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    return dict(re.findall(r'^(\w+) = "(.*)"$', text, re.MULTILINE))
