from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from sam_common.errors import ModelError
from sam_common.sam2 import library

CODE = """
import sys
import sam_common.segmenter, sam_common.segmenter.predictor, sam_common.segmenter.tracking
import sam_geo.jobs.run, sam_med.run.run_case
from sam_common.segmenter.located import locate
assert not {"transformers", "huggingface_hub", "torch"} & set(sys.modules), sys.modules
import sam_common.engines.torch_engine
assert not {"transformers", "huggingface_hub"} & set(sys.modules)
"""


def test_nothing_loads_transformers_before_a_network_is_built():
    subprocess.run([sys.executable, "-c", CODE], check=True)


def test_without_the_library_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert not library.is_installed()
    with pytest.raises(ModelError) as caught:
        library.transformers()
    assert str(caught.value) == (
        "networks of SAM 2 need the library transformers, which is not installed: "
        'pip install "sam-geomed[hf]"'
    )


def test_its_image_processors_are_not_imported():
    code = (
        "import sys; from sam_common.sam2.library import transformers; "
        "library = transformers(); library.Sam2Model, library.Sam2VideoModel; "
        "library.Sam2VideoInferenceSession; assert 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
