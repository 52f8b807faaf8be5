"""Translations of QGIS's plugin: the files go with the sources, and each is whole."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from sam_common import installation
from sam_common.installation.environment import TORCH_HINT

PLUGIN = Path(__file__).parents[2] / "sam_geo/qgis_plugin/sam_geomed"
FILES = sorted((PLUGIN / "i18n").glob("*.ts"))
MARKS = {"translate", "QT_TRANSLATE_NOOP"}
CONTEXT = "SamGeomed"
UPDATE = "run: make translations"
PLURAL_FORMS = {"de": 2}
"""Plural forms of each language that there is a file of, as Qt's Linguist counts them."""
SHOWN = re.compile(
    r"set(Text|ToolTip|WindowTitle|PlaceholderText|Filter|ProgressText)|add(Row|Tab)|say|emit"
    r"|push(Info|Warning)|reportError|QLabel|QPushButton"
    r"|QgsProcessing(Parameter|Output|Exception)\w*|(Accept|Source|Program|EnvironmentMissing)Error"
)
"""Functions whose arguments a user sees."""


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def calls() -> list[tuple[str, ast.Call]]:
    return [
        (path.name, node)
        for path in sorted(PLUGIN.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def sources() -> set[tuple[str, bool]]:
    """Texts of the sources, and whether each depends on a number."""
    return {
        (ast.literal_eval(call.args[1]), len(call.args) == 4)
        for name, call in calls()
        if name_of(call) in MARKS and name != "translation.py"
    }


def messages(path: Path) -> list[ET.Element]:
    return ET.parse(path).findall("context/message")  # noqa: S314 (our own file)


def texts(message: ET.Element) -> list[str]:
    translation = message.find("translation")
    return [each.text or "" for each in translation.findall("numerusform") or [translation]]


def holes(text: str) -> list[tuple[str, str | None]]:
    """What is put into a text, with its format."""
    return sorted((name, form) for _, name, form, _ in string.Formatter().parse(text) if name)


def has_words(given: ast.expr) -> bool:
    """Whether an argument is a text of several words, or one with something put in, beside tags."""
    parts = given.values if isinstance(given, ast.JoinedStr) else [given]
    texts = [each.value for each in parts if isinstance(each, ast.Constant)]
    plain = re.sub(r"<[^>]*>", "", "".join(each for each in texts if isinstance(each, str)))
    return bool(re.search(r"[A-Za-z]{2}" if isinstance(given, ast.JoinedStr) else r"\w\s", plain))


def test_qts_tools_find_every_text_that_is_marked():
    """They pass over whatever is not written out, and over other contexts, without a word."""
    passed_over = [
        f"{name}:{call.lineno}"
        for name, call in calls()
        if name_of(call) in MARKS
        and name != "translation.py"
        and not (
            isinstance(call.args[0], ast.Constant)
            and call.args[0].value == CONTEXT
            and isinstance(call.args[1], ast.Constant)
        )
    ]
    assert passed_over == []


def test_no_text_that_a_user_sees_goes_past_the_translation():
    assert [
        f"{name}:{call.lineno}"
        for name, call in calls()
        if SHOWN.fullmatch(name_of(call))
        for given in (*call.args, *(each.value for each in call.keywords))
        if has_words(given)
    ] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_has_the_texts_of_the_sources_and_no_others(path):
    found = {(each.findtext("source"), "numerus" in each.attrib) for each in messages(path)}
    assert found == sources(), UPDATE


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_translation_is_whole_and_keeps_what_is_put_in(path):
    forms = PLURAL_FORMS[path.stem.removeprefix("sam_geomed_")]
    wrong = []
    for message in messages(path):
        source = message.findtext("source")
        is_numerous = "numerus" in message.attrib
        found = texts(message)
        if (
            message.find("translation").get("type")
            or len(found) != (forms if is_numerous else 1)
            or any(
                not text.strip()
                or holes(text) != holes(source)
                or ("%n" in text) != is_numerous
                or text.count("\n\n") != source.count("\n\n")
                for text in found
            )
        ):
            wrong.append(source)
    assert wrong == []


def test_there_is_a_compiled_file_for_each():
    compiled = {path.stem for path in (PLUGIN / "i18n").glob("*.qm")}
    assert {path.stem for path in FILES} == compiled != set(), UPDATE


def test_texts_of_the_installer_are_those_that_it_says():
    """The plugin translates them, and the installer, which 3D Slicer has too, says them."""
    folder = Path(installation.__file__).parent
    said = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    tree = ast.parse((PLUGIN / "installer.py").read_text(encoding="utf-8"))
    (marked,) = (
        node.value.elts
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "SUITE_TEXTS"
    )
    known = [ast.literal_eval(each.args[1]) for each in marked]
    assert known[-1] == TORCH_HINT
    assert [each for each in known[:-1] if f'{each}"' not in said] == []
