from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

from sam_common.support.tensor_bytes import pack, unpack

ARRAYS = {
    "features": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
    "numbers": np.array([[7, -8]], dtype=np.int64),
    "nothing": np.zeros((0, 2), dtype=np.uint8),
}
NOTE = {"model": "ab" * 32, "words": 'a "quoted" é\n'}


def test_what_is_packed_comes_back():
    arrays, note = unpack(pack(ARRAYS, NOTE))
    assert note == NOTE
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_the_library_reads_the_same(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(pack(ARRAYS, NOTE))
    with safe_open(tmp_path / "a.safetensors", "np") as file:
        assert file.metadata() == NOTE
        np.testing.assert_array_equal(file.get_tensor("features"), ARRAYS["features"])


def test_files_of_the_library_are_read():
    arrays, note = unpack(safetensors.numpy.save({"a": np.ones(3)}, {"who": "the library"}))
    assert (arrays["a"].tolist(), note) == ([1, 1, 1], {"who": "the library"})


def test_a_file_without_a_note_is_refused():
    with pytest.raises(KeyError, match="__metadata__"):
        unpack(safetensors.numpy.save({"a": np.ones(3)}))


def test_other_processes_give_the_same_bytes():
    made = (
        "import hashlib, numpy as np; from sam_common.support.tensor_bytes import pack;"
        "data = pack({'b': np.ones(3), 'a': np.ones(2)}, {n: n for n in 'zyxwv'});"
        "print(hashlib.sha256(data).hexdigest())"
    )
    found = {subprocess.check_output([sys.executable, "-c", made]) for _ in range(4)}
    assert len(found) == 1
