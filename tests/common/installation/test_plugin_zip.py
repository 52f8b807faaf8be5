import zipfile

import pytest

from sam_common.installation import plugin_zip


@pytest.fixture
def plugin(tmp_path):
    folder = tmp_path / "checkout/plugin"
    (folder / "core/__pycache__").mkdir(parents=True)
    (folder / "__init__.py").write_text("x = 1\n")
    (folder / "core" / plugin_zip.VENDOR).touch()
    (folder / "core/__pycache__/x.pyc").write_bytes(b"compiled")
    return folder


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "suite-1-py3-none-any.whl"
    path.write_bytes(b"a wheel")
    return path


def test_a_zip_holds_the_plugin_client_installer_and_wheel_byte_for_byte(plugin, wheel, tmp_path):
    with zipfile.ZipFile(plugin_zip.plugin_zip(plugin, tmp_path / "dist", wheel)) as archive:
        copies = [f"plugin/core/suite_installation/{p.name}" for p in plugin_zip.INSTALLER]
        assert sorted(archive.namelist()) == sorted(
            [
                "plugin/__init__.py",
                "plugin/core/suite_client.py",
                "plugin/core/suite_wheel/suite-1-py3-none-any.whl",
                *copies,
            ]
        )
        for name, path in zip(copies, plugin_zip.INSTALLER, strict=True):
            assert archive.read(name) == path.read_bytes()
        assert archive.read("plugin/core/suite_client.py") == plugin_zip.CLIENT.read_bytes()
        assert archive.read("plugin/core/suite_wheel/suite-1-py3-none-any.whl") == b"a wheel"
        assert archive.testzip() is None
        # readable for all users of a machine
        assert {info.external_attr >> 16 & 0o777 for info in archive.infolist()} == {0o644}


def test_the_same_sources_give_the_same_bytes(plugin, tmp_path):
    first = plugin_zip.plugin_zip(plugin, tmp_path / "a").read_bytes()
    plugin_zip.vendor(plugin)
    assert plugin_zip.plugin_zip(plugin, tmp_path / "b").read_bytes() == first


def test_copies_in_the_checkout_are_client_and_installer(plugin):
    client, *installer = plugin_zip.vendor(plugin)
    assert client.read_bytes() == plugin_zip.CLIENT.read_bytes()
    assert [path.name for path in installer] == [path.name for path in plugin_zip.INSTALLER]


def test_the_installer_imports_nothing_that_a_host_lacks():
    import ast
    import sys

    known = {path.stem for path in plugin_zip.INSTALLER}
    for path in plugin_zip.INSTALLER:
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 9))):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.module in known, (path, node.module)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                assert module.partition(".")[0] in sys.stdlib_module_names, (path, module)


def test_a_folder_without_a_place_for_the_client_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder in it holds"):
        plugin_zip.plugin_zip(tmp_path, tmp_path / "dist")


def test_who_publishes_a_plugin_is_told_in_its_metadata(plugin, tmp_path):
    (plugin / "metadata.txt").write_text("[general]\nname=x\n")
    options = ["--repository", "https://example.org/x/", "--email", "me@example.org"]
    plugin_zip.main([str(plugin), "--out", str(tmp_path), *options])
    with zipfile.ZipFile(tmp_path / "plugin.zip") as archive:
        told = archive.read("plugin/metadata.txt").decode()
    assert told.splitlines()[2:] == [
        "email=me@example.org",
        "homepage=https://example.org/x",
        "repository=https://example.org/x",
        "tracker=https://example.org/x/issues",
    ]
    # the plugin's own file stays
    assert (plugin / "metadata.txt").read_text() == "[general]\nname=x\n"
