from __future__ import annotations

import numpy as np
import torch

from sam_common.support.device_arrays import aligned, device_of, to_device, to_host

ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_an_array_of_numpy_has_no_device_and_stays_what_it_is():
    assert device_of(ARRAY) is None
    assert to_host(ARRAY) is ARRAY
    assert to_device(ARRAY, None) is ARRAY


def test_there_and_back():
    tensor = to_device(ARRAY, "cpu")
    assert isinstance(tensor, torch.Tensor)
    assert tensor.dtype == torch.float32
    assert device_of(tensor) == "cpu"
    np.testing.assert_array_equal(to_host(tensor), ARRAY)


def test_memory_is_shared_where_it_may_be_written_to():
    array = ARRAY.copy()
    tensor = to_device(array, "cpu")
    array[0, 0] = 9
    assert float(tensor[0, 0]) == 9
    frozen = ARRAY.copy()
    frozen.flags.writeable = False
    # torch would warn that it shares memory that must not be written to
    apart = to_device(frozen, "cpu")
    apart += 1
    np.testing.assert_array_equal(frozen, ARRAY)


def test_other_types_keep_theirs():
    assert to_device(np.array([1, 2], dtype=np.int64), "cpu").dtype == torch.int64


def test_what_goes_to_cuda_is_pinned_and_not_waited_for(monkeypatch):
    seen = []

    class Pinned:
        def to(self, device, *, non_blocking):
            seen.append((device, non_blocking))
            return "there"

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda _: Pinned())
    assert to_device(ARRAY, "cuda:1") == "there"
    assert seen == [("cuda:1", True)]


def test_an_aligned_copy_begins_at_a_line_of_the_cache():
    array = np.arange(35, dtype=np.float32)[1:].reshape(2, 17)
    copy = aligned(array)
    assert np.array_equal(copy, array)
    assert copy.ctypes.data % 64 == 0
    assert copy.flags.writeable
    assert copy.flags.c_contiguous
