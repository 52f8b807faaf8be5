from __future__ import annotations

import http.client
import json
import socket

import numpy as np
import pytest
import rasterio
import schemathesis
from hypothesis import HealthCheck, given, settings

from sam_common.server.client import ServerError
from sam_geo.live.files import DRIVERS

TOKEN = "t" * 43


def ask(client, method="GET", path="/v1/health", body=None, **headers):
    """Status, body and headers of one plain request, with a good token unless another is given."""
    connection = http.client.HTTPConnection("127.0.0.1", client.connection.port, timeout=300)
    given = {
        "Authorization": f"Bearer {TOKEN}",
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    connection.request(method, path, body, {k: v for k, v in given.items() if v is not None})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, {k.lower(): v for k, v in answer.getheaders()}


def write_raster(path, **profile):
    pixels = np.full((3, 40, 60), 100, dtype=np.uint8)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=3, height=40, width=60,
        crs="EPSG:32633", transform=rasterio.Affine(2, 0, 500000, 0, -2, 4600000), **profile,
    ) as out:  # fmt: skip
        out.write(pixels)
    return path


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer wrong", f"bearer {TOKEN}x", TOKEN])
def test_without_the_token_nothing_is_answered(served, token):
    for path in ("/v1/health", "/v1/openapi.json", "/v1/sessions", "/"):
        status, content, _ = ask(served, path=path, Authorization=token)
        assert status == 401
        assert TOKEN.encode() not in content


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "[::2]:80"])
def test_another_host_is_refused(served, host):
    assert ask(served, Host=host)[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1"])
def test_a_web_page_is_refused(served, origin):
    status, _, headers = ask(served, Origin=origin)
    assert status == 403
    assert not any(name.startswith("access-control") for name in headers)


def test_a_preflight_request_is_refused(served):
    status, _, headers = ask(
        served, "OPTIONS", Origin="http://evil.example", Access_Control_Request_Method="POST"
    )
    assert status == 403
    assert not any(name.startswith("access-control") for name in headers)


def test_a_body_that_says_it_is_too_large_is_refused(served):
    assert ask(served, "POST", "/v1/jobs", b"{}", Content_Length="100001")[0] == 413


@pytest.mark.parametrize(("path", "size"), [("/v1/jobs", 150_000), ("/v1/uploads", 2_500_000)])
def test_a_chunked_body_that_grows_too_large_is_refused(served, path, size):
    with socket.create_connection(("127.0.0.1", served.connection.port), timeout=300) as raw:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        raw.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(size // 50_000):
                raw.sendall(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
        except OSError:
            pass  # the server may have answered and closed already
        assert b" 413 " in raw.recv(4096).split(b"\r\n")[0] + b" "
    assert served.health()["status"] == "ok"
    assert not list((served.service.folder / "uploads").iterdir())


def test_a_path_outside_the_roots_is_refused_like_one_that_is_not_there(served, tmp_path):
    secret = write_raster(tmp_path / "DOE_JANE.tif")
    link = served.root / "link.tif"
    link.symlink_to(secret)
    answers = set()
    for path in (
        secret, link, served.root / ".." / secret.name, tmp_path / "nothing.tif",
        served.root / "nothing.tif", "relative.tif", f"/vsizip/{secret}",
        f"GTIFF_DIR:1:{secret}", f"file://{secret}", "/etc/passwd", "/proc/self/environ",
    ):  # fmt: skip
        with pytest.raises(ServerError) as refused:
            served.open_raster(str(path))
        assert refused.value.status == 403
        answers.add(str(refused.value))
    assert len(answers) == 1
    assert "DOE" not in answers.pop()


def test_a_root_whose_name_another_folder_begins_with_is_not_that_folder(served, tmp_path):
    (tmp_path / "root2").mkdir()
    beside = write_raster(tmp_path / "root2" / "a.tif")
    with pytest.raises(ServerError, match="cannot be opened"):
        served.open_raster(beside)


def test_a_raster_that_names_other_files_is_refused(served, tmp_path):
    secret = write_raster(tmp_path / "secret.tif")
    virtual = served.root / "a.vrt"
    virtual.write_text(
        '<VRTDataset rasterXSize="60" rasterYSize="40"><VRTRasterBand dataType="Byte" band="1">'
        f"<SimpleSource><SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand>"
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    virtual.with_suffix(".tif").write_text(virtual.read_text())
    for path in (virtual, virtual.with_suffix(".tif")):
        with pytest.raises(ServerError, match="not a raster that this server opens"):
            served.open_raster(path)
    assert "VRT" not in DRIVERS


def test_a_folder_with_a_link_that_leads_out_is_refused(served, tmp_path):
    (tmp_path / "out").mkdir()
    (served.root / "series").mkdir()
    (served.root / "series" / "more").symlink_to(tmp_path / "out")
    with pytest.raises(ServerError, match="cannot be opened"):
        served.open_volume(served.root / "series")


@pytest.mark.parametrize("name", ["a.nhdr", "a.nrrd"])
def test_a_header_that_names_voxels_outside_is_refused(served, tmp_path, name):
    (tmp_path / "secret.raw").write_bytes(bytes(8))
    (served.root / name).write_text(
        "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n"
        "data file: ../secret.raw\n\n"
    )
    with pytest.raises(ServerError, match="may not open"):
        served.open_volume(served.root / name)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"kind": NaN}', b'{"kind": "raster"}',
             b'{"kind": "raster", "path": "a\\u0000b"}', b'{"kind":"raster","path":"\\ud800"}'],
)  # fmt: skip
def test_a_malformed_request_is_the_clients_fault(served, body):
    status, content, _ = ask(served, "POST", "/v1/sessions", body, Content_Type="application/json")
    assert 400 <= status < 500
    assert set(json.loads(content)["error"]) == {"type", "message"}


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04", b"cos\nsystem\n(S'x'\ntR."])
def test_an_upload_that_is_no_array_is_refused(served, content):
    assert ask(served, "POST", "/v1/uploads", content)[0] == 422


def test_a_pickle_is_not_loaded(served, tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert ask(served, "POST", "/v1/uploads", (tmp_path / "a.npy").read_bytes())[0] == 422


def test_a_result_is_fetched_by_its_own_name_only(served):
    session = served.open_raster(write_raster(served.root / "a.tif"))
    session.add_object("tree")
    job = session.export(["gpkg"])
    assert job.wait()["state"] == "done"
    for name in ("..%2f..%2froot%2fa.tif", "../objects.gpkg", ".", "%2e%2e"):
        assert ask(served, path=f"/v1/jobs/{job.id}/results/{name}")[0] in {404, 405}


def test_a_model_is_a_name_and_never_a_file(served):
    path = write_raster(served.root / "a.tif")
    with pytest.raises(ServerError, match="unknown model") as refused:
        served.open_raster(path, model=str(path))
    assert refused.value.status == 422


def test_answers_never_name_the_folder_of_a_file(served):
    bad = served.root / "DOE_JANE.tif"
    bad.write_bytes(b"II*\x00" + bytes(100))
    with pytest.raises(ServerError) as refused:
        served.open_raster(bad)
    assert str(served.root) not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"no volume", bytes(400)])
def test_the_name_of_a_damaged_scan_is_not_repeated(served, capfd, content):
    scan = served.root / "DOE^JANE_19700101.nii"
    scan.write_bytes(content)
    with pytest.raises(ServerError) as refused:
        served.open_volume(scan)
    assert refused.value.status == 422
    said = str(refused.value) + "".join(capfd.readouterr()) + repr(served.sessions())
    assert "DOE" not in said
    assert TOKEN not in said


def test_any_request_that_fits_the_schema_is_answered_without_a_defect(served):
    base = f"http://127.0.0.1:{served.connection.port}"
    served.open_raster(write_raster(served.root / "a.tif"))
    schema = schemathesis.openapi.from_dict(json.loads(ask(served, path="/v1/openapi.json")[1]))
    seen = []
    for found in schema.get_all_operations():
        operation = found.ok()
        seen.append(operation.path)

        @settings(
            max_examples=15,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def fuzz(case):
            # half of it meets a session that is there; closing that would leave nothing to meet
            if "session" in case.path_parameters and case.method != "DELETE":
                case.path_parameters.update(session="s1")
            answer = case.call(base_url=base, headers={"Authorization": f"Bearer {TOKEN}"})
            assert answer.status_code < 500, answer.text

        fuzz()
    assert len(seen) >= 18
    assert served.health()["status"] == "ok"
