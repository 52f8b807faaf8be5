"""A corpus of faults: each is either read exactly and named, or refused and named, never silent."""

from __future__ import annotations

import json
import logging
import re
import tarfile
import warnings
import zipfile

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from sam_common.errors import InputError
from sam_med.dicom.encoding import quiet_pydicom
from sam_med.files.read import read_volume
from sam_med.geometry.diagnostic_codes import CODES
from sam_med.geometry.diagnostics import RefusedError
from sam_med.report.geometry_report import describe_path

LINE = [(10, 20, 30 + 2 * n) for n in range(6)]
CORONAL = [1, 0, 0, 0, 0, -1]


def gap(dicom):
    dicom.series([*LINE[:3], *LINE[4:]])


def two_gaps(dicom):
    dicom.series([(10, 20, z) for z in (0, 2, 4, 8, 10, 16, 18)])


def uneven(dicom):
    dicom.series([(10, 20, z) for z in (0, 2, 4, 5.3, 7.3)])


def drifting(dicom):
    dicom.series([(10, 20, z) for z in np.cumsum([0, 2.0, 2.019, 2.019, 2.0, 1.99, 1.981, 1.981])])


def copy_of_a_slice(dicom):
    path = dicom.series(LINE)[2]
    dicom.write(pydicom.dcmread(path), "copy.dcm")


def renumbered_copy(dicom):
    path = dicom.series(LINE)[2]
    dicom.write(pydicom.dcmread(path), "copy.dcm")
    dicom.change(dicom.folder / "copy.dcm", InstanceNumber=77, SOPInstanceUID="1.2.3")


def another_slice_at_the_same_place(dicom):
    dicom.series(LINE)
    dicom.write(dicom.dataset(np.full((6, 8), 7, np.int16), ImagePositionPatient=[10, 20, 34]))


def same_uid_other_pixels(dicom):
    path = dicom.series(LINE)[2]
    dataset = pydicom.dcmread(path)
    dataset.PixelData = bytes(96)
    dicom.write(dataset)


def tilt(dicom):
    dicom.series([(10, 20 + 0.4 * n, 30 + 2 * n) for n in range(6)])


def tilt_and_gap(dicom):
    dicom.series([(10, 20 + 0.4 * n, 30 + 2 * n) for n in (0, 1, 2, 4, 5)])


def slice_aside(dicom):
    dicom.series([*LINE[:3], (11.5, 20, 36), *LINE[4:]])


def two_series(dicom):
    dicom.series(LINE)
    dicom.series(LINE, SeriesInstanceUID="1.2.3.4", SeriesNumber=9)


def wrong_order(dicom):
    for n, path in enumerate(dicom.series(LINE)):
        dicom.change(path, InstanceNumber=(n * 5) % 7)


def without(tag):
    def fault(dicom):
        dicom.series(LINE, **{tag: None})

    return fault


def one_without_position(dicom):
    dicom.change(dicom.series(LINE)[3], ImagePositionPatient=None)


def empty_position(dicom):
    dicom.change(dicom.series(LINE)[3], ImagePositionPatient=[])


def truncated(dicom):
    path = dicom.series(LINE)[3]
    path.write_bytes(path.read_bytes()[:-40])


def truncated_big_endian(dicom):
    dataset = dicom.dataset(dicom.pixels(1)[0].astype(">i2"))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dicom.folder.mkdir()
    path = dicom.folder / "a.dcm"
    pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=False)
    path.write_bytes(path.read_bytes()[:-1])


def truncated_compressed(dicom):
    dataset = dicom.dataset(dicom.pixels(1)[0])
    dataset.compress(RLELossless)
    path = dicom.write(dataset)
    path.write_bytes(path.read_bytes()[:-60])


def cut_in_the_header(dicom):
    path = dicom.series(LINE)[0]
    path.write_bytes(path.read_bytes()[:200])


def no_pixels(dicom):
    dicom.series(LINE, PixelData=None)


