"""Which slices belong together, and in which time points, on headers made up by hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_med.headers.slice_header import ImageFacts, SliceHeader
from sam_med.series.grouping import group

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def header(z, **changes):
    facts = {
        "path": Path(f"{z}{sorted(changes.items())}.dcm"),
        "series": "1.2",
        "number": "3",
        "modality": "MR",
        "size": (4, 5),
        "pixel_spacing_mm": (0.5, 0.75),
        "orientation": AXIAL,
        "position": (10.0, 20.0, float(z)),
    }
    return SliceHeader(**{**facts, **changes})


def different(one):
    """Every slice has pixels of its own."""
    return str(one.path).encode()


def same(_):
    return b"same"


def codes(series):
    return [d.code for d in series.diagnostics]


def of_code(series, code):
    return next(d for d in series.diagnostics if d.code == code)


def test_one_series_is_one_series():
    (series,) = group([header(z) for z in (4, 0, 2)], different)
    assert (series.number, series.size_ijk, series.plane) == (1, (5, 4, 3), "axial")
    assert codes(series) == []
    assert series.summary() == "series number 3, MR, 5 x 4 x 3, axial"


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"size": (8, 8)}, "mixed-size", "this part has 5 x 4 pixels"),
        ({"pixel_spacing_mm": (1, 1)}, "mixed-spacing", "this part has pixels of 0.75 x 0.5 mm"),
        ({"orientation": CORONAL}, "mixed-orientation", "this part is axial"),
        ({"frame_of_reference": "9"}, "mixed-frames-of-reference", "one of 2 parts"),
        ({"patient": "B"}, "mixed-patients", "one of 2 parts"),
        ({"stack": ("2", "", "", "")}, "mixed-stacks", "one of 2 stacks"),
        (
            {"facts": ImageFacts(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))},
            "localizer",
            "a localizer was split off",
        ),
    ],
)
def test_what_differs_splits_a_series_and_says_so(changes, code, message):
    others = [
        dataclasses.replace(header(z, position=(0.0, float(z), float(z))), **changes)
        for z in (0, 2)
    ]
    first, second = group([*others, *(header(z) for z in (0, 2, 4))], different)
    assert (first.size_ijk[2], second.size_ijk[2]) == (3, 2)
    assert (of_code(first, code).message) == message
    assert code in codes(second)


def test_other_series_are_not_parts_of_this_one():
    both = group([header(0), header(2), header(0, series="7"), header(2, series="7")], different)
    assert [codes(series) for series in both] == [[], []]


@settings(deadline=None)
@given(st.permutations(range(9)))
def test_the_order_of_files_does_not_matter(order):
    headers = [
        *(header(z) for z in range(3)),
        *(header(z, series="7", number="12") for z in range(3)),
        *(header(z, size=(8, 8)) for z in range(3)),
    ]
    listed = [series.summary() for series in group([headers[n] for n in order], different)]
    assert listed == [series.summary() for series in group(headers, different)]


def test_time_points_go_by_their_numbers():
    headers = [header(z, instance=1 + z + 3 * t) for t in (1, 0) for z in (2, 0, 1)]
    (series,) = group(headers, different)
    assert of_code(series, "repeated-positions").message == (
        "each of 3 position(s) occurs 2 times (2 time points)"
    )
    assert [[h.instance for h in stack.slices] for stack in series.stacks] == [[1, 2, 3], [4, 5, 6]]
    assert series.describe()["time_points"] == 2
    assert series.describe()["readable"]


def test_temporal_positions_come_before_instance_numbers():
    headers = [header(z, instance=9 - t, time=(float(t), 0.0)) for t in (0, 1, 2) for z in (0, 1)]
    (series,) = group(headers, different)
    assert [stack.slices[0].time[0] for stack in series.stacks] == [0, 1, 2]


def test_what_some_images_lack_orders_nothing():
    headers = [
        header(z, instance=1 + t, time=(None if (z, t) == (2, 1) else float(9 - t), 1.0))
        for t in (0, 1, 2)
        for z in (0, 2)
    ]
    (series,) = group(headers, different)
    assert [[h.instance for h in stack.slices] for stack in series.stacks] == [
        [1, 1],
        [2, 2],
        [3, 3],
    ]


def test_images_that_no_tag_puts_in_order_are_refused():
    headers = [header(z, instance=z, path=Path(f"{z}{t}")) for z in (0, 2) for t in "ab"]
    (series,) = group(headers, different)
    assert of_code(series, "unordered-images").message == (
        "each of 2 position(s) holds 2 different images, and no tag that all of them have says "
        "which was taken first"
    )
    assert not series.describe()["readable"]


def test_places_of_other_temporal_positions_are_refused():
    stated = {0: (1, 2, 3), 2: (1, 2, 4), 4: (1, 3, 4)}
    headers = [header(z, time=(float(t),), instance=10 * z + t) for z in stated for t in stated[z]]
    (series,) = group(headers, different)
    assert of_code(series, "incomplete-time-points").message == (
        "each of 3 positions occurs 3 times, but they state 4 temporal positions"
    )


def test_temporal_positions_that_are_counted_through_the_series():
    headers = [header(z, time=(float(10 * z + t),)) for z in (0, 2) for t in (2, 1)]
    (series,) = group(headers, different)
    assert [[h.time for h in stack.slices] for stack in series.stacks] == [
        [(1.0,), (21.0,)],
        [(2.0,), (22.0,)],
    ]


def test_kinds_of_image_at_the_same_places_are_series_of_their_own():
    kinds = (("", "M", "echo 2 ms", ""), ("", "P", "echo 2 ms", ""))
    headers = [header(z, stack=kind, instance=z) for kind in kinds for z in (0, 1, 2)]
    magnitude, phase = group(headers, different)
    assert of_code(magnitude, "mixed-stacks").message == "one of 2 stacks: M, echo 2 ms"
    assert phase.summary() == "series number 3, MR, 5 x 4 x 3, axial, P, echo 2 ms"
    assert len(magnitude.stacks) == len(phase.stacks) == 1


def test_kinds_that_share_no_place_are_one_series():
    headers = [header(z, stack=("", "AB"[z % 2], "", "")) for z in range(4)]
    assert len(group(headers, different)) == 1


def test_copies_are_dropped_aloud():
    headers = [header(0), header(2), header(2, path=Path("copy")), header(4)]
    (series,) = group(headers, same)
    assert of_code(series, "duplicate-slices").message == "1 slice(s) are stored twice"
    assert len(series.stacks[0].slices) == 3


def test_a_folder_with_everything_twice():
    headers = [header(z, instance=z, path=Path(f"{z}{c}")) for z in (1, 2, 3) for c in "ab"]
    (series,) = group(headers, same)
    assert codes(series) == ["duplicate-slices"]
    assert len(series.stacks[0].slices) == 3


def test_different_images_at_one_place_are_refused():
    (series,) = group([header(0), header(2), header(2, path=Path("x")), header(4)], different)
    said = of_code(series, "conflicting-slices")
    assert said.message == (
        "1 position(s) hold up to 2 different images, the first at 2.000 mm along the normal"
    )
    assert series.stacks == ()
    assert not series.describe()["readable"]


def test_a_time_point_that_lacks_a_slice_is_refused():
    headers = [header(z, instance=z + 9 * t) for t in (0, 1, 2) for z in range(5)]
    (series,) = group(headers[:-1], different)
    assert of_code(series, "incomplete-time-points").message == (
        "1 of 5 positions do not occur 3 times as the others do"
    )


def test_a_slice_without_a_place_is_not_split_off():
    headers = [header(0), header(2), header(4, position=(), orientation=())]
    (series,) = group(headers, different)
    assert codes(series) == ["missing-tags", "missing-tags"]


def test_photographs_of_one_series_are_chosen_one_by_one():
    headers = [
        header(n, modality="CR", position=(), orientation=(), path=Path(str(n))) for n in (1, 2)
    ]
    assert len(group(headers, different)) == 2


def test_frames_of_a_film_are_time_points():
    film = [
        header(0, modality="US", position=(), orientation=(), frame_number=n, path=Path("film"))
        for n in (3, 1, 2)
    ]
    (series,) = group(film, different)
    assert [stack.slices[0].frame_number for stack in series.stacks] == [1, 2, 3]
    assert "repeated-positions" in codes(series)


def test_no_name_uid_or_path_in_what_is_shown():
    canary = "CANARY"
    headers = [
        header(z, series=canary, patient=canary, frame_of_reference=canary, instance_uid=canary)
        for z in (0, 2)
    ]
    (series,) = group([dataclasses.replace(h, path=Path(canary)) for h in headers], different)
    assert canary not in repr((series.describe(), series.summary(), series.slices))
    assert series.matches(canary)
    assert series.matches("1")
    assert series.matches(1)
    assert not series.matches(2)
    assert not series.matches("")
