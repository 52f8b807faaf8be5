"""What the pages say about the code, compared with the code."""

import ast
import importlib
import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest
import typer.main
from PIL import Image
from typer.testing import CliRunner

from sam_common.cli.main import app as common_app
from sam_common.published import checkpoints
from sam_geo.cli.main import app as geo_app
from sam_med.cli.main import app as med_app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROMISED = ("sam_common.executors", "sam_common.segmenter", "sam_geo", "sam_med")
MODULES = (
    "sam_common.errors",
    "sam_common.published.samples",
    "sam_common.server.client",
    "sam_med.testing",
)
"""Modules that are promised as a whole."""
APPS = {"sam-common": common_app, "sam-geo": geo_app, "sam-med": med_app}


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def commands():
    """Every call of our command lines in the pages, continued lines joined."""
    for page in PAGES:
        for block in blocks(page, "console"):
            for line in block.replace("\\\n", " ").splitlines():
                found = re.match(r"\$ (?:\w+=\$\()?(sam-\w+ [^#)]*)", line)
                if found:
                    yield pytest.param(shlex.split(found[1]), id=f"{page.name}: {found[1]}")


@pytest.mark.parametrize("words", list(commands()))
def test_commands_in_the_pages_parse(words):
    program, *arguments = words
    command = typer.main.get_command(APPS[program])
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    # parsing only: nothing is run
    command.make_context(program, arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_pages_compiles(page):
    for code in blocks(page, "python"):
        compile(code, str(page), "exec")


@pytest.mark.parametrize("name", list(checkpoints.registry()))
def test_every_model_is_in_the_table_as_the_registry_has_it(name):
    info = checkpoints.model_info(name)
    (row,) = re.findall(rf"^\| `{name}` \|.*$", (ROOT / "docs/models.md").read_text(), re.MULTILINE)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert set(cells[2].split(", ")) == info.prompts
    assert cells[3] == f"{info.size_bytes / 1e6:.0f} MB"
    assert cells[4] == info.licence


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_messages_in_troubleshooting_are_those_of_the_programs():
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    result = CliRunner().invoke(common_app, ["weights", "pull", "mobil_sam"])
    stated = re.search(r"^`(unknown model .*?) …`$", text, re.MULTILINE)
    assert stated is not None
    assert str(result.exception).startswith(stated[1])


def test_the_pages_of_the_api_show_what_is_promised_and_nothing_else():
    text = "".join(page.read_text() for page in sorted((ROOT / "docs/api").glob("*.md")))
    shown = re.findall(r"auto(?:class|data|exception|function):: (\S+)", text)
    promised = {f"{at}.{name}" for at in PROMISED for name in importlib.import_module(at).__all__}
    assert sorted(shown) == sorted(promised)
    modules = re.findall(r"automodule:: (\S+)", text)
    assert sorted(modules) == sorted(MODULES)


def test_pages_and_notebooks_import_promised_names_only():
    codes = [code for page in PAGES for code in blocks(page, "python")]
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        codes += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    statements = [
        node
        for code in codes
        for node in ast.walk(ast.parse(re.sub(r"(?m)^[!%].*$", "", code)))
        if isinstance(node, ast.ImportFrom) and re.match(r"sam_(common|geo|med)\b", node.module)
    ]
    assert statements
    for node in statements:
        names = {alias.name for alias in node.names}
        if node.module in PROMISED:
            assert names <= set(importlib.import_module(node.module).__all__)
        else:
            whole = {f"{node.module}.{name}" for name in names}
            assert node.module in MODULES or whole <= set(MODULES), ast.unparse(node)


@pytest.mark.parametrize("package", PROMISED)
def test_types_of_every_promised_name_are_checked(package):
    tree = ast.parse((ROOT / "tests/typing/api.py").read_text(encoding="utf-8"))
    imported = {
        alias.name: alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == package
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert sorted(imported) == sorted(importlib.import_module(package).__all__)
    assert set(imported.values()) <= used


def test_pictures_of_the_readme_are_small_and_of_one_height():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r'<img src="([^"]+)"', text)
    wanted = ("trees", "abdomen", "page_raster", "qgis")
    assert shown == [f"docs/pictures/{name}.jpg" for name in wanted]
    for name in shown:
        assert (ROOT / name).stat().st_size < 150_000
        with Image.open(ROOT / name) as picture:
            assert (picture.format, picture.height) == ("JPEG", 560)
    # whose they are, and on which terms
    assert all(word in text for word in ("CC0-1.0", "MIT", "Apache-2.0", "Drawn by `make demo`"))


def test_pictures_are_made_of_what_a_folder_has(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "docs/pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HERE", tmp_path / "made")
    there = ("trees.jpg", "abdomen_axial.jpg", "qgis/desktop.png")
    (tmp_path / "qgis").mkdir()
    for name in there:
        Image.new("RGB", (1400, 1120), (90, 120, 90)).save(tmp_path / name)
    module.main(tmp_path)
    made = {path.name for path in (tmp_path / "made").iterdir()}
    assert made == {"trees.jpg", "abdomen.jpg", "qgis.jpg"}
    missing = [line.split(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert sorted([*made, *missing]) == sorted(module.PICTURES)
    with Image.open(tmp_path / "made/trees.jpg") as picture:
        assert picture.size == (700, 560)
