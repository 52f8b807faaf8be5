from __future__ import annotations

import sys

import pytest

from sam_common.support.lazy import lazy_names


@pytest.fixture
def find(tmp_path, monkeypatch):
    """The lazy names of a package whose module counts how often it is imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lazy_home.py").write_text("import sys\nsys.lazy_imports += 1\nthing = [1]\n")
    monkeypatch.setattr(sys, "lazy_imports", 0, raising=False)
    yield lazy_names("package", {"thing": "lazy_home", "gone": "lazy_home", "lost": "no_such_home"})
    sys.modules.pop("lazy_home", None)


def test_a_module_is_imported_at_the_first_use_and_once(find):
    assert sys.lazy_imports == 0
    assert find("thing") == [1]
    assert find("thing") is find("thing")
    assert sys.lazy_imports == 1


def test_other_names_are_no_attributes(find):
    with pytest.raises(AttributeError, match=r"^module 'package' has no attribute 'other'$"):
        find("other")
    assert sys.lazy_imports == 0


def test_a_wrong_table_is_told(find):
    with pytest.raises(AttributeError, match="gone"):
        find("gone")
    with pytest.raises(ModuleNotFoundError, match="no_such_home"):
        find("lost")


@pytest.mark.parametrize("name", ["sam_common.segmenter"])
def test_every_public_name_of_the_packages_is_found(name):
    package = __import__(name, fromlist=["*"])
    assert sorted(package.__all__) == dir(package)
    assert all(getattr(package, each) is not None for each in package.__all__)
