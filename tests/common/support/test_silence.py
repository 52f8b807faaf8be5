"""Libraries are silent in a block, in whatever order threads come and go."""

from __future__ import annotations

import logging
import threading
import warnings

import pytest

from sam_common.support.silence import silence


def test_a_block_is_silent_and_ends(caplog):
    logger = logging.getLogger("chatty.below")
    with silence("chatty"):
        logger.error("inside")
        warnings.warn("inside", UserWarning, stacklevel=1)
    logger.error("after")
    assert [record.message for record in caplog.records] == ["after"]
    with pytest.warns(UserWarning, match="after"):
        warnings.warn("after", UserWarning, stacklevel=1)


def test_blocks_of_threads_that_overlap_do_not_end_each_other(caplog):
    """First in, first out: the other order than that of nested blocks."""
    logger = logging.getLogger("chatty")
    level = logger.level
    entered, leave, left = threading.Event(), threading.Event(), threading.Event()

    def first():
        with silence("chatty"):
            entered.set()
            leave.wait()
        left.set()

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait()
    with silence("chatty"):
        leave.set()
        left.wait()
        logger.error("still inside")
        warnings.warn("still inside", UserWarning, stacklevel=1)
    thread.join()
    assert caplog.records == []
    assert logger.level == level
    with pytest.warns(UserWarning, match="outside"):
        warnings.warn("outside", UserWarning, stacklevel=1)


def test_another_thread_may_warn_meanwhile():
    entered, leave = threading.Event(), threading.Event()

    def quiet():
        with silence():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=quiet)
    thread.start()
    entered.wait()
    with pytest.warns(UserWarning, match="mine"):
        warnings.warn("mine", UserWarning, stacklevel=1)
    leave.set()
    thread.join()


def test_blocks_may_be_nested_and_end_with_an_error():
    def fail():
        with silence("chatty"), silence("chatty"):
            raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        fail()
    assert logging.getLogger("chatty").isEnabledFor(logging.ERROR)
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)
