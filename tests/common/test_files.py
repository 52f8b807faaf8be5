from __future__ import annotations

from pathlib import Path

import pytest

from sam_common.errors import InputError, OutputError
from sam_common.files import atomic_output, check_input, check_output


def test_missing_input_is_named(tmp_path):
    with pytest.raises(InputError) as caught:
        check_input(tmp_path / "nothing.tif")
    assert str(caught.value) == f"no such file: {tmp_path / 'nothing.tif'}"


def test_input_may_be_a_file_or_a_folder(tmp_path):
    (tmp_path / "a.tif").touch()
    check_input(tmp_path / "a.tif")
    check_input(str(tmp_path))


def test_existing_output_needs_overwrite(tmp_path):
    path = tmp_path / "out.gpkg"
    path.write_text("old")
    with pytest.raises(OutputError) as caught:
        check_output(path, overwrite=False)
    assert str(caught.value) == f"output exists: {path} (give --overwrite to replace it)"
    check_output(path, overwrite=True)
    assert path.read_text() == "old"


def test_output_needs_its_folder(tmp_path):
    with pytest.raises(OutputError) as caught:
        check_output(tmp_path / "missing" / "out.gpkg", overwrite=True)
    assert (
        str(caught.value)
        == f"no such folder for the output: {tmp_path / 'missing'} (make it first)"
    )


def test_output_must_not_be_a_folder(tmp_path):
    with pytest.raises(OutputError) as caught:
        check_output(tmp_path, overwrite=True)
    assert str(caught.value) == f"output is a folder, not a file: {tmp_path}"


def test_unwritable_folder_is_found_by_trying():
    # /proc takes no files from anybody, root included
    with pytest.raises(OutputError) as caught:
        check_output(Path("/proc/out.gpkg"), overwrite=False)
    assert str(caught.value) == "cannot write to folder /proc: No such file or directory"


def test_checking_leaves_nothing_behind(tmp_path):
    check_output(tmp_path / "out.nii.gz", overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_output_appears_whole_under_its_name(tmp_path):
    target = tmp_path / "head.2024.nii.gz"
    with atomic_output(target) as part:
        assert part.parent == tmp_path
        assert part.suffixes[-2:] == [".nii", ".gz"]
        assert not part.exists()
        part.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_interrupted_output_leaves_the_old_file(tmp_path, failure):
    target = tmp_path / "out.gpkg"
    target.write_text("old")

    def write_half() -> None:
        with atomic_output(target) as part:
            part.write_text("half")
            raise failure

    with pytest.raises(failure):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_writing_nothing_is_an_error(tmp_path):
    with pytest.raises(OutputError) as caught, atomic_output(tmp_path / "out.gpkg"):
        pass
    assert str(caught.value) == f"nothing was written for {tmp_path / 'out.gpkg'}"


def test_target_that_cannot_be_replaced_is_named(tmp_path):
    target = tmp_path / "out.gpkg"

    def write_over_a_folder() -> None:
        with atomic_output(target) as part:
            part.write_text("new")
            target.mkdir()

    with pytest.raises(OutputError) as caught:
        write_over_a_folder()
    assert (
        str(caught.value)
        == f"cannot replace {target}: Is a directory (is it open in another program?)"
    )
    assert list(tmp_path.iterdir()) == [target]


def test_what_verify_refuses_does_not_replace_the_target(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def refuse(part: Path) -> None:
        assert part.read_text() == "new"
        raise OutputError("three rows were written, two were read back")

    with (
        pytest.raises(OutputError, match="two were read back"),
        atomic_output(target, verify=refuse) as part,
    ):
        part.write_text("new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
