"""Object report: facts, planes and rows of objects, the least sure first, on a page of its own."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sam_common.errors import OutputError
from sam_common.window import Window
from sam_med.objects.segments import Segment, SliceConfidence
from sam_med.report import object_report
from sam_med.report.object_report import write_object_report
from sam_med.report.plates import COLOURS, Shown
from sam_med.slices.window_level import choose_stretch

MADE = {
    "notice": "For research.",
    "model": {"name": "net", "engine": "torch"},
    "method": "planes",
    "seconds": 12.34,
    "notes": ["a note <b>"],
}


def sure(k, confidence):
    return SliceConfidence(k, confidence, 0.9, 0.9, 0.9, None)


def block(name, value, start, stop, slices=()):
    window = Window(start, stop)
    return Segment(name, value, window, np.ones(window.shape, bool), slices=slices)


def row(label, *, status="ok", confidence=0.9, **more):
    return {
        "label": label,
        "status": status,
        "volume_ml": 12.345,
        "confidence": confidence,
        "at_least": None,
        "slices_to_check": 1,
        "rest_at_least": 0.812,
        **more,
    }


@pytest.fixture
def shown(phantom):
    found = [
        block("liver", 1, (1, 100, 60), (4, 150, 130), (sure(1, 0.9), sure(2, 0.8), sure(3, 0.7))),
        block("spleen & <co>", 2, (0, 170, 150), (5, 200, 200), (sure(0, 0.2), sure(1, 0.95))),
    ]
    return Shown(phantom, choose_stretch(phantom, preset="soft"), found)


def page(shown, rows, tmp_path, **more):
    path = tmp_path / "page.html"
    write_object_report(path, shown, {"labels": rows, **MADE, **more})
    return path.read_text()


def pictures(html):
    """All pictures of a page with their words."""
    found = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)"[^>]*alt="([^"]*)"', html)
    return [
        (np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), alt) for data, alt in found
    ]


def test_the_least_sure_object_comes_first(shown, tmp_path):
    html = page(shown, [row("liver"), row("spleen & <co>", confidence=0.2)], tmp_path)
    rows = re.findall(r'<th class="name" scope="row"><bdi>([^<]*)</bdi>', html)
    assert rows == ["spleen &amp; &lt;co&gt;", "liver"]
    assert "a note &lt;b&gt;" in html
    assert "For research." in html
    assert "12.3" in html
    assert "0.812" in html


def test_facts_stand_on_top(shown, tmp_path):
    html = page(shown, [row("liver"), row("spleen & <co>")], tmp_path)
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd><bdi>([^<]*)</bdi>", html))
    k, j, i = shown.volume.shape
    assert facts["Volume"].startswith(f"{i} × {j} × {k} voxels of 0.5 ×")  # noqa: RUF001
    assert facts["Shown as"].endswith("soft (width 400, level 40)")
    assert facts["Objects"] == "2 found"
    assert facts["Model"] == "net (torch)"
    assert facts["Seconds"] == "12.3"


@pytest.mark.parametrize(
    ("least", "planes"),
    [(0.05, ["axial", "coronal", "sagittal", "axial"]), (0.35, ["axial", "axial"])],
    ids=["all", "without strips"],
)
def test_each_object_has_its_planes_and_its_most_doubtful_slice(
    shown, tmp_path, monkeypatch, least, planes
):
    monkeypatch.setattr(object_report, "STRIP", least)
    html = page(shown, [row("liver"), row("spleen & <co>")], tmp_path)
    words = [alt for _, alt in pictures(html)]
    whole = [alt for alt in words if alt.endswith("the outlines of all objects")]
    assert len(whole) == len(planes) - 1
    liver = [alt for alt in words if alt.startswith("liver")]
    assert [alt.split(",")[1].strip() for alt in liver] == planes
    assert liver[-1].endswith("k = 3, the most doubtful: confidence 0.70")


def test_an_object_is_drawn_where_it_is_largest(shown, tmp_path):
    mask = shown.found[0].mask.copy()
    mask[0], mask[2, 10:] = False, False
    found = [replace(shown.found[0], mask=mask), shown.found[1]]
    html = page(replace(shown, found=found), [row("liver"), row("s")], tmp_path)
    first = next((picture, alt) for picture, alt in pictures(html) if alt.startswith("liver"))
    assert first[1] == "liver, axial, k = 2"
    near = np.abs(first[0].astype(int) - COLOURS[0]).max(axis=2) < 60
    assert np.count_nonzero(near) > 100


def test_what_was_not_found_is_told_first(shown, tmp_path):
    empty = Segment("cyst", 3, Window((0, 0, 0), (1, 1, 1)), np.zeros((1, 1, 1), bool))
    rows = [row("liver"), row("spleen"), row("cyst", status="empty", confidence=None)]
    html = page(replace(shown, found=[*shown.found, empty]), rows, tmp_path)
    assert "nothing was found for cyst" in html
    assert "2 found, 1 not found" in html
    names = re.findall(r'<th class="name" scope="row"><bdi>([^<]*)</bdi>', html)
    assert names[0] == "cyst"
    assert not any(alt.startswith("cyst") for _, alt in pictures(html))


def test_pictures_have_a_row_of_their_own(shown, tmp_path):
    html = page(shown, [row("liver"), row("spleen")], tmp_path)
    assert html.count('<td class="shots" colspan="7">') == 2
    assert '<th class="name">picture</th>' not in html


def test_the_histogram_is_about_slices(shown, tmp_path):
    html = page(shown, [row("liver"), row("spleen")], tmp_path)
    assert "Of 5 slices a tenth lies under" in html
    plain = [replace(one, slices=()) for one in shown.found]
    html = page(replace(shown, found=plain), [row("liver"), row("spleen")], tmp_path)
    assert "Confidence of slices" not in html


def test_columns_are_those_of_the_record(shown, tmp_path):
    rows = [
        {"label": one, "status": "ok", "added_voxels": 5, "removed_voxels": 7, "volume_ml": 1.0}
        for one in ("liver", "spleen")
    ]
    html = page(shown, rows, tmp_path)
    head = re.findall(r'<th class="name" scope="col">([^<]*)</th>', html)
    assert head == ["object", "status", "volume, ml", "voxels added", "voxels taken away"]


def test_the_volume_of_a_large_object_is_written_out(shown, tmp_path):
    html = page(shown, [row("liver", volume_ml=1480.25), row("spleen")], tmp_path)
    assert "<bdi>1,480</bdi>" in html


def test_names_of_files_are_not_told(shown, tmp_path):
    html = page(shown, [row("liver"), row("spleen")], tmp_path, written=["DOE_JOHN.nii.gz"])
    assert "DOE_JOHN" not in html
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")


def test_of_very_many_objects_the_least_sure_are_shown(shown, tmp_path, monkeypatch):
    monkeypatch.setattr(object_report, "MOST", 1)
    html = page(shown, [row("liver"), row("spleen", confidence=0.1)], tmp_path)
    assert "1 of 2 objects are shown" in html
    names = re.findall(r'<th class="name" scope="row"><bdi>([^<]*)</bdi>', html)
    assert names == ["spleen"]


def test_a_folder_that_is_missing_is_an_error(shown, tmp_path):
    with pytest.raises(OutputError, match=r"no such folder|cannot write"):
        page(shown, [row("liver"), row("spleen")], tmp_path / "no")
