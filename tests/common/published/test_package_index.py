from __future__ import annotations

import urllib.request

import pytest
from loopback_index import CERTIFICATE, KEY, running_index

from sam_common.errors import WeightsError
from sam_common.published.package_clients import PipSettings
from sam_common.published.package_index import address_of, connection, places

FILE = "tiny_data-1.0.tar.gz"


@pytest.fixture(autouse=True)
def alone(bare_pip):
    """No logins and proxies of the machine."""


@pytest.fixture
def index():
    with running_index() as running:
        running.add("tiny-data", FILE, b"archive")
        running.add("tiny-data", "tiny_data-0.9.tar.gz", b"older")
        yield running


def look(settings, name=FILE, package="tiny-data"):
    connect = connection(settings)
    (place,) = places(settings, package)
    return address_of(name, place, connect)


def read(settings, address):
    with connection(settings)(urllib.request.Request(address)) as answer:  # noqa: S310 - loopback
        return answer.read()


# ---------------------------------------------------------------- pages and folders


@pytest.mark.parametrize("form", ["html", "json"])
@pytest.mark.parametrize("end", ["", "/"])
def test_the_address_stands_on_the_page_of_the_package(form, end, index):
    index.form = form
    address = look(PipSettings(indexes=(index.url + end,)))
    assert address == f"http://{index.host}/files/tiny-data/{FILE}"
    assert index.paths == ["/simple/tiny-data/"]
    assert index.asked[0][1]["Accept"].startswith("application/vnd.pypi.simple.v1+json, ")


@pytest.mark.parametrize("package", ["tiny-data", "Tiny_Data", "tiny..data"])
def test_names_of_packages_have_one_spelling(package, index):
    assert FILE in look(PipSettings(indexes=(index.url,)), package=package)


def test_names_of_files_are_compared_without_case_and_separators(index):
    assert FILE in look(PipSettings(indexes=(index.url,)), "Tiny-Data-1.0.tar.gz")


def test_escaped_names_of_files(index):
    index.add("tiny-data", "tiny_data-1.0+cpu.tar.gz", b"other")
    address = look(PipSettings(indexes=(index.url,)), "tiny_data-1.0+cpu.tar.gz")
    assert address.endswith("/tiny_data-1.0%2Bcpu.tar.gz")


def test_places_are_in_the_order_of_pip_and_without_logins():
    settings = PipSettings(
        find_links=("/wheels", "https://me:word@links.invalid/all.html"),
        indexes=("https://me:word@one.invalid/simple", "/folder/of/index"),
    )
    assert list(places(settings, "Tiny.Data")) == [
        "/wheels",
        "https://links.invalid/all.html",
        "https://one.invalid/simple/tiny-data/",
        "/folder/of/index/tiny-data/",
    ]


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "simple" / "tiny-data"
    place.mkdir(parents=True)
    (place / FILE).write_bytes(b"archive")
    return place


@pytest.mark.parametrize("written", [str, lambda path: path.as_uri()], ids=["path", "address"])
def test_a_folder_of_files(written, folder):
    assert look(PipSettings(find_links=(written(folder),))) == (folder / FILE).as_uri()
    assert look(PipSettings(indexes=(written(folder.parent),))) == (folder / FILE).as_uri()


