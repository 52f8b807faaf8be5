from __future__ import annotations

import json
import zipfile

import pytest
from stand_in_wheels import suite_wheel
from typer.testing import CliRunner

from sam_common.cli import bundle
from sam_common.cli.main import app
from sam_common.errors import InputError
from sam_common.installation.offline import Manifest, this_platform


def call(*arguments):
    return CliRunner().invoke(app, ["bundle", *map(str, arguments)], catch_exceptions=False)


def test_the_plugin_of_qgis_is_written_with_the_suite(tmp_path):
    wheel, out = suite_wheel(tmp_path), tmp_path / "sam_geomed.zip"
    done = call("--for", "qgis", "-o", out, "--wheel", wheel, "--json")
    told = json.loads(done.stdout)
    assert (told["path"], told["bytes"]) == (str(out), out.stat().st_size)
    with zipfile.ZipFile(out) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {"sam_geomed"}


def test_what_is_of_a_bundle_is_refused_without_one(tmp_path):
    for option in ("--platform", "--python", "--model", "--sample", "--torch", "--torch-index"):
        with pytest.raises(InputError, match=f"^{option} is for a bundle: add --offline"):
            call("--for", "qgis", "-o", tmp_path / "a.zip", option, "none")


def test_this_machine_is_what_a_bundle_is_for_where_nothing_is_said(tmp_path, monkeypatch):
    asked = []

    def write(request, out, *, quiet):
        asked.append((request, quiet))
        out.write_bytes(b"")
        return Manifest("0.1.0", "cli", (), this_platform(), ())

    monkeypatch.setattr(bundle, "write_bundle", write)
    call("--offline", "--for", "cli", "-o", tmp_path / "a.zip")
    call("--offline", "--for", "cli", "-o", tmp_path / "a.zip", "--model", "none", "-q")
    (one, is_quiet), (other, is_quieter) = asked
    assert (one.platform, one.pythons) == (this_platform(), (bundle.THIS,))
    assert (one.models, other.models) == (None, ())
    assert (is_quiet, is_quieter) == (False, True)
