"""A page as a browser would take it, without a browser: elements, text and pictures."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser

import numpy as np
from PIL import Image

EMPTY = {"meta", "img", "br", "path", "input"}
"""Elements without an end tag, those of SVG closed in themselves."""
APART = {"td", "th", "tr", "dt", "dd", "li", "p", "div", "h1", "h2", "h3", "br", "span", "summary"}
"""Elements that a browser sets apart from what stands before them."""
FETCHED = ("src", "href", "srcset", "data", "poster", "background", "action", "xlink:href")
"""Attributes that name something that is elsewhere."""
PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,")
"""How a picture that is in the page begins."""


class Page(HTMLParser):
    """Elements of a page in their order, each with its attributes and the text within it.

    Elements that are not closed, or closed in another order, raise `AssertionError`.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[dict] = []
        self._open: list[dict] = []
        self._said: list[str] = []
        self.feed(text)
        self.close()
        assert [each["tag"] for each in self._open] == []

    def handle_starttag(self, tag, attrs):
        if tag in APART:
            self._said.append(" ")
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), attrs
        within = [each["tag"] for each in self._open]
        self.elements.append({"tag": tag, "within": within, "from": len(self._said), **dict(attrs)})
        if tag in EMPTY:
            self.elements[-1]["text"] = ""
        else:
            self._open.append(self.elements[-1])

    def handle_startendtag(self, tag, attrs):
        self.elements.append({"tag": tag, "within": [], "text": "", **dict(attrs)})

    def handle_endtag(self, tag):
        assert self._open, tag
        element = self._open.pop()
        assert element["tag"] == tag
        element["text"] = "".join(self._said[element["from"] :])

    def handle_data(self, data):
        self._said.append(data)

    def find(self, tag: str, **attributes: str) -> list[dict]:
        """Elements of a tag whose attributes have these words among theirs."""
        return [
            each
            for each in self.elements
            if each["tag"] == tag
            and all(
                word in (each.get(name.rstrip("_")) or "").split()
                for name, word in attributes.items()
            )
        ]

    @property
    def text(self) -> str:
        """What the page says, each run of blanks as one, without its style."""
        (body,) = self.find("body")
        return words(body)

    @property
    def fetched(self) -> list[str]:
        """Whatever is named by the elements of the page, pictures in it left out."""
        named = [each[name] for each in self.elements for name in FETCHED if each.get(name)]
        return [each for each in named if not each.startswith(PICTURES)]

    def section(self, name: str) -> str:
        """The text of the section with an id."""
        (found,) = self.find("section", id=name)
        return words(found)


def words(element: dict) -> str:
    """The text of an element, each run of blanks as one."""
    return " ".join(element["text"].split())


def picture(uri: str) -> np.ndarray:
    """(H, W, 4) pixels of a picture in a data URI, colour and opacity."""
    head, _, data = uri.partition(",")
    assert f"{head}," in PICTURES
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data, validate=True))).convert("RGBA"))


def style(element: dict) -> dict[str, str]:
    """The declarations of an element's own style."""
    parts = (part.split(":", 1) for part in element["style"].split(";"))
    return {name.strip(): value.strip() for name, value in parts}
