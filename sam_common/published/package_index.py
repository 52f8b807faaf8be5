"""Package indexes: the address of one file of a Python package, found as pip finds it.

pip itself cannot be asked for a source archive alone: `pip download` runs the package's own build
code to learn its dependencies. So the pages of the index are read here, by the specification of the
simple repository API, with pip's settings. Logins come from the addresses and from the user's netrc
file.
"""

from __future__ import annotations

import json
import netrc
import os
import re
import ssl
import urllib.request
from base64 import b64encode
from functools import partial
from html.parser import HTMLParser
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from sam_common.errors import WeightsError
from sam_common.published.download import reason_of
from sam_common.support.addresses import public_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from http.client import HTTPResponse
    from urllib.request import Request

    from sam_common.published.download import Connect
    from sam_common.published.package_clients import PipSettings

ACCEPT = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, "
    "text/html;q=0.1"
)
"""Forms of a page that are understood, as the simple repository API names them."""
PAGE_BYTES = 1 << 26
"""Size above which a page is not read."""
ENDING = r"\.(tar\.\w+|zip|whl|egg|exe)$"
"""Ends of the names of files of packages."""


def connection(settings: PipSettings) -> Connect:
    """A function that opens addresses with pip's proxy, certificates, timeout and logins.

    Raises:
        WeightsError: If a file of certificates cannot be read, or an address is none.
    """
    proxies = dict.fromkeys(("http", "https"), settings.proxy) if settings.proxy else None
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies),
        _Https(settings),
        _Logins(_logins((*settings.find_links, *settings.indexes))),
    )
    return partial(opener.open, timeout=settings.timeout_s)


def places(settings: PipSettings, package: str) -> Iterator[str]:
    """Where pip looks for the files of a package: folders and pages, logins removed."""
    yield from (_without_login(place) for place in settings.find_links)
    for index in settings.indexes:
        yield f"{_without_login(index).rstrip('/')}/{canonical(package)}/"


def address_of(file_name: str, place: str, connect: Connect) -> str:
    """The address of a file, as a folder or a page of an index gives it.

    Args:
        file_name: Name of the file; letter case and the kind of its separators are ignored.
        place: One of `places`.
        connect: Function that opens addresses.

    Returns:
        Address, http, https or file.

    Raises:
        WeightsError: If the page cannot be read or does not list the file.
    """
    links = _listed(place, connect)
    for name, address in links.items():
        if canonical(name) == canonical(file_name):
            return address
    raise WeightsError(f"{public_name(place)} has no {file_name} ({_what_else(file_name, links)})")


def canonical(name: str) -> str:
    """A name of a package or of one of its files in the spelling in which all are compared.

    >>> canonical("Total_Segmentator")
    'total-segmentator'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def _what_else(file_name: str, names: Iterable[str]) -> str:
    """What a place has instead of a file, in a few words."""
    stem = re.sub(ENDING, "", file_name)
    alike = [
        name
        for name in names
        if canonical(name).startswith(canonical(stem))
        and re.match(rf"-|{ENDING}", name[len(stem) :])
    ]
    if alike:
        return f"of this version it has {', '.join(alike)}"
    return "nor another file of this version"


def _listed(place: str, connect: Connect) -> Mapping[str, str]:
    """The files that a folder holds or a page lists: name and address."""
    if "://" in place and not place.startswith("file:"):
        return _links(place, connect)
    at = urlsplit(place).path if place.startswith("file:") else ""
    path = (Path(urllib.request.url2pathname(at)) if at else Path(place)).absolute()
    try:
        page = path / "index.html" if path.is_dir() else path
        if page.is_file():
            return _links(page.as_uri(), connect)
        if path.is_dir():
            return {each.name: each.as_uri() for each in path.iterdir()}
    except OSError as error:
        raise WeightsError(f"{place}: {error.strerror}") from error
    raise WeightsError(f"{place} is not there")


def _links(page: str, connect: Connect) -> Mapping[str, str]:
    """The files that a page of an index lists: name and address.

    Raises:
        WeightsError: If the page cannot be read, or is none of an index.
    """
    try:
        request = urllib.request.Request(page, headers={"Accept": ACCEPT})  # noqa: S310 - pip's settings
        with connect(request) as response:
            body = response.read(PAGE_BYTES + 1)
            kind, base = response.headers.get_content_type(), response.url
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()
        reason = str(error) if isinstance(error, ValueError) else reason_of(error)
        raise WeightsError(f"{public_name(page)}: {reason}") from error
    if len(body) > PAGE_BYTES:
        raise WeightsError(f"{public_name(page)}: larger than {PAGE_BYTES:,} bytes")
    try:
        found = _json_links(body) if kind.endswith("+json") else _html_links(body)
        addresses = {
            name: _without_login(urldefrag(urljoin(base, link)).url) for name, link in found
        }
    except (ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"{public_name(page)}: no page of a package index") from error
    # a server has no say in which files of this disk are read
    schemes = {"file", "http", "https"} if base.startswith("file:") else {"http", "https"}
    return {name: url for name, url in addresses.items() if urlsplit(url).scheme in schemes}


def _json_links(body: bytes) -> Iterator[tuple[str, str]]:
    for file in json.loads(body)["files"]:
        yield str(file["filename"]), str(file["url"])


def _html_links(body: bytes) -> Iterator[tuple[str, str]]:
    reader = _Anchors()
    reader.feed(body.decode("utf-8"))
    for href in reader.hrefs:
        link = urljoin(reader.base, href)
        yield unquote(urlsplit(link).path.rpartition("/")[2]), link


class _Anchors(HTMLParser):
    """Reader of the links of a page, and of the address to which they are relative."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the link of an `a` or `base` element."""
        href = dict(attrs).get("href")
        if href and tag == "a":
            self.hrefs.append(href.strip())
        elif href and tag == "base":
            self.base = self.base or href.strip()


