"""The zip: what is shipped is what is tested, and the suite's client is in it."""

from __future__ import annotations

import configparser

from conftest import CHECKOUT, PLUGIN


def test_the_client_in_the_zip_is_the_suites_own(plugins):
    copy = plugins / PLUGIN / "suite_client.py"
    assert copy.read_bytes() == (CHECKOUT / "sam_common" / "server" / "client.py").read_bytes()


def test_the_zip_holds_every_module_and_no_leftovers(plugins):
    source = CHECKOUT / "sam_geo" / "qgis_plugin" / PLUGIN
    expected = {p.name for p in source.iterdir() if p.suffix in {".py", ".txt", ".svg"}}
    found = {p.name for p in (plugins / PLUGIN).iterdir() if p.name != "__pycache__"}
    assert found == expected | {"suite_client.py"}


def test_the_metadata_names_the_provider_and_the_oldest_qgis(plugins):
    metadata = configparser.ConfigParser()
    metadata.read(plugins / PLUGIN / "metadata.txt")
    general = metadata["general"]
    assert general["hasProcessingProvider"] == "yes"
    assert general["qgisMinimumVersion"] == "3.22"
    assert (plugins / PLUGIN / general["icon"]).is_file()