@pytest.mark.parametrize("written", [str, lambda path: path.as_uri()], ids=["path", "address"])
def test_a_folder_with_pages(written, folder, tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    (folder / FILE).rename(files / FILE)
    page = folder / "index.html"
    page.write_text(f'<a href="../../files/{FILE}">{FILE}</a>')
    settings = [PipSettings(indexes=(written(folder.parent),))]
    settings += [PipSettings(find_links=(written(page),))]
    for each in settings:
        assert look(each) == (files / FILE).as_uri()
        assert read(each, look(each)) == b"archive"


def test_a_server_cannot_name_files_of_this_disk(index, folder):
    index.page = f'<a href="{(folder / FILE).as_uri()}">{FILE}</a>'.encode()
    with pytest.raises(WeightsError, match=rf"has no {FILE}"):
        look(PipSettings(indexes=(index.url,)))


# ---------------------------------------------------------------- what is not there


def refused(settings, name=FILE, package="tiny-data"):
    with pytest.raises(WeightsError) as caught:
        look(settings, name, package)
    return str(caught.value)


def test_no_such_version(index):
    assert refused(PipSettings(indexes=(index.url,)), "tiny_data-2.0.tar.gz") == (
        f"{index.url}/tiny-data/ has no tiny_data-2.0.tar.gz (nor another file of this version)"
    )


def test_a_version_of_wheels_only(index):
    for name in ("tiny_data-2.0-py3-none-any.whl", "tiny_data-2.0.1.tar.gz", "other-2.0.tar.gz"):
        index.add("tiny-data", name, b"")
    assert refused(PipSettings(indexes=(index.url,)), "tiny_data-2.0.tar.gz") == (
        f"{index.url}/tiny-data/ has no tiny_data-2.0.tar.gz "
        "(of this version it has tiny_data-2.0-py3-none-any.whl)"
    )


def test_no_such_package(index):
    told = refused(PipSettings(indexes=(index.url,)), package="other")
    assert told == f"{index.url}/other/: HTTP 404 Not Found"


def test_an_index_that_is_down(index):
    with running_index() as stopped:
        settings = PipSettings(indexes=(stopped.url,))
    assert refused(settings) == f"{stopped.url}/tiny-data/: Connection refused"


def test_a_folder_that_is_not_there(tmp_path):
    for place in (str(tmp_path / "none"), (tmp_path / "none").as_uri()):
        assert refused(PipSettings(find_links=(place,))) == f"{place} is not there"


def test_a_folder_that_cannot_be_read(folder, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(folder), "iterdir", refuse)
    assert refused(PipSettings(find_links=(str(folder),))) == f"{folder}: Permission denied"


@pytest.mark.parametrize("address", ["ssh://host/simple", "http://host:port/simple"])
def test_an_address_that_is_none(address):
    assert refused(PipSettings(indexes=(address,))).startswith(f"{address}/tiny-data/: ")


def test_an_address_that_cannot_be_taken_apart():
    assert refused(PipSettings(indexes=("http://[::1/simple",))) == (
        "pip is configured to an address that is none: Invalid IPv6 URL"
    )


@pytest.mark.parametrize(
    ("form", "page"),
    [
        ("json", b"<html>"),
        ("json", b"{}"),
        ("json", b'{"files": 1}'),
        ("json", b'{"files": [{"filename": "a"}]}'),
        ("json", b"[]"),
        ("html", b"\xff\xfe"),
        ("html", b'<a href="http://[bad/a">a</a>'),
    ],
)
def test_a_page_of_something_else(form, page, index):
    index.form, index.page = form, page
    told = refused(PipSettings(indexes=(index.url,)))
    assert told == f"{index.url}/tiny-data/: no page of a package index"


def test_a_page_without_end_is_not_read(index, monkeypatch):
    monkeypatch.setattr("sam_common.published.package_index.PAGE_BYTES", 1000)
    index.page = b" " * 10_000
    asked = []

    def connect(request):
        answer = connection(PipSettings())(request)
        read = answer.read
        monkeypatch.setattr(answer, "read", lambda size: asked.append(size) or read(size))
        return answer

    page = f"{index.url}/tiny-data/"
    with pytest.raises(WeightsError) as caught:
        address_of(FILE, page, connect)
    assert str(caught.value) == f"{page}: larger than 1,000 bytes"
    assert asked == [1001]


# ---------------------------------------------------------------- logins


def with_login(index):
    return index.url.replace("://", "://m%65:p%40ss@")


def test_a_login_of_an_address_goes_to_its_host_for_pages_and_files(index):
    index.login = "me:p@ss"
    settings = PipSettings(indexes=(with_login(index),))
    assert read(settings, look(settings)) == b"archive"
    assert len(index.asked) == 2


def test_a_login_of_an_address_goes_to_no_other_host(index):
    with running_index() as other:
        other.add("tiny-data", FILE, b"archive")
        index.login, index.elsewhere = "me:p@ss", f"http://{other.host}"
        settings = PipSettings(indexes=(with_login(index),))
        assert read(settings, look(settings)) == b"archive"
    assert "Authorization" in index.asked[1][1]
    assert "Authorization" not in other.asked[0][1]


def test_a_login_of_the_netrc_file(index, tmp_path):
    index.login = "me:word"
    settings = PipSettings(indexes=(index.url,))
    assert refused(settings) == f"{index.url}/tiny-data/: HTTP 401 Unauthorized"
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password word\n")
    assert read(settings, look(settings)) == b"archive"
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me pass")
    assert refused(settings) == f"{index.url}/tiny-data/: HTTP 401 Unauthorized"


def test_the_netrc_file_of_the_home_folder(index, tmp_path, monkeypatch):
    index.login = "me:word"
    monkeypatch.delenv("NETRC")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "_netrc").write_text("machine 127.0.0.1 login me password word\n")
    assert FILE in look(PipSettings(indexes=(index.url,)))


