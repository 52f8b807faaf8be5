from __future__ import annotations

import re

import pytest

from sam_common import errors
from sam_common.errors import SuiteError, one_line


def classes():
    return [kind for kind in vars(errors).values() if isinstance(kind, type)]


def drawn():
    """The tree in the docstring of the module: name and name of its parent."""
    parents, tree = {-1: "Exception"}, {}
    for line in errors.__doc__.split("```")[1].strip().splitlines():
        name = re.search(r"\w+", line)
        depth = name.start() // 4
        tree[name[0]] = parents[depth - 1]
        parents[depth] = name[0]
    return tree


def test_the_tree_is_drawn_as_it_is():
    assert drawn() == {kind.__name__: kind.__bases__[0].__name__ for kind in classes()}


def test_one_class_catches_all():
    assert all(issubclass(kind, SuiteError) for kind in classes())


def test_every_error_says_when_it_is_raised():
    assert all(kind.__doc__ for kind in classes())
    assert len({kind.__doc__ for kind in classes()}) == len(classes())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("one\n  two\t three"), "one two three"),
        (ValueError(), "ValueError"),
        (ValueError("  \n"), "ValueError"),
        (MemoryError(), "not enough memory"),
        (MemoryError("2 GiB\nwanted"), "not enough memory: 2 GiB wanted"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_errors_on_one_line(error, told):
    assert one_line(error) == told
