"""A package index on loopback, and a pip that is configured by nothing but the test."""

from __future__ import annotations

import os

import pytest
from loopback_index import running_index

from sam_common.published import sdist
from sam_common.published.package_clients import PipSettings

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
BUNDLES = ("requests_ca_bundle", "curl_ca_bundle")


@pytest.fixture
def bare_pip(tmp_path, monkeypatch):
    """pip without files and variables of configuration, proxies and logins."""
    for name in list(os.environ):
        if name.lower().startswith("pip_") or name.lower() in {*PROXIES, *BUNDLES}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def package_index(bare_pip, monkeypatch):
    """The one index that pip is configured to."""
    with running_index() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        yield index


@pytest.fixture
def settings_of_pip(monkeypatch):
    """Takes the place of `pip config list`, which costs half a second for each call."""

    def put(**settings):
        monkeypatch.setattr(sdist, "pip_settings", lambda: PipSettings(**settings))

    return put


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder
