from __future__ import annotations

import itertools
import json
from dataclasses import replace

import nibabel
import nrrd
import numpy as np
import pytest

from sam_common.errors import CapabilityError, InputError, OutputError, PromptError
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.files.roots import RefusedPathError
from sam_common.server.sessions.embedding_pool import EmbeddingPool
from sam_common.server.sessions.live_source import Context, StepReporter
from sam_common.server.sessions.object_state import (
    Asked,
    BoxState,
    ChoiceState,
    MarkState,
    MaskState,
    ObjectState,
    PointState,
)
from sam_common.window import Window
from sam_med.live.results import array_of
from sam_med.live.volume import open_source
from sam_med.objects.segments import Candidate

BOX = BoxState((10, 8, 2, 30, 28, 9))
PAINTED = MaskState(((10, 12), (14, 16)), (0, 16), (0, 5))


def nobody(_asked):
    raise AssertionError


@pytest.fixture
def propagated(live, told):
    """Asked for by the 3-D box, and what came of it."""
    asked = Asked(boxes=(BOX,), method="planes")
    return asked, live.propagate(asked, told)


def full(live, result):
    whole = np.zeros(live.size, dtype=bool)
    whole[result.window.slices] = array_of(result)
    return whole


def test_an_uploaded_array_is_open_where_its_affine_says(live, array):
    assert (live.kind, live.size) == ("volume", (12, 40, 50))
    assert live.frame["crs"] == "LPS"
    assert live.frame["affine"] == [[1, 0, 0, 10], [0, 1, 0, 20], [0, 0, 2, 30], [0, 0, 0, 1]]
    assert np.array_equal(live.volume.array, array)
    assert live.pixels == (live.fingerprint, array.nbytes)


def test_sessions_on_the_same_voxels_hold_them_once(live, request_of, context, array):
    again = open_source(*request_of(array), context)
    assert again.slices is live.slices
    assert np.shares_memory(again.volume.array, live.volume.array)
    assert again.pixels == live.pixels
    shaded = open_source(*request_of(array, width=50, level=100), context)
    assert shaded.slices is not live.slices
    assert shaded.pixels == live.pixels
    moved = json.loads(json.dumps(live.frame))
    moved["affine"][0][3] = 11
    assert open_source(*request_of(array, frame=moved), context).fingerprint != live.fingerprint


def test_a_file_is_read_under_a_held_name(folder, context):
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    nibabel.save(nibabel.Nifti1Image(array.T, np.diag([-1.0, -1, 2, 1])), folder / "a.nii")
    live = open_source({"kind": "volume", "modality": "MR"}, folder / "a.nii", context)
    assert np.array_equal(live.volume.array, array)
    live.close()
    assert not context.folder.exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"preset": "lung"}, "preset lung is a CT window in HU, but the modality is MR"),
        ({"width": 5}, "window and level go together, got window 5 and level None"),
    ],
)
def test_a_volume_that_cannot_be_shown(options, expected, request_of, context, array):
    with pytest.raises(InputError) as caught:
        open_source(*request_of(array, **options), context)
    assert str(caught.value).startswith(expected)


def test_messages_name_no_file_of_a_client(folder, context):
    (folder / "DOE.nii").write_bytes(b"x" * 400)
    with pytest.raises(InputError) as caught:
        open_source({"kind": "volume"}, folder / "DOE.nii", context)
    assert "DOE" not in str(caught.value)
    with pytest.raises(RefusedPathError):
        open_source({"kind": "volume"}, folder.parent / "DOE.nii", context)


def test_prompts_are_shown_on_their_slices_until_they_are_propagated(live):
    result = live.segment(Asked(boxes=(BOX,)), nobody)
    assert [(mask.axis, mask.index) for mask in result.masks] == [(0, 5)]
    asked = Asked(boxes=(BOX,), method="planes")
    whole = live.segment(asked, nobody)
    assert np.array_equal(array_of(whole), array_of(live.propagate(asked, StepReporter())))


def test_a_box_is_propagated_and_its_steps_are_counted_to_the_end(live, propagated, told):
    _, result = propagated
    truth = np.zeros(live.size, dtype=bool)
    truth[2:10, 8:29, 10:31] = True
    assert np.array_equal(full(live, result), truth)
    ((what, total),) = told.begun
    assert (what, sum(told.steps)) == ("slices", total)


def test_the_loop_is_propagated_slice_by_slice(live, told):
    result = live.propagate(Asked(boxes=(BOX,), method="litemedsam"), told)
    assert told.begun == [("slices", 8)]
    assert sum(told.steps) == 8
    assert [mask.index for mask in result.masks] == [*range(2, 10)]
    assert result.detail.propagated.predictions == {}


