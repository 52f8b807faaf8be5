"""The server of an explorer whose segmenter needs no network: a program for `COMMAND` of it."""

from __future__ import annotations

import sys

PROGRAM = """
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.page import files
from sam_common.server.sessions import models
models._load = lambda _name: FakeSegmenter()
files.library_folder = lambda name, quiet=False: files.STATIC
from sam_common.cli.main import main
main()
"""
COMMAND = (sys.executable, "-c", PROGRAM, "serve", "--ui", "--idle-minutes", "inf")
