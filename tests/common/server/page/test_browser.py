from __future__ import annotations

import re
import webbrowser
from urllib.parse import parse_qs, urlsplit

import pytest

from sam_common.server.page.browser import open_browser, page_address


@pytest.mark.parametrize(("host", "netloc"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")])
def test_the_token_stands_in_the_fragment_alone(host, netloc):
    found = urlsplit(page_address(host, 80, "a&b#c", "s1"))
    assert (found.netloc, found.path, found.query) == (netloc, "/", "")
    assert parse_qs(found.fragment) == {"token": ["a&b#c"], "session": ["s1"]}


def test_the_browser_gets_a_private_file_and_no_token(tmp_path):
    given = []
    address = "http://127.0.0.1:80/#token=secret&session=s1"
    assert open_browser(address, tmp_path, lambda url: not given.append(url))
    assert given == [(tmp_path / "open.html").as_uri()]
    assert "secret" not in given[0]
    assert (tmp_path / "open.html").stat().st_mode & 0o077 == 0
    text = (tmp_path / "open.html").read_text()
    assert re.search(r'location\.replace\("(.*?)"\)', text)[1] == address


def test_an_address_cannot_leave_its_script(tmp_path):
    open_browser('http://x/#"</script><script>', tmp_path, lambda _url: True)
    assert (tmp_path / "open.html").read_text().count("<script>") == 1


def test_a_machine_without_a_browser_is_told(tmp_path):
    def none(_url):
        raise webbrowser.Error("could not locate runnable browser")

    assert open_browser("http://127.0.0.1:80/", tmp_path, none) is False
    assert open_browser("http://127.0.0.1:80/", tmp_path, lambda _url: False) is False
