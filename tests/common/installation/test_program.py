from __future__ import annotations

import pytest
from stand_in_wheels import suite_wheel

from sam_common.installation.environment import Environment
from sam_common.installation.program import main


@pytest.mark.slow
def test_an_environment_is_installed_verified_and_removed(tmp_path, wheels, capsys):
    wheel = suite_wheel(tmp_path)
    folder = tmp_path / "mine"
    assert main(["verify", "--to", str(folder)]) == 2
    assert "is not there or not whole" in capsys.readouterr().err
    arguments = ["--to", str(folder), "--wheel", str(wheel), "--extras", "geo"]
    assert main(["install", *arguments]) == 0
    assert "sam-geomed 0.1.0 is installed in" in capsys.readouterr().out
    assert main(["verify", "--to", str(folder)]) == 0
    assert main(["remove", "--to", str(folder)]) == 0
    assert not Environment(folder).folder.exists()


def test_what_is_missing_is_told_without_a_traceback(tmp_path, capsys):
    assert main(["--to", str(tmp_path), "--offline", str(tmp_path / "none.zip")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
