from __future__ import annotations

import re

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.frame import Frame
from sam_med.files.read import read_volume
from sam_med.geometry.volume import Volume
from sam_med.slices.window_level import PRESETS, choose_stretch

CT_VALUES = [-1000, -161, -160, -60, 40, 140, 239, 240, 3000]


@pytest.fixture
def volume(plain_frame):
    def make(values, modality=None, dtype=np.int16):
        return Volume(np.array(values, dtype=dtype).reshape(1, 1, -1), plain_frame, modality)

    return make


def published_ct(image, width=400, level=40):
    """The steps of the published preprocessing, on the whole array at once."""
    clipped = np.clip(image, level - width / 2, level + width / 2)
    return np.uint8((clipped - clipped.min()) / (clipped.max() - clipped.min()) * 255.0)


def published_other(image):
    lower, upper = np.percentile(image[image > 0], [0.5, 99.5])
    clipped = np.clip(image, lower, upper)
    scaled = (clipped - clipped.min()) / (clipped.max() - clipped.min()) * 255.0
    scaled[image == 0] = 0
    return np.uint8(scaled)


def message_of(*args, **kwargs):
    with pytest.raises(InputError) as caught:
        choose_stretch(*args, **kwargs)
    return str(caught.value)


def test_soft_tissue_by_hand(volume):
    image = volume(CT_VALUES, "CT")
    stretch = choose_stretch(image)
    # 100 HU of 400 are 63.75 shades, cut to whole numbers
    assert stretch.apply(image.array).ravel().tolist() == [0, 0, 0, 63, 127, 191, 254, 255, 255]
    assert stretch.describe() == "modality CT, intensities: soft (width 400, level 40)"


def test_the_ends_are_the_observed_ones(volume):
    image = volume([0, 50, 100], "CT")
    # not -160 ... 240: what the volume holds is stretched to all 256 shades
    assert choose_stretch(image).apply(image.array).ravel().tolist() == [0, 127, 255]


@pytest.mark.parametrize("name", ["ct_abdomen"])
def test_ct_is_stretched_as_published(name, data):
    image = read_volume(data / "med/volumes" / name / "ct.nii.gz")
    stretch = choose_stretch(image)
    expected = published_ct(image.array)
    for k in range(image.shape[0]):
        assert np.array_equal(stretch.apply(image.array[k]), expected[k])


@pytest.mark.parametrize(
    "path",
    ["mni152/t1.nii.gz", "mr_brain1/brain1_image.nrrd", "mr_spine_t2/t2.nii.gz"],
)
def test_others_are_stretched_as_published(path, data):
    image = read_volume(data / "med/volumes" / path)
    stretch = choose_stretch(image)
    assert np.array_equal(stretch.apply(image.array), published_other(image.array))


def test_float_images_are_stretched_as_published_to_one_shade(data):
    # the published script works in float32 here, this one in float64
    image = read_volume(data / "med/volumes/mr_spine_oblique/t2w.nii.gz")
    ours = choose_stretch(image).apply(image.array).astype(int)
    theirs = published_other(image.array).astype(int)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours == theirs).mean() > 0.999


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name, volume):
    preset = PRESETS[name]
    low, high = preset.level - preset.width / 2, preset.level + preset.width / 2
    image = volume([low - 1, low, high, high + 1], "CT", np.float32)
    stretch = choose_stretch(image, preset=name)
    assert (stretch.lower, stretch.upper) == (low, high)
    assert stretch.rule == f"{name} (width {preset.width:g}, level {preset.level:g})"


def test_preset_values():
    values = {name: (preset.width, preset.level) for name, preset in PRESETS.items()}
    assert values == {
        "soft": (400, 40),
        "brain": (80, 40),
        "mediastinum": (350, 50),
        "lung-medsam": (1500, -160),
        "lung": (1500, -600),
    }


