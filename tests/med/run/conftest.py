from __future__ import annotations

import pytest

from sam_common.errors import InputError, OutputError
from sam_med.run.case_list import read_cases


@pytest.fixture
def message_of():
    """The message of the error that a call ends with."""

    def call(function, *args, **kwargs):
        with pytest.raises((InputError, OutputError)) as caught:
            function(*args, **kwargs)
        return str(caught.value)

    return call


@pytest.fixture
def cases(tmp_path):
    """Three inputs: a file, a folder and a file with prompts."""
    (tmp_path / "a.nii").write_bytes(b"a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.dcm").write_bytes(b"b1")
    (tmp_path / "b" / "2.dcm").write_bytes(b"b2")
    (tmp_path / "c.nii").write_bytes(b"c")
    (tmp_path / "c.json").write_text("{}")
    (tmp_path / "list.csv").write_text(
        "name,input,prompts,output,preset\n"
        "first,a.nii,,a_out,\n"
        ",b,,b_out,lung\n"
        "third,c.nii,c.json,c_out,\n"
    )
    return read_cases(tmp_path / "list.csv", options=("preset",))