def _without_login(address: str) -> str:
    """An address without user and password, as connections are made to the host alone."""
    return re.sub(r"^(\w+://)[^/@]*@", r"\1", address)


def _logins(addresses: Iterable[str]) -> Mapping[str, tuple[str, str]]:
    """User and password of hosts, `host` or `host:port`, as addresses give them."""
    try:
        parts = [urlsplit(address) for address in addresses if "://" in address]
    except ValueError as error:
        raise WeightsError(f"pip is configured to an address that is none: {error}") from error
    return {
        part.netloc.rpartition("@")[2]: (unquote(part.username), unquote(part.password or ""))
        for part in parts
        if part.username is not None
    }


class _Logins(urllib.request.BaseHandler):
    """Adds the login of a host to requests to this host, and to no other after a redirect."""

    def __init__(self, known: Mapping[str, tuple[str, str]]) -> None:
        self._known = known

    def http_request(self, request: Request) -> Request:
        """Add the header of a login, where one is known."""
        login = self._known.get(request.host) or _netrc_login(request.host)
        if login is not None:
            token = b64encode(":".join(login).encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {token}")
        return request

    https_request = http_request


def _netrc_login(host: str) -> tuple[str, str] | None:
    """User and password of a host in $NETRC or the netrc file of the home folder."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - never fails
    named = os.environ.get("NETRC")
    for path in [Path(named)] if named else [home / ".netrc", home / "_netrc"]:
        try:
            found = netrc.netrc(path).authenticators(host.partition(":")[0])
        except (OSError, netrc.NetrcParseError):
            continue  # as pip does: the index answers that a login is needed
        if found is not None:
            return found[0], found[2] or ""
    return None


class _Https(urllib.request.HTTPSHandler):
    """Connects to https hosts with pip's certificates; those of trusted hosts are not verified."""

    def __init__(self, settings: PipSettings) -> None:
        self._trusted = settings.trusted_hosts
        self._verified = _tls(settings)
        self._unverified = _tls(settings)
        self._unverified.check_hostname = False
        self._unverified.verify_mode = ssl.CERT_NONE
        super().__init__(context=self._verified)

    def https_open(self, req: Request) -> HTTPResponse:
        """Open an address with the context that its host gets."""
        trusted = {req.host, req.host.partition(":")[0]} & self._trusted
        context = self._unverified if trusted else self._verified
        return self.do_open(HTTPSConnection, req, context=context)


def _tls(settings: PipSettings) -> ssl.SSLContext:
    bundle = Path(settings.cert) if settings.cert else None
    try:
        if bundle is None or bundle.is_dir():
            context = ssl.create_default_context(capath=bundle)
        else:
            context = ssl.create_default_context(cafile=bundle)
        if settings.client_cert:
            context.load_cert_chain(settings.client_cert)
    except (OSError, ssl.SSLError) as error:
        named = settings.client_cert or settings.cert
        raise WeightsError(f"cannot use the certificates of pip, {named}: {error}") from error
    return context