@pytest.mark.parametrize("modality", [None, "CT", "MR"])
def test_a_window_of_ones_own_serves_any_modality(modality, volume):
    image = volume([0, 10, 15, 20, 30], modality)
    stretch = choose_stretch(image, width=10, level=15)
    assert stretch.apply(image.array).ravel().tolist() == [0, 0, 127, 255, 255]


def test_zero_stays_background(volume):
    image = volume([0, *range(100, 300)], "MR")
    assert choose_stretch(image).apply(image.array).ravel()[0] == 0
    # with negative values 0 would be grey otherwise
    image = volume([-50, 0, *range(1, 300)], "MR")
    assert choose_stretch(image).apply(image.array).ravel()[:2].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("path", "guess"),
    [
        ("ct_abdomen/ct.nii.gz", "CT"),
        ("mni152/t1.nii.gz", None),
        ("mr_brain1/brain1_image.nrrd", None),
        ("mr_prostate_phantom/phantom_image.nrrd", None),
        ("mr_spine_oblique/t2w.nii.gz", None),
        ("mr_spine_t2/t2.nii.gz", None),
    ],
)
def test_the_guess_is_right_on_real_volumes(path, guess, data):
    stretch = choose_stretch(read_volume(data / "med/volumes" / path))
    assert (stretch.modality, stretch.modality_origin) == (guess, "guessed")
    said = f"modality {guess or 'not CT'} (guessed from the values), "
    assert stretch.describe().startswith(said)


def test_one_percent_of_air_makes_a_ct(volume):
    assert choose_stretch(volume([-201] * 1 + [0, 5] + [7] * 97)).modality == "CT"
    assert choose_stretch(volume([-201] * 1 + [0, 5] + [7] * 98)).modality is None


def test_nan_and_infinity(volume):
    values = [np.nan, -np.inf, -160, 40, 240, np.inf]
    image = volume(values, "CT", np.float32)
    assert choose_stretch(image).apply(image.array).ravel().tolist() == [0, 0, 0, 127, 255, 255]
    image = volume([*values, *range(1, 200)], "MR", np.float32)
    shades = choose_stretch(image).apply(image.array).ravel()
    assert shades[:2].tolist() == [0, 0]
    assert shades[5] == 255


def test_constant_image(volume):
    assert message_of(volume([7, 7, 7], "MR")) == (
        "constant image: every voxel is 7, there is nothing to segment"
    )
    assert message_of(volume([-1000] * 3)) == (
        "constant image: every voxel is -1000, there is nothing to segment"
    )


def test_no_contrast_in_the_window(volume):
    assert message_of(volume([300, 400, 500], "CT")) == (
        "no contrast in the window soft (width 400, level 40): the values 300 to 500 lie outside; "
        "give another --preset, or --window and --level"
    )


def test_nothing_above_zero(volume):
    assert message_of(volume([-3, -2, 0], "MR")) == (
        "no voxel is above 0, so there are no percentiles to stretch between: "
        "give --window and --level"
    )


def test_all_nan(volume):
    assert message_of(volume([np.nan] * 3, "CT", np.float32)) == (
        "every voxel is NaN: there is nothing to segment"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"preset": "bone"},
            "unknown preset: bone (known: soft, brain, mediastinum, lung-medsam, lung)",
        ),
        (
            {"preset": "soft", "width": 1, "level": 2},
            "give a preset or a window of your own, got both (soft)",
        ),
        ({"width": 80}, "window and level go together, got window 80 and level None"),
        ({"level": 40}, "window and level go together, got window None and level 40"),
        (
            {"width": 0, "level": 40},
            "window must be above 0 and both finite, got window 0 and level 40",
        ),
        (
            {"width": 10, "level": float("nan")},
            "window must be above 0 and both finite, got window 10 and level nan",
        ),
    ],
)
def test_wrong_options(options, expected, volume):
    assert message_of(volume(CT_VALUES, "CT"), **options) == expected


def test_a_ct_preset_is_for_ct(volume):
    expected = (
        "preset soft is a CT window in HU, but the modality is MR: "
        "leave it out, give --window and --level, or --modality CT"
    )
    assert re.fullmatch(re.escape(expected), message_of(volume([0, 1, 2], "MR"), preset="soft"))


