"""Points of one class: the masks that agree, and when it is not known which do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sam_geo.prompted.candidates import Offered
from sam_geo.prompted.one_class import LEAST_POINTS, choose
from sam_geo.prompts.geo_prompt import GeoPrompt


def layer(areas, scores=None, **more):
    """N points whose candidates have some areas (N, C), bright at the same places."""
    areas = np.array(areas, dtype=float)
    scores = np.full(areas.shape, 0.8) if scores is None else np.array(scores, dtype=float)
    given = {
        "prompts": np.arange(len(areas)),
        "usual": scores.argmax(axis=1),
        "scores": scores,
        "areas": areas,
        "spans": np.zeros(areas.shape, dtype=bool),
        "held": np.zeros(areas.shape, dtype=int),
        "looks": np.zeros((*areas.shape, 2)),
    }
    return Offered(**(given | more))


def points(count, names=None):
    return [
        GeoPrompt(n, names[n] if names else None, points_xy=((n, n),), point_labels=(1,))
        for n in range(count)
    ]


def roofs(count=20, odd=6):
    """Roofs of about 400 pixels; at every `odd`-th a window or a block has the best score."""
    random = np.random.default_rng(3)
    areas, scores = [], []
    for n in range(count):
        # windows and blocks are of any size
        sizes = [random.uniform(3, 80), random.uniform(350, 450), random.uniform(1e3, 9e4)]
        likely = [0.8, 0.85, 0.8]
        if n % odd == 0:
            likely[2 * (n % 2)] = 0.9
        areas.append(sizes)
        scores.append(likely)
    return layer(areas, scores)


def test_the_size_that_most_points_have_is_taken_at_all():
    offered = roofs()
    assert set(offered.usual) > {1}
    choice = choose(offered, points(20))
    assert set(choice.picks.values()) == {1}
    told = choice.classes[""]
    assert (told.points, told.doubt) == (20, "")
    assert told.changed == (offered.usual != 1).sum()
    assert not choice.notes


def test_the_order_of_candidates_and_points_is_nothing():
    offered = roofs()
    turned = replace(
        offered,
        prompts=offered.prompts[::-1],
        usual=2 - offered.usual[::-1],
        scores=offered.scores[::-1, ::-1],
        areas=offered.areas[::-1, ::-1],
    )
    one, other = choose(offered, points(20)), choose(turned, points(20))
    assert {n: 2 - c for n, c in other.picks.items()} == dict(one.picks)


def test_the_unit_of_areas_is_nothing():
    offered = roofs()
    larger = replace(offered, areas=offered.areas * 16)
    assert choose(larger, points(20)).picks == choose(offered, points(20)).picks


def test_where_two_sizes_agree_as_well_it_is_not_known():
    # every roof of 400 pixels has a window of 40 in it
    offered = layer([[40, 400]] * 12, [[0.8, 0.8]] * 6 + [[0.8, 0.81]] * 6)
    choice = choose(offered, points(12))
    assert not choice.picks
    assert "objects of several sizes agree as well" in choice.classes[""].doubt
    (note,) = choice.notes
    assert note.startswith("--one-class changed nothing for the 12 points: objects of several")


def test_a_score_that_is_much_better_decides_between_two_sizes():
    choice = choose(layer([[40, 400]] * 12, [[0.6, 0.9]] * 12), points(12))
    assert set(choice.picks.values()) == {1}


def test_a_mask_that_holds_another_point_is_no_object_of_its_own():
    held = np.array([[0, 1]] * 12)
    choice = choose(layer([[40, 400]] * 12, [[0.6, 0.9]] * 12, held=held), points(12))
    assert set(choice.picks.values()) == {0}


def test_masks_that_all_hold_other_points_show_no_objects():
    held = np.full((12, 2), 3)
    choice = choose(layer([[40, 400]] * 12, [[0.6, 0.9]] * 12, held=held), points(12))
    assert "hold other points too" in choice.classes[""].doubt


def test_sizes_that_do_not_agree_are_no_size():
    areas = [[4.0**n] for n in range(12)]
    choice = choose(layer(areas), points(12))
    assert "no size is that of most" in choice.classes[""].doubt


def test_a_scene_is_no_object():
    spans = np.array([[False, True]] * 12)
    choice = choose(layer([[40, 400]] * 12, [[0.6, 0.9]] * 12, spans=spans), points(12))
    assert set(choice.picks.values()) == {0}


def test_candidates_that_the_network_did_not_give_are_not_chosen():
    offered = roofs()
    areas, scores = offered.areas.copy(), offered.scores.copy()
    areas[0, 1] = scores[0, 1] = np.nan
    looks = offered.looks.copy()
    looks[0, 1] = np.nan
    choice = choose(replace(offered, areas=areas, scores=scores, looks=looks), points(20))
    assert choice.picks[0] != 1
    assert {choice.picks[n] for n in range(1, 20)} == {1}


def test_looks_tell_between_masks_of_one_size():
    # one is dark and one is bright, and the score says which in most places
    looks = np.zeros((12, 2, 2))
    looks[:, 1] = 200
    scores = [[0.7, 0.9]] * 10 + [[0.82, 0.8]] * 2
    choice = choose(layer([[400, 410]] * 12, scores, looks=looks), points(12))
    assert set(choice.picks.values()) == {1}


def test_a_few_points_have_no_usual_size():
    few = LEAST_POINTS - 1
    choice = choose(layer([[40, 400]] * few), points(few))
    assert not choice.picks
    assert choice.classes[""].doubt == f"that needs {LEAST_POINTS} points or more"
    assert not choose(layer(np.zeros((0, 1))), []).classes


def test_each_class_has_its_own_size():
    areas = [[40, 400]] * 20
    scores = [[0.9, 0.6]] * 10 + [[0.6, 0.9]] * 10
    # half of the cars are as sure to be the block around them
    scores[0] = [0.8, 0.85]
    named = points(20, ["car"] * 10 + ["roof"] * 10)
    choice = choose(layer(areas, scores), named)
    assert [choice.picks[n] for n in range(20)] == [0] * 10 + [1] * 10
    assert {name: one.points for name, one in choice.classes.items()} == {"car": 10, "roof": 10}
    assert choice.classes["car"].changed == 1


@pytest.mark.parametrize("name", ["", "car"])
def test_a_note_names_the_class(name):
    choice = choose(layer([[40, 400]] * 2), points(2, [name or None] * 2))
    assert choice.notes[0].startswith(
        f"--one-class changed nothing for the 2 points{' of car' if name else ''}: that needs"
    )
