from __future__ import annotations

import os
import sys

import pytest

from sam_common.errors import DiskError, WeightsError
from sam_common.published import package_clients
from sam_common.published.package_clients import PipSettings, pip_settings, run_client

PYTHON = os.path.basename(sys.executable)  # noqa: PTH119 - as the messages name it


def python(code):
    return [sys.executable, "-c", code]


def test_a_client_runs_in_a_folder_and_says_what_it_said(tmp_path):
    said = run_client(python("import os; print(os.getcwd())"), tmp_path)
    assert said == f"{tmp_path}\n"


def test_what_is_shown_goes_to_stderr(capfd):
    assert run_client(python("print('50 %')"), show=True) == ""
    assert capfd.readouterr() == ("", "50 %\n")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise SystemExit('first\\nlast\\n\\n')", "last"),
        ("raise SystemExit(3)", "exit code 3"),
    ],
)
def test_a_client_that_fails_is_named_with_its_last_line(code, reason):
    with pytest.raises(WeightsError) as caught:
        run_client(python(code))
    assert str(caught.value) == f"{PYTHON} failed: {reason}"


def test_a_full_disk_is_told_as_such(tmp_path):
    with pytest.raises(DiskError, match="No space left on device"):
        run_client(python("raise SystemExit('OSError: No space left on device')"), tmp_path)


def test_settings_come_from_the_files_and_variables_of_pip(bare_pip, tmp_path, monkeypatch):
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\n"
        "index-url = https://me:word@mirror.invalid/simple\n"
        "extra_index_url =\n    https://one.invalid/simple\n    https://two.invalid/simple\n"
        "proxy = http://proxy.invalid:3128\n"
        "cert = /etc/global.pem\n"
        "trusted-host = mirror.invalid other.invalid:8443\n"
        "[download]\n"
        "cert = /etc/download.pem\n"
        "client-cert = /etc/me.pem\n"
        "[install]\n"
        "cert = /etc/install.pem\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels /more")
    monkeypatch.setenv("PIP_PROXY", "http://other.invalid:8080")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "180")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/all.pem")
    assert pip_settings() == PipSettings(
        find_links=("/wheels", "/more"),
        indexes=(
            "https://me:word@mirror.invalid/simple",
            "https://one.invalid/simple",
            "https://two.invalid/simple",
        ),
        proxy="http://other.invalid:8080",
        cert="/etc/download.pem",
        client_cert="/etc/me.pem",
        trusted_hosts=frozenset({"mirror.invalid", "other.invalid:8443"}),
        timeout_s=180.0,
    )


def test_a_pip_without_configuration_uses_its_own_index(bare_pip):
    settings = pip_settings()
    (index,) = settings.indexes
    assert index.startswith("https://")
    assert index.endswith("/simple")
    assert settings == PipSettings(indexes=(index,))


def test_no_index_leaves_the_links(bare_pip, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "true")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.invalid/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://one.invalid/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    assert pip_settings() == PipSettings(find_links=("/wheels",))


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_of_the_environment(variable, bare_pip, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv(variable, "/etc/all.pem")
    assert pip_settings().cert == "/etc/all.pem"


def test_a_timeout_that_is_no_number(bare_pip, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_TIMEOUT", "soon")
    with pytest.raises(WeightsError) as caught:
        pip_settings()
    assert "option timeout: invalid floating-point value: 'soon'" in str(caught.value)


def test_a_configuration_that_pip_cannot_read(bare_pip, tmp_path, monkeypatch):
    file = tmp_path / "pip.conf"
    file.write_text("index-url without a section\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    with pytest.raises(WeightsError, match=rf"^{PYTHON} failed: .*index-url without a section"):
        pip_settings()


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ("global.index-url=https://bare", "pip config list printed a value that is no text: "),
        ("", "pip names no package index: run pip config set global.index-url ADDRESS"),
    ],
)
def test_a_pip_that_says_something_else(listed, told, monkeypatch):
    monkeypatch.setattr(package_clients, "run_client", lambda *_arguments: listed)
    with pytest.raises(WeightsError) as caught:
        pip_settings()
    assert str(caught.value).startswith(told)


def test_passwords_are_not_shown():
    settings = PipSettings(indexes=("https://me:word@host/simple",), proxy="http://me:word@proxy")
    assert "word" not in repr(settings)