LINE = [(10, 20, 30 + 2 * n) for n in range(3)]
SOFT = np.linspace(1, 1000, 144).astype(np.int16).reshape(3, 6, 8)
LUNG = np.linspace(-1000, 800, 144).astype(np.int16).reshape(3, 6, 8)


@pytest.mark.parametrize(
    ("tags", "pixels", "rule"),
    [
        ({}, SOFT, "soft (width 400, level 40)"),
        ({"RescaleType": "HU"}, SOFT, "soft (width 400, level 40)"),
        ({"RescaleType": "OD"}, LUNG, "percentiles"),
        ({"RescaleType": "US"}, SOFT, "percentiles"),
        (
            {"RescaleType": "US"},
            LUNG,
            "soft (width 400, level 40), taken as HU because of its values",
        ),
        ({"RescaleSlope": None, "RescaleIntercept": None}, SOFT, "percentiles"),
        ({"RescaleSlope": None}, SOFT, "percentiles"),
        ({"RescaleSlope": None}, SOFT // 3, "soft (width 400, level 40), taken as HU because of"),
    ],
)
def test_windows_of_ct_are_for_hounsfield_units(tags, pixels, rule, dicom):
    dicom.series(LINE, pixels, **tags)
    assert choose_stretch(read_volume(dicom.folder)).rule.startswith(rule)


def test_a_preset_for_other_units_is_refused(dicom):
    dicom.series(LINE, SOFT, RescaleType="ED")
    volume = read_volume(dicom.folder)
    assert volume.units == "ED"
    assert message_of(volume, preset="lung") == (
        "preset lung is a window in HU, but the values of this CT are ED: leave it out, or give "
        "--window and --level"
    )
    assert choose_stretch(volume, width=400, level=40).rule == "width 400, level 40"


def test_one_slice_that_is_not_in_hounsfield_units_is_enough(dicom):
    paths = dicom.series(LINE, SOFT)
    dicom.change(paths[1], RescaleType="US")
    volume = read_volume(dicom.folder)
    assert volume.units == "unspecified"
    assert [d.message for d in volume.diagnostics if d.code == "not-hounsfield"] == [
        "the values of 1 of 3 CT images are unspecified"
    ]
    dicom.change(paths[1], RescaleType="MGML")
    with pytest.raises(InputError, match="mixed-units: the values of 3 images are HU and MGML"):
        read_volume(dicom.folder)


def test_the_user_may_say_that_values_are_hounsfield_units(dicom):
    dicom.series(LINE, SOFT, RescaleType="US")
    assert choose_stretch(read_volume(dicom.folder)).rule.startswith("percentiles")
    told = choose_stretch(read_volume(dicom.folder, modality="CT"))
    assert told.rule == "soft (width 400, level 40)"


def test_the_user_cannot_turn_density_into_hounsfield_units(dicom):
    dicom.series(LINE, SOFT, RescaleType="ED")
    assert choose_stretch(read_volume(dicom.folder, modality="ct")).rule.startswith("percentiles")


def test_another_modality_called_ct_is_windowed_as_ct(dicom):
    dicom.series(LINE, SOFT, RescaleType="US", Modality="MR")
    assert choose_stretch(read_volume(dicom.folder, modality="CT")).rule.startswith("soft")


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("inverted", [False, True])
def test_nan_is_dark_where_the_window_is_wider_than_the_values(modality, inverted):
    """The lower end of the window lies below the darkest value: a shade would wrap round."""
    array = np.full((2, 4, 5), 50, np.float32)
    array[0] = 80
    array[0, 0, :3] = np.nan
    volume = Volume(array, Frame.identity(3), modality, inverted=inverted)
    shades = choose_stretch(volume).apply(array)
    dark, bright = (255, 0) if inverted else (0, 255)
    assert not shades[0, 0, :3].any()
    assert (shades[0, 1:] == bright).all()
    assert (shades[1] == dark).all()
