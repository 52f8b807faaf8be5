"""A network is taught on an open volume, without a server."""

from __future__ import annotations

import numpy as np
import pytest
import small_base
from lessons import disc

from sam_common.errors import InputError
from sam_med.live.teaching import segments_of

QUICK = {"epochs": 1, "patience": 1, "views": 1}


@pytest.fixture
def sent(tmp_path):
    """Write an array as an upload; gives the segment of a request."""

    def make(array, start=(0, 0, 0), name="liver"):
        path = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}.npy"
        np.save(path, array)
        return {"name": name, "start": start, "upload": "u1", "file": path}

    return make


def test_windows_become_segments_where_they_lie(live, sent):
    whole = np.zeros((2, 3, 4), np.uint8)
    whole[1, 2, 3] = 7
    one, other = segments_of(
        [sent(whole, (10, 37, 46)), sent(whole * 0), sent(whole[1:], (0, 1, 2), "spleen")],
        live.volume,
    )
    assert (one.name, other.name) == ("liver", "spleen")
    assert one.window.start == (10, 37, 46)
    assert np.argwhere(one.mask).tolist() == [[1, 2, 3]]
    assert one.value != other.value
    assert other.window.shape == (1, 3, 4)


@pytest.mark.parametrize(
    ("shape", "start", "told"),
    [
        ((3, 4), (0, 0), "the segment liver has 2 axes: send slices, rows and columns"),
        (
            (3, 3, 4),
            (10, 0, 0),
            "the segment liver ends at (k, j, i) (13, 3, 4), the volume at (12, 40, 50)",
        ),
        ((2, 3, 4), (0, 0, 0), "all segments are empty: correct or paint some first"),
    ],
)
def test_segments_that_do_not_fit_are_refused(live, sent, shape, start, told):
    with pytest.raises(InputError) as refused:
        segments_of([sent(np.zeros(shape, np.uint8), start)], live.volume)
    assert str(refused.value) == told


def test_a_volume_teaches_its_segments_as_it_is_shown(
    request_of, context, sent, told, tmp_path, monkeypatch
):
    from sam_med.live.volume import open_source

    small_base.use(monkeypatch)
    tube = np.zeros((32, 40, 50), np.uint8)
    tube[1:31] = disc((40, 50), (20, 22), 10)
    noise = np.random.default_rng(0).integers(0, 9, tube.shape)
    request, path = request_of((noise + 90 * tube).astype(np.int16))
    segments = [sent(tube), sent(tube, name="spleen")]
    asked = {"name": "tubes", "model": "small", "options": QUICK, "segments": segments}
    signatures = set()
    for width in (100, 30):
        volume = open_source({**request, "width": width, "level": 50}, path, context)
        folder = tmp_path / f"results{width}"
        folder.mkdir()
        record = volume.run("finetune", asked, folder, told)
        assert record["data"]["split"] == "slabs of slices of the same volumes"
        assert sum(record["data"]["objects"].values()) >= 12
        signatures.add(str(record["history"]))
    # what the network sees is the window that the session shows
    assert len(signatures) == 2
    assert ("epochs", 1) in told.begun
    with pytest.raises(InputError, match="no job automatic for a volume: propagate, export, fine"):
        volume.run("automatic", {}, tmp_path, told)
