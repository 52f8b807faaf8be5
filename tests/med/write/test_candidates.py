from __future__ import annotations

import nrrd
import numpy as np
import pytest

from sam_common.errors import OutputError
from sam_common.window import Window
from sam_med.objects.segments import Candidate, Segment
from sam_med.write.candidates import check_candidates, write_candidates


@pytest.fixture
def objects(phantom):
    """An object that was in doubt, and one that was not."""
    window = Window((1, 10, 20), (3, 14, 26))
    chosen, other = np.ones(window.shape, dtype=bool), np.ones(window.shape, dtype=bool)
    other[:, :2] = False
    candidates = (Candidate(0.6, 1.0, window, chosen), Candidate(0.4, 0.7, window, other))
    return [
        Segment("liver", 5, window, chosen, candidates=candidates),
        Segment("spot", 7, window, chosen, candidates=candidates[:1]),
    ]


def test_what_was_not_chosen_is_written_with_the_value_of_its_object(objects, phantom, tmp_path):
    (path,) = write_candidates(objects, phantom, tmp_path / "others")
    assert path == tmp_path / "others/object-5-candidate-2.nrrd"
    array, _ = nrrd.read(str(path), index_order="C")
    expected = np.zeros(phantom.shape, dtype=int)
    expected[1:3, 12:14, 20:26] = 5
    assert np.array_equal(array, expected)


def test_a_folder_with_candidates_is_kept_unless_asked(objects, phantom, tmp_path):
    folder = tmp_path / "others"
    check_candidates(folder, overwrite=False)
    write_candidates(objects, phantom, folder)
    (folder / "object-9-candidate-4.nrrd").write_bytes(b"old")
    (folder / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match=r"^others holds candidates already"):
        check_candidates(folder, overwrite=False)
    check_candidates(folder, overwrite=True)
    write_candidates(objects, phantom, folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "mine.txt",
        "object-5-candidate-2.nrrd",
    ]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(OutputError, match="and a is a file"):
        check_candidates(tmp_path / "a", overwrite=True)
