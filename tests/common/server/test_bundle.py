import zipfile

import pytest

from sam_common.server import bundle


@pytest.fixture
def plugin(tmp_path):
    folder = tmp_path / "checkout/plugin"
    (folder / "core/__pycache__").mkdir(parents=True)
    (folder / "__init__.py").write_text("x = 1\n")
    (folder / "core" / bundle.VENDOR).touch()
    (folder / "core/__pycache__/x.pyc").write_bytes(b"compiled")
    return folder


def test_a_zip_holds_the_plugin_and_the_client_byte_for_byte(plugin, tmp_path):
    with zipfile.ZipFile(bundle.bundle(plugin, tmp_path / "dist")) as archive:
        assert archive.namelist() == ["plugin/__init__.py", "plugin/core/suite_client.py"]
        assert archive.read("plugin/core/suite_client.py") == bundle.CLIENT.read_bytes()
        assert archive.testzip() is None
        # readable for all users of a machine
        assert {info.external_attr >> 16 & 0o777 for info in archive.infolist()} == {0o644}


def test_the_same_sources_give_the_same_bytes(plugin, tmp_path):
    first = bundle.bundle(plugin, tmp_path / "a").read_bytes()
    bundle.vendor(plugin)
    assert bundle.bundle(plugin, tmp_path / "b").read_bytes() == first


def test_a_copy_in_the_checkout_is_the_client(plugin):
    (copy,) = bundle.vendor(plugin)
    assert copy.read_bytes() == bundle.CLIENT.read_bytes()


def test_a_folder_without_a_place_for_the_client_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder in it holds"):
        bundle.bundle(tmp_path, tmp_path / "dist")
