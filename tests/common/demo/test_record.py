"""Records of a demo: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from sam_common.demo.record import (
    PARTS,
    Origin,
    Picture,
    origin_of,
    read_parts,
    record_path,
    write_part,
)
from sam_common.errors import InputError
from sam_common.published import checkpoints, samples


def test_what_is_written_is_read_again(make_part, tmp_path):
    parts = [make_part("trees"), make_part("abdomen", table=None, gallery=(), facts={})]
    for part in reversed(parts):
        assert write_part(part, tmp_path) == tmp_path / f"demo_{part.name}.json"
    assert read_parts(tmp_path) == parts


def test_an_empty_folder_has_no_part(tmp_path):
    assert read_parts(tmp_path) == []


def test_a_second_demo_replaces_the_first(make_part, tmp_path):
    write_part(make_part("trees", title="first"), tmp_path)
    write_part(make_part("trees", title="second"), tmp_path)
    assert [part.title for part in read_parts(tmp_path)] == ["second"]


def test_files_of_a_part(make_part):
    assert make_part("trees").files == (
        "trees.jpg", "trees_doubt.jpg", "trees_plain.jpg", "trees.tif",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _: "[]", "not an object of JSON"),
        (lambda text: text[:40], "Unterminated|Expecting"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "of another format or version"),
        (lambda text: text.replace("sam-geomed-demo", "other"), "of another format or version"),
        (
            lambda text: text.replace('"name": "trees"', '"name": "rocks"'),
            "no part of the demo: rocks",
        ),
        (
            lambda text: text.replace('"title"', '"headline"'),
            "unexpected keyword argument 'headline'",
        ),
        (lambda text: text.replace('"alt"', '"tall"'), "unexpected keyword argument 'tall'"),
        (lambda text: text.replace('"figures"', '"numbers"'), "'figures'"),
        (lambda _: "\xff", "codec can't decode"),
    ],
)
def test_what_is_no_record_is_named(change, reason, make_part, tmp_path):
    path = write_part(make_part("trees"), tmp_path)
    path.write_bytes(change(path.read_text()).encode("latin-1"))
    with pytest.raises(InputError, match=reason) as caught:
        read_parts(tmp_path)
    assert str(caught.value).startswith(f"{path} is no record of this demo: ")
    assert str(caught.value).endswith("(run the demo again, or remove it)")


def test_a_file_that_is_gone(make_part, tmp_path):
    write_part(make_part("trees"), tmp_path)
    (tmp_path / "trees.tif").unlink()
    with pytest.raises(InputError) as caught:
        read_parts(tmp_path)
    assert str(caught.value) == (
        f"{record_path('trees', tmp_path)} names trees.tif, which is not beside it "
        "(run the demo again, or remove it)"
    )


@pytest.mark.parametrize(
    "name", ["../trees.jpg", "/etc/passwd", "https://a.example/x", "", ".x", "a b"]
)
def test_a_record_leads_nowhere_else(name, make_part, tmp_path):
    path = write_part(make_part("trees"), tmp_path)
    content = json.loads(path.read_text())
    content["pictures"][0]["file"] = name
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="names a file that does not lie beside it"):
        read_parts(tmp_path)


def test_origins_are_those_of_the_registries():
    one = origin_of(samples.sample_info("abdomen_ct_dicom"))
    assert (one.name, one.licence[:10]) == ("abdomen_ct_dicom", "Apache-2.0")
    assert origin_of(checkpoints.model_info("mobile_sam")).licence == "Apache-2.0"
    given = SimpleNamespace(name="n", licence="l", citation="c", provenance="p")
    assert origin_of(given) == Origin("n", "l", "c", "p")


def test_the_parts_have_an_order():
    assert PARTS == ("trees", "landcover", "abdomen", "kidney")
    assert Picture("a.jpg", "", "", 1, 1).plain == ""
