"""Messages without names: paths by their roles, words of the command line, errors of libraries."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path

import pytest

from sam_common.errors import InputError, PromptError, SuiteError
from sam_med import privacy
from sam_med.cli.main import app

MARK = "ZQCANARY"
NUMBER, BORN = "5432198765", "19310217"


def test_paths_are_called_by_their_roles(tmp_path):
    folder = tmp_path / "scans of DOE"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.dcm", "a b.dcm", "sub/c"):
        (folder / name).write_bytes(b"")
    with privacy.unnamed({folder: "the input", tmp_path / "p.json": "the prompts"}):
        assert privacy.reworded(f"cannot read {folder}") == "cannot read the input"
        assert privacy.reworded(f"cannot read '{folder}/a b.dcm'!") == (
            "cannot read 'file 1 of 3 of the input'!"
        )
        assert privacy.reworded(f"{folder}/sub/c, {folder}/sub, {tmp_path}/p.json") == (
            "file 3 of 3 of the input, a folder of the input, the prompts"
        )
        assert privacy.told(InputError(f"no such file: {folder}")) == "no such file: the input"
    assert privacy.reworded(f"{folder}") == f"{folder}"


def test_words_are_no_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (".", "ct", "an"):
        with privacy.unnamed({Path(name): "the input"}):
            assert privacy.reworded("an odd ct scan. Or not") == "an odd ct scan. Or not"
    with privacy.unnamed({Path("DOE"): "the input"}):
        assert privacy.reworded("no such file: DOE") == "no such file: the input"
        assert privacy.reworded("DOES it") == "DOES it"


def test_what_may_be_told_of_an_error(tmp_path):
    assert privacy.told(PromptError("no box")) == "no box"
    assert privacy.told(PermissionError(13, "Permission denied", "DOE")) == (
        "PermissionError: Permission denied"
    )
    assert privacy.told(ValueError("DOE")) == "unexpected ValueError"
    assert privacy.told(OSError("DOE")) == "unexpected OSError"


def test_libraries_are_quiet_only_while_asked_to(capfd):
    logger = logging.getLogger("pydicom")
    with privacy.quiet_libraries():
        logger.error("DOE")
        warnings.warn("DOE", UserWarning, stacklevel=1)
    assert capfd.readouterr() == ("", "")
    with pytest.warns(UserWarning, match="DOE"):
        warnings.warn("DOE", UserWarning, stacklevel=1)
    assert logger.isEnabledFor(logging.ERROR)


def test_files_by_number():
    files = [Path("x/b"), Path("x/a")]
    assert privacy.numbered(Path("x/a"), files) == "file 2 of 2 of the input"
    assert privacy.numbered(Path("y"), files, "the scan") == "a file of the scan"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            [f"{MARK}/1.dcm", f"{MARK}/2 of it.dcm"],
            "Got unexpected extra argument(s) (...) (see: sam-med info --help)",
        ),
        (["--json=1"], "Option '--json' does not take a value"),
        (["--nothing"], "No such option: --nothing (see: sam-med info --help)"),
    ],
)
def test_the_argument_parser_names_no_files(words, told, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["sam-med", "info", f"{MARK}.nii", *words])
    with pytest.raises(SuiteError) as caught:
        privacy.command(app)
    assert str(caught.value) == told


@pytest.mark.parametrize("command", [f"{MARK}.nii", NUMBER, "doe"])
def test_a_file_in_the_place_of_a_command_is_not_named(command, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["sam-med", command])
    with pytest.raises(SuiteError, match=r"^No such command '\.\.\.'"):
        privacy.command(app)


def test_values_that_cannot_be_files_are_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "Invalid value for '--time': 'abc' is no integer."
    assert privacy.without_typed(text, ["--time", "abc"], kept=privacy.PLAIN) == text[:-1]
    (tmp_path / "abc").touch()
    assert "abc" not in privacy.without_typed(text, ["--time", "abc"], kept=privacy.PLAIN)
    for word in (f"{MARK}.nii", NUMBER, BORN, "--time=DOE"):
        text = f"Invalid value: {word.split('=')[-1]!r} is no integer"
        assert privacy.without_typed(text, [word], kept=privacy.PLAIN) == (
            "Invalid value: '...' is no integer"
        )


def test_the_name_of_a_file_alone_is_hidden_too():
    path = Path("scans") / f"{MARK}.nii.gz"
    assert (
        privacy.without_path(f"{MARK}.nii.gz is no label map", path) == "the input is no label map"
    )
    assert (
        privacy.without_path("brain is no label map", Path("scans/brain"))
        == "brain is no label map"
    )


def test_a_suffix_is_no_name():
    """The input is called like the suffix that a message lists."""
    text = "known suffixes: .nrrd, .seg.dcm; not seg.dcm"
    told = privacy.without_path(text, Path("scans/seg.dcm"))
    assert told == "known suffixes: .nrrd, .seg.dcm; not the input"


def test_too_little_memory_is_one_line(capsys):
    def job():
        raise MemoryError(MARK)

    with pytest.raises(SystemExit) as ended:
        privacy.run(job)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: not enough memory")
