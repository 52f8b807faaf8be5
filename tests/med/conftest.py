"""Real volumes, and volumes made up to look at."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import dicom_faults
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from scans import change, copy_series

from sam_common.frame import Frame
from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume

IMAGES = {
    "ct_abdomen": "ct.nii.gz",
    "mni152": "t1.nii.gz",
    "mr_brain1": "brain1_image.nrrd",
    "mr_prostate_phantom": "phantom_image.nrrd",
    "mr_spine_oblique": "t2w.nii.gz",
    "mr_spine_t2": "t2.nii.gz",
}
REGULAR_SERIES = (
    "ct_abdomen_dicom",
    "ct_phantom_rtstruct",
    "ct_small_rotated",
    "ct_tiny_seg_multiframe",
    "mr_sagittal_hfdr",
    "mr_sagittal_hfs",
)


class RealVolume:
    """One item of the test data: its image file and what its JSON says."""

    def __init__(self, folder: Path):
        self.name = folder.name
        self.facts = json.loads((folder / f"{folder.name}.json").read_text())
        self.folder = folder
        self.path = folder / IMAGES[folder.name]

    @property
    def labels(self):
        return [label for file in self.facts["ground_truth"]["files"] for label in file["labels"]]


@pytest.fixture(params=sorted(IMAGES))
def real(request, data):
    return RealVolume(data / "med" / "volumes" / request.param)


@pytest.fixture(params=REGULAR_SERIES)
def series(request, data):
    """Folder of an item whose DICOM series is regular."""
    return data / "med" / "dicom" / request.param


@pytest.fixture
def rotated(data, tmp_path):
    """A copy of ct_small_rotated to spoil."""
    return copy_series(data / "med/dicom/ct_small_rotated/series", tmp_path / "series")


@pytest.fixture
def phantom():
    """A CT-like volume of 5 x 256 x 256 voxels; 256 px keep the loop's grid free of rounding."""
    rng = np.random.default_rng(7)
    array = rng.integers(-200, 300, (5, 256, 256)).astype(np.int16)
    direction = (1, 0, 0, 0, 1, 0, 0, 0, 1)
    return Volume(array, frames.from_itk((10, 20, 30), (0.5, 0.5, 2), direction), modality="CT")


@pytest.fixture
def plain_frame():
    return Frame.identity(3)


AXIAL = (1, 0, 0, 0, 1, 0)
NUCLEAR = "1.2.840.10008.5.1.4.1.1.20"
LINE = [(10, 20, 30 + 2 * n) for n in range(4)]