def mixed_spacing(dicom):
    dicom.series(LINE)
    dicom.series([(0, 0, 99), (0, 0, 101)], PixelSpacing=[1, 1])


def mixed_size(dicom):
    dicom.series(LINE)
    dicom.series([(0, 0, 99), (0, 0, 101)], pixels=np.zeros((2, 9, 9), np.int16))


def mixed_orientation(dicom):
    dicom.series(LINE)
    dicom.series([(0, 5, 0), (0, 7, 0)], ImageOrientationPatient=CORONAL)


def localizer(dicom):
    dicom.series(LINE)
    dicom.series(
        [(0, 5, 0)],
        ImageOrientationPatient=CORONAL,
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )


def two_patients(dicom):
    dicom.series(LINE[:3])
    dicom.series(LINE[3:], PatientID="CANARY-OTHER")


def two_frames_of_reference(dicom):
    dicom.series(LINE[:3])
    dicom.series(LINE[3:], FrameOfReferenceUID="1.2.3")


def four_d(dicom):
    dicom.series([place for _ in range(3) for place in LINE])


def four_d_with_a_hole(dicom):
    dicom.series([place for _ in range(3) for place in LINE][:-1])


def two_echoes(dicom):
    dicom.series(LINE, Modality="MR", EchoTime=2)
    dicom.series(LINE, Modality="MR", EchoTime=5)


