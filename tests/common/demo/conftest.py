"""Parts of a demo whose files are there."""

from __future__ import annotations

import pytest

from sam_common.demo.record import Figure, Origin, Output, Part, Picture, Table


@pytest.fixture
def make_part(tmp_path):
    """Make a part with a picture, and write the files that it names."""

    def make(name, **changes):
        picture = Picture(f"{name}.jpg", "a picture", "to be seen", 40, 30, f"{name}_plain.jpg")
        fields = {
            "name": name,
            "title": f"Part {name}",
            "text": ("One paragraph.", "Another one."),
            "seconds": {"read": 0.04, "segment": 12.3},
            "pictures": (picture,),
            "figures": (Figure("mean Dice", "0.950", "with the truth"),),
            "table": Table(
                ("organ", "Dice"), (("liver", "0.97"), ("spleen", "0.93")), "as shipped"
            ),
            "gallery": (Picture(f"{name}_doubt.jpg", "a slice", "look here", 20, 20),),
            "gallery_title": "Slices to look at",
            "outputs": (Output(f"{name}.tif", "the map"),),
            "origins": (Origin("scan", "Apache-2.0", "Author, 2023", "Member x of y"),),
            "commands": ("sam-geo prompt a b",),
            "facts": {"axes": "S P L"},
            **changes,
        }
        part = Part(**fields)
        for file in part.files:
            (tmp_path / file).write_bytes(b"x")
        return part

    return make
