"""Coordinates on images, against highdicom's way from an image to the patient."""

from __future__ import annotations

import dicom_volumes
import numpy as np
import pydicom
import pytest
from highdicom.spatial import ImageToReferenceTransformer
from numpy.testing import assert_allclose
from pydicom.dataset import Dataset

from sam_common.errors import InputError
from sam_med.annotations.drawing import LeftOutError
from sam_med.annotations.image_places import ImagePlaces
from sam_med.files.read import read_volume

POINTS = np.array([[0.0, 0.0], [0.5, 0.5], [10.25, 3.75]])


def reference(image, *frames):
    item = Dataset()
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    if frames:
        item.ReferencedFrameNumber = list(frames) if len(frames) > 1 else frames[0]
    return item


@pytest.mark.parametrize("name", ["ct_small_rotated", "ct_head_gantry_tilt_uneven"])
def test_points_on_images_lie_where_highdicom_has_them(name, data):
    volume = dicom_volumes.build(name, data)
    places = ImagePlaces.of(volume)
    for path in volume.files:
        image = pydicom.dcmread(path, stop_before_pixels=True)
        index = places.on_image(POINTS, reference(image))
        lps = ImageToReferenceTransformer.for_image(image)(POINTS)
        assert_allclose(volume.to_world(index), lps, atol=1e-3)


def test_frames_of_a_stack(data):
    volume = dicom_volumes.build("mr_enhanced_philips/M", data)
    places = ImagePlaces.of(volume)
    image = pydicom.dcmread(volume.files[0], stop_before_pixels=True)
    for k, number in enumerate(volume.frame_numbers):
        index = places.on_image(POINTS, reference(image, number))
        assert (index[:, 0] == k).all()
        to_lps = ImageToReferenceTransformer.for_image(image, frame_number=number)
        assert_allclose(volume.to_world(index), to_lps(POINTS), atol=1e-3)
    # of the whole file nothing says which frame is meant, and other frames are of another stack
    with pytest.raises(LeftOutError, match=r"^a drawing that lies on \d+ slices at once$"):
        places.slice_of(reference(image))
    other = next(n for n in range(1, 99) if n not in volume.frame_numbers)
    with pytest.raises(LeftOutError, match=r"^an image that is not of this volume$"):
        places.slice_of(reference(image, other))
    assert places.slice_of(reference(image, other, volume.frame_numbers[1])) == 1


def test_a_mosaic_is_no_slice(data):
    volume = dicom_volumes.build("mr_mosaic_axial_oblique/0", data)
    image = pydicom.dcmread(volume.files[0], stop_before_pixels=True)
    with pytest.raises(LeftOutError, match=r"^an image that is not of this volume$"):
        ImagePlaces.of(volume).slice_of(reference(image))


def test_points_in_the_patient(scan, places):
    lps = scan.to_world([[1.0, 2.0, 3.5]])
    assert_allclose(places.in_patient(lps, places.frame_of_reference), [[1, 2, 3.5]], atol=1e-9)
    assert_allclose(places.in_patient(lps, ""), [[1, 2, 3.5]], atol=1e-9)
    with pytest.raises(LeftOutError, match=r"^a drawing in another frame of reference than that"):
        places.in_patient(lps, "1.2.3")


def test_annotations_need_dicom_images(data):
    for name in ("med/volumes/ct_abdomen/organs.nii.gz",):
        with pytest.raises(InputError, match=r"^annotations refer to DICOM images, and the input"):
            ImagePlaces.of(read_volume(data / name))
