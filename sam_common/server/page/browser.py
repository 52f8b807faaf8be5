"""Browser: the address of the page with its token, and how a browser is led to it."""

from __future__ import annotations

import html
import json
import webbrowser
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def page_address(host: str, port: int, token: str, session: str | None = None) -> str:
    """The address of the page; its fragment, which no browser sends anywhere, holds the token.

    >>> page_address("127.0.0.1", 80, "abc", "s1")
    'http://127.0.0.1:80/#token=abc&session=s1'
    """
    named = f"[{host}]" if ":" in host else host
    known = {"token": token} if session is None else {"token": token, "session": session}
    return f"http://{named}:{port}/#{urlencode(known)}"


def open_browser(
    address: str, folder: Path, opener: Callable[[str], bool] = webbrowser.open
) -> bool:
    """Lead the user's browser to an address, and tell whether there is one.

    The command line of a browser can be read by every user of the machine, so it gets the name of a
    private file that leads on to the address.

    Args:
        address: Address with a token.
        folder: A folder that only the user may enter.
        opener: Opens an address in a browser.
    """
    path = folder / "open.html"
    path.touch(mode=0o600)
    link = html.escape(address, quote=True)
    target = json.dumps(address).replace("<", "\\u003c")
    path.write_text(
        "<!doctype html><meta charset=utf-8><meta name=referrer content=no-referrer>"
        f"<title>sam-geomed</title><script>location.replace({target})</script>"
        f'<p><a href="{link}">Open the page</a></p>\n',
        encoding="utf-8",
    )
    try:
        return opener(path.as_uri())
    except webbrowser.Error:
        return False
