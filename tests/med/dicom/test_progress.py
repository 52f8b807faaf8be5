"""Reports of the files that are read, and their listeners."""

from __future__ import annotations

import threading

import pytest
from scans import LINE

from sam_med.dicom import progress
from sam_med.files.read import read_volume


def test_each_file_is_reported_once_for_its_header_and_once_for_its_pixels(dicom):
    dicom.series(LINE)
    counts = []
    with progress.listening(counts.append):
        read_volume(dicom.folder)
    assert sum(counts) == 2 * len(LINE)
    read_volume(dicom.folder)
    assert sum(counts) == 2 * len(LINE)


def test_listeners_are_nested_and_end_with_their_block():
    outer, inner = [], []
    with progress.listening(outer.append):
        progress.next_file()
        with progress.listening(inner.append):
            progress.may_stop()
        with pytest.raises(KeyError), progress.listening(inner.append):
            raise KeyError
        progress.next_file()
    progress.next_file()
    assert (outer, inner) == ([1, 1], [0])


def test_what_a_listener_raises_ends_the_reading(dicom):
    dicom.series(LINE)

    class EndedError(Exception):
        pass

    def end(_files):
        raise EndedError

    with progress.listening(end), pytest.raises(EndedError):
        read_volume(dicom.folder)


def test_other_threads_are_not_heard():
    heard = []
    with progress.listening(heard.append):
        thread = threading.Thread(target=progress.next_file)
        thread.start()
        thread.join()
    assert heard == []
