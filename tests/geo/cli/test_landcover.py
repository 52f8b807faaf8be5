"""The command `sam-geo landcover`: its two forms, what it says, and its exit codes."""

from __future__ import annotations

import json

import pytest
from cover_scenes import cover_scene
from geo_program import invoke

from sam_geo.classification import block_classes
from sam_geo.cli.landcover import accuracy_lines


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return cover_scene(tmp_path_factory.mktemp("scene"))


QUICK = ("--class-field", "cover", "--classifier", "discriminant", "-q")


def test_samples_last_or_by_name(scene, tmp_path):
    one, two = tmp_path / "one.tif", tmp_path / "two.tif"
    assert invoke("landcover", scene.raster, scene.samples, "-o", one, *QUICK).exit_code == 0
    named = ("landcover", scene.raster, "--samples", scene.samples, "-o", two)
    assert invoke(*named, *QUICK).exit_code == 0
    assert one.read_bytes() == two.read_bytes()


def test_one_file_is_not_enough(scene, tmp_path):
    found = invoke("landcover", scene.raster, "-o", tmp_path / "a.tif")
    assert found.exit_code != 0
    assert "where a raster and samples are needed" in str(found.exception)


def test_what_it_says(scene, tmp_path):
    arguments = ("landcover", scene.raster, scene.samples, "-o", tmp_path / "a.tif", *QUICK[:-1])
    found = invoke(*arguments)
    assert found.exit_code == 0
    for word in ("water", "area, ha", "ground that was not learned", "sam-geo assess"):
        assert word in found.output
    again = invoke(*arguments, "--json", "--overwrite")
    record = json.loads(again.stdout)
    assert set(record["classes"].values()) == {"field", "town", "water"}
    assert record["output"] == str(tmp_path / "a.tif")


def test_a_block_that_fails_has_an_exit_code(scene, tmp_path, monkeypatch):
    from sam_common.errors import InputError
    from sam_geo.bands import blocks
    from sam_geo.classification import map_rows
    from sam_geo.learning import sample_pixels

    for module in (blocks, map_rows, sample_pixels):
        monkeypatch.setattr(module, "SIDE", 64)
    real = block_classes.Classification.read

    def damaged(self, n, embedded=None):
        if n == 1:
            raise InputError("cannot read it")
        return real(self, n, embedded)

    monkeypatch.setattr(block_classes.Classification, "read", damaged)
    found = invoke("landcover", scene.raster, scene.samples, "-o", tmp_path / "a.tif", *QUICK)
    assert found.exit_code == 3
    assert "1 of 6 blocks failed: block at row 0, column 64: cannot read it" in found.output
    assert (tmp_path / "a.tif").is_file()


def figures(blocked, by_chance, checked=None):
    made = {"overall": 0.9, "macro_f1": 0.8}
    return {
        "parameters": {"seed": 0},
        "training": {
            "accuracies": {
                "blocked": made if blocked else None,
                "random": made if by_chance else None,
            }
        },
        "checked": checked,
    }


def applied():
    return {**figures(True, True), "parameters": {"seed": None}}


def test_the_accuracy_of_a_model_is_not_that_of_another_image():
    lines = accuracy_lines(applied())
    assert "trained on another image" in lines[0]
    assert not any("0.9" in line for line in lines)


def test_the_accuracy_by_chance_is_never_alone():
    assert any("by chance" in line for line in accuracy_lines(figures(True, True)))
    for record in (figures(False, True), figures(False, False), applied()):
        assert not any("by chance" in line for line in accuracy_lines(record))


def test_that_of_independent_points_comes_with_its_interval():
    checked = {"overall": {"value": 0.81, "low": 0.75, "high": 0.87}}
    (line,) = accuracy_lines(figures(False, False, checked))
    assert line == "accuracy by independent points: 0.810 (0.750 to 0.870)"


def test_a_dry_run_fits_a_terminal(scene, tmp_path):
    arguments = ("landcover", scene.raster, scene.samples, "-o", tmp_path / "a.tif", *QUICK)
    found = invoke(*arguments, "--dry-run", "--index", "vari", "--band-names", "red,green,blue")
    assert found.exit_code == 0
    assert max(map(len, found.stdout.splitlines())) <= 80
    for word in ("seconds", "samples of water", "15 (15 pixels)", ", chosen", "macro F1"):
        assert word in found.stdout
    cost = json.loads(invoke(*arguments, "--dry-run", "--json").stdout)
    assert cost["accuracies"]["blocked"]["counts"]
    assert not (tmp_path / "a.tif").exists()
