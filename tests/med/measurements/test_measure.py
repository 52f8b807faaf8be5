from __future__ import annotations

import dataclasses
import json

import dicom_volumes
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from numpy.testing import assert_allclose

from sam_common.window import Window
from sam_med.cli.main import main
from sam_med.files.grid_files import write_grid
from sam_med.files.read import read_volume
from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume
from sam_med.measurements.measure import measure
from sam_med.objects.labels import Label, LabelMap
from sam_med.objects.object_size import slice_thickness_mm
from sam_med.objects.segments import Segment


def test_organs_as_measured_by_itk(data):
    """All 61 labels of a CT; its grid is turned against the axes of LPS."""
    folder = data / "med/volumes/ct_abdomen"
    volume = read_volume(folder / "ct.nii.gz", modality="CT")
    array = read_volume(folder / "organs.nii.gz").array.astype(np.uint8)
    values = [int(v) for v in np.unique(array) if v]
    labels = LabelMap(array, tuple(Label(str(v), v, 0, 0) for v in values))
    oracle = sitk.LabelIntensityStatisticsImageFilter()
    oracle.Execute(
        sitk.ReadImage(str(folder / "organs.nii.gz"), sitk.sitkUInt8),
        sitk.ReadImage(str(folder / "ct.nii.gz"), sitk.sitkFloat64),
    )
    rows = measure(volume, labels)
    assert len(rows) == 61
    for row in rows:
        v = row.value
        n = oracle.GetNumberOfPixels(v)
        assert row.voxels == n
        assert_allclose(row.volume_ml, oracle.GetPhysicalSize(v) / 1000, rtol=1e-6)
        assert_allclose(row.mean, oracle.GetMean(v), rtol=1e-9, atol=1e-9)
        sd = oracle.GetStandardDeviation(v) * np.sqrt((n - 1) / n)
        assert_allclose(row.sd, sd, rtol=1e-6, atol=1e-6)
        assert (row.minimum, row.maximum) == (oracle.GetMinimum(v), oracle.GetMaximum(v))
        assert_allclose(row.centre_lps_mm, oracle.GetCentroid(v), atol=1e-3)
        assert row.units == "HU"
        assert row.partial == (oracle.GetNumberOfPixelsOnBorder(v) > 0)
        box = oracle.GetBoundingBox(v)
        assert_allclose(row.extent_ijk_mm, np.multiply(box[3:], 3.0), rtol=1e-5)


@pytest.fixture
def box():
    array = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
    return Volume(array, frames.from_itk((0, 0, 0), (1, 2, 4), np.eye(3).ravel().tolist()))


def segment(start, stop, shape=(5, 6, 7)):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
    return Segment("thing", 3, Window((0, 0, 0), shape), mask)


@pytest.mark.parametrize(
    ("start", "stop", "touches"),
    [
        ((1, 1, 1), (4, 5, 6), ()),
        ((0, 1, 1), (4, 5, 6), ("first slice",)),
        ((1, 1, 1), (5, 6, 6), ("last slice", "last row")),
        ((1, 0, 0), (4, 5, 7), ("first row", "first column", "last column")),
    ],
)
def test_objects_at_the_edge_are_flagged(start, stop, touches, box):
    (row,) = measure(box, [segment(start, stop)])
    assert row.touches == touches
    assert row.partial == bool(touches)
    size = np.subtract(stop, start)
    assert row.volume_ml == pytest.approx(size.prod() * 8 / 1000)
    assert row.extent_ijk_mm == tuple(size[::-1] * (1.0, 2.0, 4.0))


def test_a_segment_in_its_window_is_the_same(box):
    whole = segment((1, 2, 3), (3, 4, 6))
    window = Window((1, 1, 2), (4, 5, 7))
    part = dataclasses.replace(whole, window=window, mask=whole.mask[window.slices])
    assert measure(box, [whole]) == measure(box, [part])


def test_no_voxels(box):
    nothing = Segment("nothing", 2, Window((0, 0, 0), (1, 1, 1)), np.zeros((1, 1, 1), bool))
    (row,) = measure(box, [nothing])
    assert (row.voxels, row.volume_ml, row.mean, row.centre_lps_mm) == (0, 0, None, None)
    assert (row.extent_ijk_mm, row.touches, row.partial) == ((0, 0, 0), (), False)
    json.dumps(row.as_dict(), allow_nan=False)