class DicomMaker:
    """Small synthetic DICOM files, right unless a test spoils them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.series_uid = generate_uid()
        self.reference_uid = generate_uid()
        self.written = 0

    def dataset(self, pixels, **tags):
        """One image of a CT; `tags` go before what is right, None leaves one out."""
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = tags.get("SOPClassUID", CTImageStorage)
        meta.MediaStorageSOPInstanceUID = tags.get("SOPInstanceUID", generate_uid())
        dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        right = {
            "SOPClassUID": CTImageStorage,
            "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
            "SeriesInstanceUID": self.series_uid,
            "StudyInstanceUID": self.reference_uid,
            "FrameOfReferenceUID": self.reference_uid,
            "PatientName": "CANARY^NAME",
            "PatientID": "CANARY-ID",
            "StudyDate": "19010203",
            "SeriesNumber": 4,
            "Modality": "CT",
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "PixelSpacing": [0.5, 0.75],
            "SliceThickness": 2,
            "ImageOrientationPatient": list(AXIAL),
            "ImagePositionPatient": [10, 20, 30],
            "RescaleSlope": 1,
            "RescaleIntercept": 0,
            "Rows": pixels.shape[-2],
            "Columns": pixels.shape[-1],
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": pixels.dtype.itemsize * 8,
            "BitsStored": pixels.dtype.itemsize * 8,
            "HighBit": pixels.dtype.itemsize * 8 - 1,
            "PixelRepresentation": int(pixels.dtype.kind == "i"),
            "PixelData": pixels.tobytes(),
        }
        for tag, value in {**right, **tags}.items():
            if value is not None:
                setattr(dataset, tag, value)
        return dataset

    def write(self, dataset, name=None):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.written += 1
        path = self.folder / (name or f"CANARY-{self.written:03}.dcm")
        dataset.save_as(path, enforce_file_format=True)
        return path

    def series(self, positions, pixels=None, **tags):
        """One file for each position; returns the paths in that order."""
        images = self.pixels(len(positions)) if pixels is None else pixels
        return [
            self.write(
                self.dataset(
                    images[n],
                    **{"ImagePositionPatient": list(place), "InstanceNumber": n + 1, **tags},
                )
            )
            for n, place in enumerate(positions)
        ]

    def pixels(self, slices, dtype=np.int16):
        """(slices, 6, 8) values, none of them twice."""
        return np.arange(slices * 48, dtype=dtype).reshape(slices, 6, 8)

    def change(self, path, **tags):
        change(path, **tags)

    def enhanced(self, positions, pixels, *, frames=None, **tags):
        """One multi-frame file; `frames` gives each frame's changes of its functional groups."""
        groups = []
        for n, place in enumerate(positions):
            more = {} if frames is None else frames[n]
            groups.append(
                items(
                    PlanePositionSequence={"ImagePositionPatient": list(place)},
                    FrameContentSequence={
                        "StackID": more.get("stack", "1"),
                        "TemporalPositionIndex": more.get("time", 1),
                    },
                    PixelValueTransformationSequence={
                        "RescaleSlope": more.get("slope", 1),
                        "RescaleIntercept": more.get("intercept", 0),
                        "RescaleType": "US",
                    },
                    MRImageFrameTypeSequence={
                        "FrameType": ["ORIGINAL", "PRIMARY", "T1", more.get("kind", "M")]
                    },
                )
            )
        shared = items(
            PlaneOrientationSequence={"ImageOrientationPatient": list(AXIAL)},
            PixelMeasuresSequence={"PixelSpacing": [0.5, 0.75], "SliceThickness": 2},
        )
        return self.dataset(
            pixels,
            **{
                "Modality": "MR",
                "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4.1",
                "NumberOfFrames": len(positions),
                "PixelSpacing": None,
                "ImageOrientationPatient": None,
                "ImagePositionPatient": None,
                "RescaleSlope": None,
                "RescaleIntercept": None,
                "SharedFunctionalGroupsSequence": [shared],
                "PerFrameFunctionalGroupsSequence": groups,
                **tags,
            },
        )

    def tomogram(self, pixels, *, step=-4, vectors=None, kind="RECON TOMO", place=(-96, -96, 100)):
        """A reconstruction of nuclear medicine, whose place is that of its detector."""
        detector = Dataset()
        detector.ImagePositionPatient = place and list(place)
        detector.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        file = self.dataset(
            pixels,
            SOPClassUID=NUCLEAR,
            Modality="NM",
            ImageType=["ORIGINAL", "PRIMARY", kind, "EMISSION"],
            NumberOfFrames=len(pixels),
            ImagePositionPatient=None,
            ImageOrientationPatient=None,
            DetectorInformationSequence=[detector],
            SpacingBetweenSlices=step,
            SliceThickness=4,
        )
        for tag, values in (vectors or {"SliceVector": range(1, len(pixels) + 1)}).items():
            setattr(file, tag, list(values))
        return self.write(file)

    def ultrasound(self):
        """A volume of ultrasound, whose frames are placed in it."""
        file = self.enhanced(LINE, self.pixels(4), Modality="US")
        for groups in file.PerFrameFunctionalGroupsSequence:
            place = Dataset()
            place.ImagePositionVolume = list(groups.PlanePositionSequence[0].ImagePositionPatient)
            groups.PlanePositionVolumeSequence = [place]
            del groups.PlanePositionSequence
        turn = Dataset()
        turn.ImageOrientationVolume = [1, 0, 0, 0, 1, 0]
        shared = file.SharedFunctionalGroupsSequence[0]
        shared.PlaneOrientationVolumeSequence = [turn]
        del shared.PlaneOrientationSequence
        return file

    def grid(self, places, *, implicit=False, count=None):
        """A file of United Imaging: tiles row by row, their places in a private sequence."""
        across = int(np.ceil(np.sqrt(len(places))))
        down = int(np.ceil(len(places) / across))
        whole = np.arange(down * 6 * across * 8, dtype=np.uint16).reshape(down * 6, across * 8)
        file = self.dataset(
            whole, Modality="MR", ImageType=["ORIGINAL", "PRIMARY", "M", "VFRAME"], InstanceNumber=1
        )
        block = file.private_block(0x0065, "Image Private Header", create=True)
        block.add_new(0x50, "DS", str(count or len(places)))
        frames = []
        for place in places:
            frame = Dataset()
            frame.ImagePositionPatient = list(place)
            frames.append(frame)
        block.add_new(0x51, "SQ", frames)
        path = self.folder / "grid.dcm"
        self.folder.mkdir(exist_ok=True)
        if implicit:
            file.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
        file.save_as(path, enforce_file_format=True)
        return path, whole


def items(**sequences):
    """A data set of sequences of one item each."""
    whole = Dataset()
    for name, values in sequences.items():
        item = Dataset()
        for tag, value in values.items():
            setattr(item, tag, value)
        setattr(whole, name, [item])
    return whole


@pytest.fixture
def dicom(tmp_path):
    return DicomMaker(tmp_path / "CANARY-folder")


@pytest.fixture
def assert_named(dicom, caplog, capfd):
    """Checks a row of a table of faults, see `dicom_faults`; nothing private is ever shown."""

    def check(fault, expected, outcome):
        caplog.set_level(logging.DEBUG)
        shown = dicom_faults.said_about(fault, expected, outcome, dicom)
        captured = capfd.readouterr()
        for text in (shown, caplog.text, captured.out, captured.err):
            assert not any(word in text for word in (*dicom_faults.PRIVATE, dicom.series_uid))

    return check