def mosaic_without_layout(dicom):
    dicom.series(LINE[:1], Modality="MR", ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"])


def film(dicom):
    dicom.write(
        dicom.dataset(
            dicom.pixels(4, np.uint8),
            Modality="US",
            NumberOfFrames=4,
            ImagePositionPatient=None,
            ImageOrientationPatient=None,
        )
    )


def two_stacks(dicom):
    frames = [{"kind": kind} for kind in "MP" for _ in LINE]
    dicom.write(dicom.enhanced([*LINE, *LINE], dicom.pixels(12), frames=frames))


def enhanced_gap(dicom):
    dicom.write(dicom.enhanced([*LINE[:3], *LINE[4:]], dicom.pixels(5)))


def enhanced_truncated(dicom):
    path = dicom.write(dicom.enhanced(LINE, dicom.pixels(6)))
    path.write_bytes(path.read_bytes()[:-1])


def frames_and_groups_disagree(dicom):
    dicom.write(dicom.enhanced(LINE, dicom.pixels(6), NumberOfFrames=5))


def decubitus(dicom):
    dicom.series(LINE, PatientPosition="HFDL")


def oblique(dicom):
    turned = [1, 0, 0, 0, 0.8, 0.6]
    dicom.series([(0, -0.6 * 2 * n, 0.8 * 2 * n) for n in range(5)], ImageOrientationPatient=turned)


def long_axes(dicom):
    dicom.series(LINE, ImageOrientationPatient=[1, 0, 0, 0, 1.2, 0])


def slanted_axes(dicom):
    dicom.series(LINE, ImageOrientationPatient=[1, 0.001, 0, 0, 1, 0])


def no_axes(dicom):
    dicom.series(LINE, ImageOrientationPatient=[0, 0, 0, 0, 0, 0])


def zero_spacing(dicom):
    dicom.series(LINE, PixelSpacing=[0, 1])


def wrong_stated_spacing(dicom):
    dicom.series(LINE, SpacingBetweenSlices=5)


def one_slice(dicom):
    dicom.series(LINE[:1])


def burned_in(dicom):
    dicom.series(LINE, BurnedInAnnotation="YES")


def screen_capture(dicom):
    dicom.series(
        [(0, 0, 0)],
        Modality="OT",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.7",
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
    )


def lossy(dicom):
    dicom.series(LINE, LossyImageCompression="01")


def projection(dicom):
    dicom.series(
        [(0, 0, 0)],
        Modality="DX",
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        ImagerPixelSpacing=[0.2, 0.1],
    )


def projection_without_any_spacing(dicom):
    dicom.series(
        [(0, 0, 0)],
        Modality="CR",
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
    )


def monochrome1(dicom):
    dicom.series(LINE, PhotometricInterpretation="MONOCHROME1")


def colour(dicom):
    for place in LINE:
        image = np.zeros((6, 8, 3), np.uint8)
        dataset = dicom.dataset(
            image[..., 0],
            ImagePositionPatient=list(place),
            SamplesPerPixel=3,
            PlanarConfiguration=0,
            PhotometricInterpretation="RGB",
        )
        dataset.PixelData = image.tobytes()
        dicom.write(dataset)


def scales_of_their_own(dicom):
    for n, path in enumerate(dicom.series(LINE)):
        dicom.change(path, RescaleSlope=0.5 + n)


def zero_slope(dicom):
    dicom.series(LINE, RescaleSlope=0)


def pet_without_weight(dicom):
    dicom.series(LINE, Modality="PT", Units="BQML", DecayCorrection="START")


def unknown_syntax(dicom):
    for path in dicom.series(LINE):
        content = path.read_bytes()
        path.write_bytes(content.replace(b"1.2.840.10008.1.2.1\x00", b"1.2.840.10008.1.2.9\x00"))


def without_preamble(dicom):
    for path in dicom.series(LINE):
        dataset = pydicom.dcmread(path)
        del dataset.file_meta
        dataset.preamble = None
        pydicom.dcmwrite(path, dataset, implicit_vr=True, little_endian=True)


def text_beside(dicom):
    dicom.series(LINE)
    (dicom.folder / "CANARY.txt").write_text("a note")


def report_beside(dicom):
    dicom.series(LINE)
    dicom.series([(0, 0, 0)], Modality="SR", Rows=None, SeriesInstanceUID="1.2.3")


def letters_for_numbers(dicom):
    path = dicom.series(LINE)[0]
    path.write_bytes(path.read_bytes().replace(b"10.0\\20.0", b"AB.0\\20.0"))


def broken_link(dicom):
    path = dicom.series(LINE)[-1]
    path.unlink()
    path.symlink_to("CANARY-not-fetched")


def empty_file(dicom):
    dicom.series(LINE)[-1].write_bytes(b"")


def pointer_of_a_store(dicom):
    dicom.series(LINE)[-1].write_text("/annex/objects/CANARY")


def tar_beside(dicom):
    path = dicom.series(LINE)[0]
    with tarfile.open(dicom.folder / "CANARY.tar", "w") as archive:
        archive.add(path)


def implicit_but_said_explicit(dicom):
    for path in dicom.series(LINE):
        dataset = pydicom.dcmread(path)
        pydicom.dcmwrite(path, dataset, implicit_vr=True, little_endian=True, force_encoding=True)


def compressed_nobody_knows_how(dicom):
    for path in dicom.series(LINE):
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless)
        del dataset.file_meta
        dataset.preamble = None
        pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=True)


def frames_without_places(dicom):
    dicom.write(dicom.dataset(dicom.pixels(6), NumberOfFrames=6))


def frames_by_step(dicom):
    dicom.write(dicom.dataset(dicom.pixels(6), NumberOfFrames=6, SpacingBetweenSlices=2))


def ultrasound_volume(dicom):
    dicom.write(dicom.ultrasound())


def no_slope(dicom):
    dicom.series(LINE, RescaleSlope=None, RescaleIntercept=None)


def electron_density(dicom):
    dicom.series(LINE, RescaleType="ED")


def fill_in_the_corners(dicom):
    pixels = dicom.pixels(6)
    pixels[:, :2] = 20000
    dicom.series(LINE, pixels)


def a_series_for_each_slice(dicom):
    for n, path in enumerate(dicom.series(LINE)):
        dicom.change(path, SeriesInstanceUID=f"1.2.3.{n}")