@pytest.mark.parametrize("method", ["planes", "litemedsam"])
def test_a_painted_slice_is_as_painted_after_it_was_propagated(method, live):
    asked = Asked(boxes=(BOX,), masks=(PAINTED,), method=method)
    if method == "litemedsam":
        with pytest.raises(PromptError, match="takes a 3-D box and nothing else"):
            live.propagate(asked, StepReporter())
        return
    found = full(live, live.propagate(asked, StepReporter()))
    expected = np.zeros(live.size[1:], dtype=bool)
    expected[10:14, 12:16] = True
    assert np.array_equal(found[5], expected)


def test_what_the_network_was_not_trained_for_is_refused(request_of, held, array):
    boxes_only = Capabilities(points=False, boxes=True, masks=False, multimask=False)
    network = FakeSegmenter(capabilities=boxes_only)
    live = open_source(*request_of(array), Context(network, EmbeddingPool(), held))
    asked = Asked(points=(PointState((10.0, 20.0, 5.0), 1),), method="planes")
    with pytest.raises(CapabilityError, match="takes no points"):
        live.propagate(asked, StepReporter())
    with pytest.raises(CapabilityError):
        live.normalised({"op": "add_point", "point": [10, 20, 5]})


@pytest.mark.parametrize("correction", [PAINTED, BoxState((12, 10, 15, 13), (0, 5))])
def test_a_correction_goes_on_from_the_object_before_it(correction, live, propagated):
    asked, before = propagated
    corrected = Asked(asked.points, asked.boxes, method="planes", corrections=(correction,))
    seen = []

    def previous(less):
        seen.append(less)
        return before

    after = full(live, live.segment(corrected, previous))
    assert seen == [asked]
    expected = np.zeros(live.size[1:], dtype=bool)
    expected[10:14, 12:16] = True
    assert np.array_equal(after[5], expected)
    # the first object is as it was
    assert np.array_equal(before.detail.propagated.mask[3], np.ones((21, 21), dtype=bool))


def test_what_is_encoded_ahead_changes_no_answer(request_of, held, array):
    """The same clicks with nothing, a part and all of it encoded ahead."""
    asked = Asked(boxes=(BOX,), method="planes")
    click = MarkState("click", ((27.0, 18.0, 5.0),), 0)
    answers, encoded = [], []
    for steps in (0, 7, None):
        network = FakeSegmenter()
        live = open_source(*request_of(array), Context(network, EmbeddingPool(), held))
        whole = live.segment(asked, nobody)
        assert len(list(itertools.islice(live.prefetch([whole]), steps))) >= (steps or 0)
        before = len(network.embedded)
        corrected = replace(asked, corrections=(click,))
        answers.append(full(live, live.segment(corrected, lambda _less, whole=whole: whole)))
        encoded.append(len(network.embedded) - before)
    assert encoded[0] > 0
    assert encoded[2] == 0
    assert not np.array_equal(answers[0], full(live, whole))
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])


def test_no_more_than_half_of_the_pool_is_encoded_ahead(request_of, held, array):
    pool = EmbeddingPool(200)
    live = open_source(*request_of(array), Context(FakeSegmenter(), pool, held))
    asked = Asked(boxes=(BOX,), method="planes")
    whole = live.segment(asked, nobody)
    # an embedding of the fake segmenter takes 4 bytes
    assert len(list(live.prefetch([whole]))) == 25
    assert list(live.prefetch([live.segment(Asked(boxes=(BOX,)), nobody)])) == []


def test_the_review_has_the_least_confident_slice_first(live, propagated):
    asked, before = propagated
    corrected = Asked(asked.points, asked.boxes, method="planes", corrections=(PAINTED,))
    rows = live.review(live.segment(corrected, lambda _less: before))
    assert {row["index"] for row in rows} == set(range(2, 10))
    sure = [(row["confidence"], row["index"]) for row in rows]
    assert sure == sorted(sure)
    assert rows[-1] | {"confidence": 1.0} == rows[-1]
    assert all(bool(row["reasons"]) == (row["confidence"] < 0.7) for row in rows)
    # by a network that was not measured
    assert {row["at_least"] for row in rows} == {None}
    with pytest.raises(PromptError, match=r"^nothing to review yet: propagate the object first$"):
        live.review(live.segment(Asked(boxes=(BOX,)), nobody))