def test_uneven_slices_by_hand():
    #  |--.--|--.-|.|--.--|    slices at 0, 4, 6 and 8; borders half way between
    frame = frames.from_itk((0, 0, 0), (1, 1, 8 / 3), np.eye(3).ravel().tolist())
    origins = np.array([[0, 0, z] for z in (0.0, 4.0, 6.0, 8.0)])
    volume = Volume(np.zeros((4, 2, 2), np.int16), frame, origins_lps=origins)
    assert slice_thickness_mm(volume).tolist() == [4, 3, 2, 2]
    (row,) = measure(volume, [segment((0, 0, 0), (2, 2, 1), (4, 2, 2))])
    assert row.volume_ml == pytest.approx(2 * 7 / 1000)
    assert row.extent_ijk_mm[2] == 7
    assert row.centre_lps_mm == (0, 0.5, 2)


def test_a_tilt_does_not_change_the_volume(data):
    """Slices of a tilted gantry are nearer to each other than their steps are long."""
    volume = dicom_volumes.build("ct_head_gantry_tilt_uneven", data)
    assert_allclose(
        slice_thickness_mm(volume), [4.002, 4.002, 2.5415, 4.0397, 6.999, 6.999, 6.999], atol=2e-3
    )
    everything = segment((0, 0, 0), volume.shape, volume.shape)
    (row,) = measure(volume, [everything])
    area = (512 * 0.48828125) ** 2
    assert row.volume_ml == pytest.approx(area * slice_thickness_mm(volume).sum() / 1000, rel=1e-4)


def test_infinite_and_missing_intensities_are_no_numbers(box):
    array = np.full(box.shape, np.inf, np.float32)
    volume = dataclasses.replace(box, array=array)
    (row,) = measure(volume, [segment((1, 1, 1), (2, 2, 2))])
    assert (row.mean, row.sd, row.minimum) == (None, None, None)
    assert (row.voxels, row.not_finite_voxels) == (1, 1)
    json.dumps(row.as_dict(), allow_nan=False)


def test_a_background_of_nan_is_left_out_and_counted(box):
    """As registered maps have it: an object that reaches into it is measured by what is there."""
    array = box.array.astype(np.float32)
    array[:, :, :3] = np.nan
    array[2, 2, 4] = -np.inf
    volume = dataclasses.replace(box, array=array)
    (row,) = measure(volume, [segment((2, 1, 1), (4, 4, 6))])
    left = array[2:4, 1:4, 1:6]
    left = left[np.isfinite(left)].astype(np.float64)
    assert (row.voxels, row.not_finite_voxels, row.padding_voxels) == (30, 13, 0)
    assert_allclose((row.mean, row.sd), (left.mean(), left.std()))
    assert (row.minimum, row.maximum) == (left.min(), left.max())


def test_the_command_says_what_is_left_out(box, tmp_path, capsys, monkeypatch):
    array = box.array.astype(np.float32)
    array[:, :2] = np.nan
    labels = np.zeros(box.shape, np.uint8)
    labels[1:3, :4, :2] = 1
    for name, values in (("scan", array), ("labels", labels)):
        write_grid(values, box.frame, tmp_path / f"{name}.nrrd")
    words = ["sam-med", "stats", str(tmp_path / "scan.nrrd"), str(tmp_path / "labels.nrrd")]
    monkeypatch.setattr("sys.argv", [*words, "--json"])
    main()
    printed = capsys.readouterr()
    (row,) = json.loads(printed.out)
    assert (row["voxels"], row["not_finite_voxels"]) == (16, 8)
    assert row["mean"] == pytest.approx(array[1:3, 2:4, :2].mean())
    assert "8 of 16 voxels of 1 are NaN or infinite, and left out of its intensities" in " ".join(
        printed.err.split()
    )


def test_units_of_a_ct_that_is_not_in_hounsfield_units(dicom):
    dicom.series([(0, 0, 0), (0, 0, 2)], RescaleSlope=None, RescaleIntercept=None)
    volume = read_volume(dicom.folder)
    whole = Segment("all", 1, Window.full(volume.shape), np.ones(volume.shape, bool))
    assert measure(volume, [whole])[0].units == "unspecified"