FAULTS = [
    (broken_link, {"broken-links"}, "read"),
    (empty_file, {"unreadable-files"}, "read"),
    (pointer_of_a_store, {"not-dicom-by-content"}, "read"),
    (tar_beside, {"packed"}, "read"),
    (implicit_but_said_explicit, {"other-encoding"}, "read"),
    (compressed_nobody_knows_how, {"unknown-compression"}, "refused"),
    (frames_without_places, {"frames-without-places"}, "refused"),
    (frames_by_step, {"frames-by-step", "multi-frame"}, "read"),
    (ultrasound_volume, {"volume-places", "multi-frame"}, "read"),
    (no_slope, {"not-hounsfield"}, "read"),
    (electron_density, {"not-hounsfield"}, "read"),
    (fill_in_the_corners, {"fill-value"}, "read"),
    (a_series_for_each_slice, {"mixed-series", "split-series"}, "refused"),
    (gap, {"missing-slices"}, "read"),
    (two_gaps, {"missing-slices"}, "read"),
    (uneven, {"uneven-spacing"}, "read"),
    (drifting, {"uneven-spacing"}, "read"),
    (copy_of_a_slice, {"duplicate-slices"}, "read"),
    (renumbered_copy, {"duplicate-slices"}, "read"),
    (another_slice_at_the_same_place, {"conflicting-slices"}, "refused"),
    (same_uid_other_pixels, {"conflicting-slices"}, "refused"),
    (tilt, {"gantry-tilt"}, "read"),
    (tilt_and_gap, {"gantry-tilt", "missing-slices"}, "read"),
    (slice_aside, {"sideways-shift"}, "read"),
    (two_series, {"mixed-series"}, "refused"),
    (wrong_order, {"slice-order"}, "read"),
    (without("ImagePositionPatient"), {"missing-tags"}, "refused"),
    (without("ImageOrientationPatient"), {"missing-tags"}, "refused"),
    (without("PixelSpacing"), {"missing-tags"}, "refused"),
    (one_without_position, {"missing-tags"}, "refused"),
    (empty_position, {"missing-tags"}, "refused"),
    (truncated, {"truncated-pixels"}, "refused"),
    (truncated_big_endian, {"truncated-pixels"}, "refused"),
    (truncated_compressed, {"undecodable"}, "refused at the pixels"),
    (cut_in_the_header, {"unreadable-header"}, "read"),
    (no_pixels, {"no-pixels"}, "refused"),
    (mixed_spacing, {"mixed-series", "mixed-spacing"}, "refused"),
    (mixed_size, {"mixed-series", "mixed-size"}, "refused"),
    (mixed_orientation, {"mixed-series", "mixed-orientation"}, "refused"),
    (localizer, {"mixed-series", "localizer"}, "refused"),
    (two_patients, {"mixed-series", "mixed-patients"}, "refused"),
    (two_frames_of_reference, {"mixed-series", "mixed-frames-of-reference"}, "refused"),
    (four_d, {"repeated-positions"}, "refused"),
    (four_d_with_a_hole, {"incomplete-time-points"}, "refused"),
    (two_echoes, {"mixed-series", "mixed-stacks"}, "refused"),
    (mosaic_without_layout, {"mosaic-unknown"}, "refused"),
    (film, {"repeated-positions", "multi-frame", "unplaced"}, "refused"),
    (two_stacks, {"mixed-series", "mixed-stacks", "multi-frame"}, "refused"),
    (enhanced_gap, {"missing-slices", "multi-frame"}, "read"),
    (enhanced_truncated, {"truncated-pixels"}, "refused"),
    (decubitus, {"patient-position"}, "read"),
    (oblique, {"oblique-axes"}, "read"),
    (long_axes, {"impossible-axes"}, "refused"),
    (slanted_axes, {"non-orthonormal"}, "read"),
    (no_axes, {"impossible-axes"}, "refused"),
    (zero_spacing, {"impossible-axes"}, "refused"),
    (wrong_stated_spacing, {"spacing-tag"}, "read"),
    (one_slice, {"single-slice"}, "read"),
    (burned_in, {"burned-in-annotation"}, "read"),
    (screen_capture, {"burned-in-annotation", "unplaced"}, "read"),
    (lossy, {"lossy-compression"}, "read"),
    (projection, {"unplaced", "detector-spacing"}, "read"),
    (projection_without_any_spacing, {"unplaced", "no-pixel-spacing"}, "read"),
    (monochrome1, {"inverted-grey"}, "read"),
    (colour, {"colour"}, "read"),
    (scales_of_their_own, {"per-slice-rescale"}, "read"),
    (zero_slope, {"bad-rescale"}, "refused"),
    (pet_without_weight, {"suv-refused"}, "read"),
    (unknown_syntax, {"undecodable"}, "refused at the pixels"),
    (without_preamble, {"no-file-meta"}, "read"),
    (text_beside, {"not-dicom"}, "read"),
    (report_beside, {"not-an-image"}, "read"),
    (letters_for_numbers, {"missing-tags"}, "refused"),
]