def test_an_object_is_told_with_its_answers_and_is_taken_as_another(live, propagated):
    asked, before = propagated
    found = before.detail.propagated
    other = Candidate(0.25, 0.5, Window((2, 8, 10), (4, 9, 12)), np.ones((2, 1, 2), dtype=bool))
    two = replace(found, candidates=(*found.candidates, other))
    before = replace(before, detail=replace(before.detail, propagated=two))
    assert live.candidates(before)[1:] == [
        {"number": 2, "score": 0.25, "agreement": 0.5, "voxels": 4}
    ]
    first = live.candidates(before)[0]
    assert (first["number"], first["agreement"]) == (1, 1.0)
    chosen = replace(asked, corrections=(ChoiceState(2),))
    result = live.segment(chosen, lambda _less: before)
    assert (result.area, result.window) == (4, other.window)
    again = replace(asked, corrections=(ChoiceState(2), ChoiceState(1)))
    assert np.array_equal(full(live, live.segment(again, lambda _less: result)), full(live, before))
    with pytest.raises(PromptError) as refused:
        live.candidates(live.segment(Asked(boxes=(BOX,)), nobody))
    assert str(refused.value) == (
        "there are no answers to choose from yet: propagate the object first"
    )


def test_a_result_takes_the_bytes_of_what_a_correction_needs(live, propagated):
    _, result = propagated
    on_slice = live.segment(Asked(boxes=(BOX,)), nobody)
    assert live.size_of(on_slice) == on_slice.size_bytes
    # the mask, and a prediction for each voxel along three axes
    assert live.size_of(result) == result.size_bytes + 4 * 8 * 21 * 21


def test_objects_are_exported_under_their_names(live, propagated, folder, told):
    asked, result = propagated
    code = (("meaning", "Liver"), ("scheme", "SCT"), ("value", "10200004"))
    objects = [
        (ObjectState("a", "liver", asked=asked), result),
        (ObjectState("b", "mine", code=code), live.segment(Asked(boxes=(PAINTED_BOX,)), nobody)),
        (ObjectState("c", "nothing"), live.segment(Asked(), nobody)),
    ]
    (folder / "job").mkdir()
    options = {"overwrite_labels": "all"}
    report = live.export(objects, ["seg.nrrd", "nrrd"], folder / "job", told, options=options)
    assert sum(told.steps) - told.begun[0][1] == 2
    assert [(row["name"], row["value"], row["voxels"]) for row in report["objects"]] == [
        ("liver", 1, 8 * 21 * 21),
        ("mine", 2, 16),
        ("nothing", 3, 0),
    ]
    # 1 x 1 x 2 mm
    assert report["objects"][1]["volume_ml"] == pytest.approx(16 * 2 / 1000)
    labels, _ = nrrd.read(str(folder / "job" / "segmentation.nrrd"))
    assert (labels == 2).sum() == 16
    _, header = nrrd.read(str(folder / "job" / "segmentation.seg.nrrd"))
    assert header["Segment1_Name"] == "mine"
    assert "10200004" in header["Segment0_Tags"]
    assert "10200004" in header["Segment1_Tags"]


PAINTED_BOX = BoxState((12, 10, 15, 13), (0, 5))


def test_exports_that_are_refused(live, propagated, folder, told):
    with pytest.raises(PromptError, match=r"^nothing to export: the session has no objects$"):
        live.export([], ["nrrd"], folder, told)
    asked, result = propagated
    objects = [(ObjectState("a", "liver", asked=asked), result)]
    with pytest.raises(OutputError, match="dicom_seg"):
        live.export(objects, ["dicom_seg"], folder, told)


def test_options_of_an_export(live, propagated, folder, told):
    asked, result = propagated
    objects = [(ObjectState("a", "liver", asked=asked), result)]
    message = r"^unknown option of an export: segtype \(known: seg_type, overwrite_labels\)$"
    with pytest.raises(InputError, match=message):
        live.export(objects, ["nrrd"], folder, told, options={"segtype": "labelmap"})
    message = r"^a DICOM SEG is binary, labelmap or fractional, got bits$"
    with pytest.raises(OutputError, match=message):
        live.export(objects, ["nrrd"], folder, told, options={"seg_type": "bits"})


def test_what_a_volume_does_not_have(live, folder):
    with pytest.raises(PromptError, match=r"^a volume has no GeoJSON outlines"):
        live.geometry(ObjectState("a", "liver"), None)
    with pytest.raises(InputError, match=r"^no job automatic for a volume: propagate, exp"):
        live.run("automatic", {}, folder, StepReporter())


def test_the_window_of_a_result_is_around_its_masks(propagated):
    _, result = propagated
    assert result.window == Window((2, 8, 10), (10, 29, 31))