def test_a_wrong_login_is_not_shown(index):
    index.login = "me:other"
    told = refused(PipSettings(indexes=(with_login(index),)))
    assert told == f"{index.url}/tiny-data/: HTTP 401 Unauthorized"


# ---------------------------------------------------------------- proxies and certificates


def test_a_proxy_of_pip(index):
    settings = PipSettings(indexes=("http://index.invalid/simple",), proxy=f"http://{index.host}")
    assert read(settings, look(settings)) == b"archive"
    assert index.paths[0] == "http://index.invalid/simple/tiny-data/"


def test_a_proxy_of_the_environment(index, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://{index.host}")
    assert FILE in look(PipSettings(indexes=("http://index.invalid/simple",)))


@pytest.fixture
def secure(tmp_path):
    with running_index(tmp_path) as running:
        running.add("tiny-data", FILE, b"archive")
        yield running


def test_a_certificate_that_nobody_signed_is_refused(secure):
    told = refused(PipSettings(indexes=(secure.url,)))
    assert told.startswith(f"{secure.url}/tiny-data/: ")
    assert "certificate verify failed" in told
    assert secure.asked == []


def test_a_certificate_that_pip_is_told_of(secure, tmp_path):
    (tmp_path / "all.pem").write_text(CERTIFICATE)
    settings = PipSettings(indexes=(secure.url,), cert=str(tmp_path / "all.pem"))
    assert read(settings, look(settings)) == b"archive"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:{port}"])
def test_a_host_that_is_trusted(host, secure):
    trusted = frozenset({host.format(port=secure.server_address[1])})
    settings = PipSettings(indexes=(secure.url,), trusted_hosts=trusted)
    assert read(settings, look(settings)) == b"archive"


def test_another_host_that_is_trusted(secure):
    settings = PipSettings(indexes=(secure.url,), trusted_hosts=frozenset({"localhost"}))
    assert "certificate verify failed" in refused(settings)


def test_a_certificate_of_the_user(secure, tmp_path):
    both = tmp_path / "me.pem"
    both.write_text(CERTIFICATE + KEY)
    settings = PipSettings(indexes=(secure.url,), cert=str(both), client_cert=str(both))
    assert read(settings, look(settings)) == b"archive"


@pytest.mark.parametrize("name", ["cert", "client_cert"])
def test_certificates_that_are_not_there(name, tmp_path):
    path = tmp_path / "none.pem"
    with pytest.raises(WeightsError) as caught:
        connection(PipSettings(**{name: str(path)}))
    assert str(caught.value) == (
        f"cannot use the certificates of pip, {path}: [Errno 2] No such file or directory"
    )


def test_a_folder_of_certificates(secure, tmp_path):
    settings = PipSettings(indexes=(secure.url,), cert=str(tmp_path))
    assert "certificate verify failed" in refused(settings)


def test_no_answer_in_the_time_of_pip(index):
    index.answering.clear()
    settings = PipSettings(indexes=(index.url,), timeout_s=0.2)
    # were that time not kept, the index would answer after all
    assert refused(settings) == f"{index.url}/tiny-data/: no answer in time"