def said_of(facts):
    told = list(facts["diagnostics"])
    for series in facts["series"]:
        told += series["diagnostics"]
    return {d["code"] for d in told}


@pytest.mark.parametrize(
    ("fault", "expected", "outcome"),
    FAULTS,
    ids=[f"{row[0].__name__}-{n}" for n, row in enumerate(FAULTS)],
)
def test_no_fault_is_silent(fault, expected, outcome, dicom, caplog, capfd):
    fault(dicom)
    caplog.set_level(logging.DEBUG)
    facts = describe_path(dicom.folder)
    if outcome != "refused at the pixels":
        assert expected <= said_of(facts)
    shown = json.dumps(facts)
    if outcome == "read":
        volume = read_volume(dicom.folder)
        assert expected <= {d.code for d in volume.diagnostics}
        assert all(d.severity != "error" for d in volume.diagnostics)
        shown += repr((volume.notes, volume.diagnostics, volume.header))
    else:
        with pytest.raises(RefusedError) as caught:
            read_volume(dicom.folder)
        told = {d.code for d in caught.value.diagnostics}
        assert told & expected
        assert any(CODES[code].severity == "error" for code in told)
        shown += str(caught.value)
    captured = capfd.readouterr()
    for text in (shown, caplog.text, captured.out, captured.err):
        assert "CANARY" not in text
        assert "19010203" not in text
        assert dicom.series_uid not in text


def test_what_pydicom_says_is_kept_from_logs(caplog):
    logger = logging.getLogger("pydicom")
    with quiet_pydicom():
        logger.warning("CANARY")
        warnings.warn("CANARY", stacklevel=1)
    assert caplog.text == ""
    logger.warning("afterwards")
    assert "afterwards" in caplog.text


def test_the_corpus_is_large_and_names_most_codes():
    named = set().union(*(codes for _, codes, _ in FAULTS))
    assert len(FAULTS) >= 60
    # volume files are tested with their formats, tiles and tables with theirs, SUV with PET
    elsewhere = {
        "affine-conflict", "no-affine", "scaled-units", "sheared-axes", "layers", "mosaic",
        "value-table", "suv-bw", "unknown-units", "no-units", "unknown-space", "mirrored-space",
        "orientation-conflict", "padding", "joined-series", "closed-folders", "missing-files",
        "mixed-units", "other-values", "real-world-values", "stated-rescale", "ends-of-axes",
        "whole-slide", "unordered-images", "damaged-tags", "mixed-photometric",
    }  # fmt: skip
    assert set(CODES) - named == elsewhere


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(["CT_small", "SC_rgb_small_odd", "emri_small", "MR_small_RLE"]),
    changes=st.lists(
        st.tuples(st.integers(132, 4000), st.integers(0, 255)), min_size=1, max_size=8
    ),
    cut=st.integers(0, 40),
)
def test_damage_of_any_kind_is_an_error_of_the_suite_or_none(name, changes, cut, data, tmp_path):
    content = bytearray((data / f"med/dicom_single/{name}.dcm").read_bytes())
    for at, value in changes:
        content[at % len(content)] = value
    path = tmp_path / "CANARY.dcm"
    path.write_bytes(content[: len(content) - cut])
    told = [said for read in (describe_path, read_volume) if (said := refusal(read, path))]
    assert "CANARY" not in str(told)


