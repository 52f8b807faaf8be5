"""Frames lie where their file says, however it says so."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from dicom_faults import each
from numpy.testing import assert_allclose
from pydicom.dataset import Dataset
from scans import message_of

from sam_med.files.read import read_volume
from sam_med.report.geometry_report import describe_path

LINE = [(10, 20, 30 + 2 * n) for n in range(4)]


def test_a_tomogram_goes_down_where_its_step_is_negative(dicom):
    path = dicom.tomogram(dicom.pixels(5))
    volume = read_volume(path)
    # sorted along the normal, as all stacks are: the last frame is the lowest
    assert np.array_equal(volume.array, dicom.pixels(5)[::-1])
    assert_allclose(volume.to_world([0, 0, 0]), [-96, -96, 84])
    assert_allclose(volume.to_world([4, 0, 0]), [-96, -96, 100])
    assert volume.frame_numbers == (5, 4, 3, 2, 1)


def test_a_tomogram_as_itk_places_it(dicom):
    path = dicom.tomogram(dicom.pixels(5), step=3)
    volume, oracle = read_volume(path), sitk.ReadImage(str(path))
    assert_allclose(volume.to_world([2, 1, 3]), oracle.TransformIndexToPhysicalPoint((3, 1, 2)))
    assert np.array_equal(volume.array, sitk.GetArrayFromImage(oracle))


def test_frames_of_a_tomogram_are_in_the_order_of_their_vector(dicom):
    path = dicom.tomogram(dicom.pixels(4), step=4, vectors={"SliceVector": [3, 1, 4, 2]})
    assert read_volume(path).frame_numbers == (2, 4, 1, 3)


def test_a_gated_tomogram_has_time_points(dicom):
    vectors = {"SliceVector": [1, 2, 3] * 2, "TimeSlotVector": [1, 1, 1, 2, 2, 2]}
    path = dicom.tomogram(dicom.pixels(6), vectors=vectors, kind="RECON GATED TOMO")
    (one,) = describe_path(path)["series"]
    assert (one["size_ijk"], one["time_points"]) == ([8, 6, 3], 2)
    assert np.array_equal(read_volume(path, time=2).array, dicom.pixels(6)[:2:-1])


def test_energy_windows_are_series_of_their_own(dicom):
    vectors = {"SliceVector": [1, 2, 3] * 2, "EnergyWindowVector": [1, 1, 1, 2, 2, 2]}
    path = dicom.tomogram(dicom.pixels(6), vectors=vectors)
    kinds = [one["kind"] for one in describe_path(path)["series"]]
    assert [kind.split("TOMO ")[1] for kind in kinds] == [
        "EMISSION energy window 1",
        "EMISSION energy window 2",
    ]


def test_a_tomogram_without_a_place_is_not_called_a_film(dicom):
    path = dicom.tomogram(dicom.pixels(4), place=None)
    assert message_of(path).startswith("frames-without-places: the file holds 4 frames")


def test_a_tomogram_without_a_step_goes_by_its_thickness_and_says_so(dicom):
    volume = read_volume(dicom.tomogram(dicom.pixels(3), step=None))
    assert volume.spacing_mm[0] == 4
    assert "frames-by-step" in {d.code for d in volume.diagnostics}


def test_views_of_a_camera_are_no_slices(dicom):
    path = dicom.tomogram(dicom.pixels(4), kind="TOMO")
    assert message_of(path).startswith("repeated-positions: ")


@pytest.mark.parametrize("step", [0.3, -0.3])
def test_frames_follow_each_other_at_the_stated_step(step, dicom):
    path = dicom.write(dicom.dataset(dicom.pixels(5), NumberOfFrames=5, SpacingBetweenSlices=step))
    volume = read_volume(path)
    assert_allclose(
        min(volume.to_world([[k, 0, 0] for k in range(5)])[:, 2]), min(30, 30 + 4 * step)
    )
    assert_allclose(volume.spacing_mm[0], 0.3)
    order = 1 if step > 0 else -1
    assert np.array_equal(volume.array, dicom.pixels(5)[::order])


def test_frames_follow_a_vector_of_locations(dicom):
    file = dicom.dataset(dicom.pixels(4), NumberOfFrames=4)
    file.SliceLocationVector = [7, 9, 12, 14]
    volume = read_volume(dicom.write(file))
    places = volume.to_world([[k, 0, 0] for k in range(4)])
    assert_allclose(places, [(10, 20, z) for z in (30, 32, 35, 37)])


def test_frames_of_one_place_may_be_times(dicom):
    file = dicom.dataset(dicom.pixels(4), NumberOfFrames=4, Modality="MR", FrameTime=40)
    file.FrameIncrementPointer = 0x00181063
    path = dicom.write(file)
    assert "4 time points" in message_of(path)
    volume = read_volume(path, time=3)
    assert np.array_equal(volume.array, dicom.pixels(4)[2:3])
    assert_allclose(volume.to_world([0, 0, 0]), [10, 20, 30])


def test_frames_that_lie_nobody_knows_where_are_refused_for_that(dicom):
    path = dicom.write(dicom.dataset(dicom.pixels(4), NumberOfFrames=4))
    assert message_of(path).startswith(
        "frames-without-places: the file holds 4 frames (refused: have the file exported with the "
        "places of its frames)"
    )


def test_one_place_beside_functional_groups_is_not_that_of_each_frame(dicom):
    file = dicom.enhanced(LINE, dicom.pixels(4), ImagePositionPatient=[10, 20, 30])
    for groups in file.PerFrameFunctionalGroupsSequence:
        del groups.PlanePositionSequence
    file.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    assert message_of(dicom.write(file, "a")).startswith("frames-without-places: ")
    file.SpacingBetweenSlices = 2
    (dicom.folder / "a").unlink()
    volume = read_volume(dicom.write(file, "b"))
    assert_allclose(volume.to_world([3, 0, 0]), [10, 20, 36])


def test_an_ultrasound_volume_has_the_places_of_its_own_system(dicom):
    volume = read_volume(dicom.write(dicom.ultrasound()))
    assert_allclose(volume.to_world([3, 0, 0]), LINE[3])
    assert "volume-places" in {d.code for d in volume.diagnostics}


def test_kinds_of_data_in_an_ultrasound_volume_are_series_of_their_own(dicom):
    file = dicom.ultrasound()
    file.NumberOfFrames = 8
    file.PixelData = dicom.pixels(8).tobytes()
    groups = list(file.PerFrameFunctionalGroupsSequence)
    again = [pydicom.Dataset() for _ in groups]
    for one, same in zip(groups, again, strict=True):
        same.update(one)
    for members, kind in ((groups, "TISSUE_INTENSITY"), (again, "FLOW_VELOCITY")):
        for one in members:
            one.ImageDataTypeSequence = [Dataset()]
            one.ImageDataTypeSequence[0].DataType = kind
    file.PerFrameFunctionalGroupsSequence = [*groups, *again]
    facts = describe_path(dicom.write(file))
    assert {one["kind"].split()[-1] for one in facts["series"]} == {
        "TISSUE_INTENSITY",
        "FLOW_VELOCITY",
    }


def frames(**tags):
    return lambda dicom: dicom.write(dicom.dataset(dicom.pixels(6), NumberOfFrames=6, **tags))


def ultrasound_volume(dicom):
    dicom.write(dicom.ultrasound())


FAULTS = [
    (frames(), {"frames-without-places"}, "refused"),
    (frames(SpacingBetweenSlices=2), {"frames-by-step", "multi-frame"}, "read"),
    (ultrasound_volume, {"volume-places", "multi-frame"}, "read"),
]


@each(FAULTS)
def test_faults_of_frames_without_places_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)
