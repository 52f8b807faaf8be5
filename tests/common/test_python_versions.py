"""The oldest Python that is promised is the one that is checked."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
OLDEST = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())[1]
NEWER = re.compile(
    r"from typing import [^\n]*\b(Self|Never|assert_never|LiteralString|NotRequired|Required|Unpack"
    r"|override|TypeIs|ReadOnly)\b|\bdatetime\.UTC\b|from datetime import [^\n]*\bUTC\b|\btomllib\b"
    r"|\bStrEnum\b|\bExceptionGroup\b|\bexcept\*|\.add_note\(|contextlib\.chdir|hashlib\.file_digest"
    r"|itertools\.batched|asyncio\.(TaskGroup|timeout)\b"
)
"""Names that Python 3.10 lacks."""


def sources():
    done = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def test_every_tool_looks_at_the_oldest_version():
    assert f'target-version = "py3{OLDEST}"' in (ROOT / "pyproject.toml").read_text()
    assert f"mypy --python-version 3.{OLDEST}" in (ROOT / "Makefile").read_text()
    newest = re.search(
        r'^python_version = "3\.(\d+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert int(newest[1]) > int(OLDEST) + 2


def test_sources_parse_and_import_in_the_oldest_version():
    newer = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        ast.parse(text, feature_version=(3, int(OLDEST)))
        if path != Path(__file__) and (name := NEWER.search(text)):
            newer.append(f"{path.relative_to(ROOT)}: {name[0]}")
    assert newer == []
