"""Images at the same position: copies, time points, or a refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from dicom_faults import each, series
from scans import LINE, codes
from slice_headers import different, header, of_code, same

from sam_med.series.grouping import group


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


def test_frames_of_a_film_are_time_points():
    film = [
        header(0, modality="US", position=(), orientation=(), frame_number=n, path=Path("film"))
        for n in (3, 1, 2)
    ]
    (series,) = group(film, different)
    assert [stack.slices[0].frame_number for stack in series.stacks] == [1, 2, 3]
    assert "repeated-positions" in codes(series)


def copied(**tags):
    def fault(dicom):
        path = dicom.series(LINE)[2]
        dicom.write(pydicom.dcmread(path), "copy.dcm")
        dicom.change(dicom.folder / "copy.dcm", **tags)

    return fault


def another_slice_at_the_same_place(dicom):
    dicom.series(LINE)
    dicom.write(dicom.dataset(np.full((6, 8), 7, np.int16), ImagePositionPatient=[10, 20, 34]))


FAULTS = [
    (copied(), {"duplicate-slices"}, "read"),
    (copied(InstanceNumber=77, SOPInstanceUID="1.2.3"), {"duplicate-slices"}, "read"),
    (another_slice_at_the_same_place, {"conflicting-slices"}, "refused"),
    (copied(PixelData=bytes(96)), {"conflicting-slices"}, "refused"),
    (series(LINE * 3), {"repeated-positions"}, "refused"),
    (series((LINE * 3)[:-1]), {"incomplete-time-points"}, "refused"),
]


@each(FAULTS)
def test_faults_of_repeated_positions_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)