def refusal(read, path):
    """What an error of the suite says; None where the damage was harmless. No other may come."""
    try:
        read(path)
    except InputError as error:
        return str(error)
    return None


def test_one_damaged_header_alone_is_refused(dicom):
    path = dicom.write(dicom.enhanced(LINE, dicom.pixels(6), NumberOfFrames=5))
    with pytest.raises(RefusedError) as caught:
        read_volume(path)
    assert str(caught.value) == (
        "unreadable-header: NumberOfFrames and the functional groups disagree "
        "(left out; a slice may be missing, so have the files checked)"
    )


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("CT_small.dcm", {"single-slice", "patient-position"}),
        ("MR_small.dcm", {"single-slice"}),
        ("MR_small_RLE.dcm", {"single-slice"}),
        ("MR_small_bigendian.dcm", {"single-slice"}),
        ("MR_small_implicit.dcm", {"single-slice"}),
        ("MR_small_jp2klossless.dcm", {"single-slice"}),
        ("MR_small_padded.dcm", {"single-slice"}),
        ("J2K_pixelrep_mismatch.dcm", {"single-slice", "oblique-axes", "fill-value"}),
        ("JPEG-LL.dcm", {"unplaced", "burned-in-annotation"}),
        ("JPEG2000.dcm", {"unplaced", "lossy-compression", "burned-in-annotation"}),
        (
            "RG3_J2KI.dcm",
            {"unplaced", "no-pixel-spacing", "inverted-grey", "lossy-compression"},
        ),
        ("SC_rgb_small_odd.dcm", {"unplaced", "colour", "burned-in-annotation"}),
        (
            "examples_palette.dcm",
            {"unplaced", "no-pixel-spacing", "colour", "burned-in-annotation"},
        ),
        ("vlut_04.dcm", {"unplaced", "no-pixel-spacing", "burned-in-annotation"}),
    ],
)
def test_single_files_are_read_and_named(name, codes, data):
    volume = read_volume(data / "med/dicom_single" / name)
    assert {d.code for d in volume.diagnostics} == codes
    assert volume.shape[0] == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "MR_truncated.dcm",
            "truncated-pixels: 1 of 1 images lack pixels, up to 62 bytes (refused: ",
        ),
        ("emri_small.dcm", "missing-tags: 10 of 10 images lack ImageOrientationPatient (refused: "),
        (
            "emri_small_jpeg_2k_lossless.dcm",
            "missing-tags: 10 of 10 images lack ImageOrientationPatient (refused: ",
        ),
        (
            "examples_ybr_color.dcm",
            "repeated-positions: each of 1 position(s) occurs 30 times (30 time points) (choose ",
        ),
        ("no_meta.dcm", "not-dicom: the file is no DICOM, no zip of it, and its name does not end"),
        (
            "rtdose.dcm",
            "not-an-image: no DICOM images among 1 file(s), but other objects: 1 RTDOSE",
        ),
    ],
)
def test_single_files_are_refused_by_name(name, message, data):
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        read_volume(data / "med/dicom_single" / name)


def test_every_single_file_is_in_one_of_the_tables(data):
    names = {path.name for path in (data / "med/dicom_single").glob("*.dcm")}
    tables = (test_single_files_are_read_and_named, test_single_files_are_refused_by_name)
    listed = {row[0] for test in tables for row in test.pytestmark[0].args[1]}
    assert listed == names


def test_implicit_bytes_in_a_zip(dicom):
    """Faults are the same in an archive, and its names are not shown."""
    gap(dicom)
    for path in dicom.folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        dataset.save_as(path, implicit_vr=True, little_endian=True)
    target = dicom.folder.parent / "CANARY.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for path in dicom.folder.iterdir():
            archive.write(path, f"../CANARY/{path.name}")
    facts = describe_path(target)
    assert "missing-slices" in said_of(facts)
    assert "CANARY" not in json.dumps(facts)
    assert np.array_equal(read_volume(target).array, read_volume(dicom.folder).array)
