"""A volume in the browser: a box on a slice, the object through the volume, review and files."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from conftest import BOXES_ALONE, Viewer
from test_page import problems

CENTRE = np.array([26, 16, 6])
RADII = np.array([9, 7, 3])
AFFINES = {
    # turned and mirrored: i runs to the left, j up, k to the front
    "turned": [[-1.5, 0, 0, 60], [0, 0, 3, -40], [0, 1.5, 0, 10], [0, 0, 0, 1]],
    "plain": [[1.5, 0, 0, -60], [0, 1.5, 0, -40], [0, 0, 3, 10], [0, 0, 0, 1]],
}
PLANES = {"Axial": 0, "Coronal": 1, "Sagittal": 2}


def ball():
    """A bright ball in noise, (i, j, k)."""
    ijk = np.stack(np.mgrid[:44, :38, :12], axis=-1)
    noise = np.random.default_rng(0).normal(100, 12, ijk.shape[:3])
    inside = (((ijk - CENTRE) / RADII) ** 2).sum(axis=-1) < 1
    return np.clip(noise + 180 * inside, 0, 500).astype(np.int16), inside


@pytest.fixture(scope="module", params=AFFINES)
def scan(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "ball.nii.gz"
    nibabel.save(nibabel.Nifti1Image(ball()[0], np.array(AFFINES[request.param], float)), path)
    viewer = Viewer(BOXES_ALONE, path, "--modality", "MR")
    yield viewer
    viewer.close()


@pytest.fixture
def tab(scan, open_tab):
    scan.fresh()
    return open_tab(scan.address)


def screen(tab, plane, voxel):
    """Where a voxel is on the screen, in a plane that shows its slice."""
    return tab.evaluate(
        """([plane, voxel]) => {
            const page = window.samPage;
            const {nv, grid} = page;
            const frame = nv.canvas.getBoundingClientRect();
            const wanted = grid.partsOf(voxel);
            // looked for on the screen, as a person does
            for (const tile of nv.screenSlices) {
                if (tile.axCorSag !== plane) continue;
                const [left, top, width, height] = tile.leftTopWidthHeight;
                const across = [2, 1, 0][plane];
                let best = null;
                for (let y = top + 0.5; y < top + height; y += 1) {
                    for (let x = left + 0.5; x < left + width; x += 1) {
                        const parts = nv.canvasPos2frac([x, y]);
                        if (parts[0] < 0) continue;
                        const off = n => (parts[n] - wanted[n]) * grid.dims[n];
                        const far = Math.hypot(...[0, 1, 2].filter(n => n !== across).map(off));
                        if (!best || far < best.far) best = {far, x, y};
                    }
                }
                return [frame.x + best.x / nv.uiData.dpr, frame.y + best.y / nv.uiData.dpr];
            }
            return null;
        }""",
        [plane, [int(v) for v in voxel]],
    )


def drag(tab, start, stop):
    """Drag the mouse between two places (x, y) of the browser's window."""
    (x0, y0), (x1, y1) = start, stop
    tab.mouse.move(x0, y0)
    tab.mouse.down()
    tab.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    tab.mouse.move(x1, y1)
    tab.mouse.up()


def drag_box(tab, plane, low, high):
    tab.keyboard.press("2")
    drag(tab, screen(tab, plane, low), screen(tab, plane, high))
    tab.wait_for_selector("tr[data-object]")
    tab.wait_for_function("() => document.getElementById('message').textContent.includes(' ml. ')")


def corners(axis):
    """Voxels around the ball on its middle slice across an axis of the server."""
    low, high = CENTRE - RADII - 1, CENTRE + RADII + 1
    low[2 - axis] = high[2 - axis] = CENTRE[2 - axis]
    return low, high


def objects(scan):
    return scan.ask(f"{scan.session}/objects")


@pytest.mark.parametrize("plane", PLANES.values(), ids=PLANES)
def test_a_box_lies_where_it_is_drawn(scan, tab, plane):
    tab.evaluate("v => window.samPage.jump(v)", CENTRE.tolist())
    axis = tab.evaluate("p => window.samPage.grid.axisOf(p)", plane)
    low, high = corners(axis)
    drag_box(tab, plane, low, high)
    (found,) = objects(scan)
    (box,) = found["boxes"]
    assert (box["axis"], box["index"]) == (axis, CENTRE[2 - axis])
    x, y = (own for own in (0, 1, 2) if own != 2 - axis)
    assert box["box"] == pytest.approx([low[x], low[y], high[x], high[y]], abs=1)
    # what is drawn is the mask of the server, voxel by voxel
    mask = scan.ask(f"{scan.session}/objects/{found['object']}/mask")["masks"][0]
    assert (mask["axis"], mask["index"]) == (axis, CENTRE[2 - axis])
    drawn = tab.evaluate("() => window.samPage.nv.volumes[1].img.reduce((n, v) => n + (v > 0), 0)")
    assert drawn == found["area"] > 0


def test_the_cross_shows_the_voxels_of_the_file(scan, tab):
    values, _ = ball()
    for voxel in ((3, 7, 11), (43, 0, 9), (26, 16, 6)):
        tab.evaluate("v => window.samPage.jump(v)", list(voxel))
        said = tab.inner_text("#place")
        assert said.startswith(f"voxel {voxel[0]}, {voxel[1]}, {voxel[2]} ")
        assert said.endswith(f"value {values[voxel]}")


def test_an_object_is_followed_reviewed_undone_and_saved(scan, tab, picture, tmp_path):
    _, inside = ball()
    tab.get_by_label("Name", exact=True).fill("ball")
    tab.get_by_role("button", name="Add").click()
    tab.evaluate("v => window.samPage.jump(v)", CENTRE.tolist())
    plane = next(p for p in (0, 1, 2) if tab.evaluate("p => window.samPage.grid.axisOf(p)", p) == 0)
    drag_box(tab, plane, *corners(0))
    tab.get_by_role("button", name="Follow through the volume").click()
    tab.wait_for_function("() => window.samPage.session.objects[0].propagated")
    tab.wait_for_function("() => document.getElementById('message').textContent.includes('Review')")
    (found,) = objects(scan)
    assert found["name"] == "ball"
    jumps = tab.locator("section", has_text="Review").locator("td button")
    review = scan.ask(f"{scan.session}/objects/{found['object']}/review")
    assert jumps.count() == len(review) > 1
    jumps.nth(1).click()
    assert tab.evaluate("() => window.samPage.voxel")[2] == review[1]["index"]
    tab.evaluate("v => window.samPage.jump(v)", CENTRE.tolist())
    picture(tab, "volume")
    assert problems(tab) == []
    with tab.expect_download() as waited:
        tab.get_by_role("button", name="NIfTI").click()
    assert waited.value.suggested_filename == "volume-segmentation.nii.gz"
    waited.value.save_as(tmp_path / "o.nii.gz")
    saved = np.asarray(nibabel.load(tmp_path / "o.nii.gz").dataobj)
    assert (saved > 0).sum() == found["area"]
    # the network answers with the boxes that it is asked: they lie around the ball
    assert (saved > 0)[inside].mean() > 0.5
    drawn = tab.evaluate("() => [...window.samPage.nv.volumes[1].img]")
    assert np.array_equal(np.reshape(drawn, saved.shape, order="F"), saved)
    tab.keyboard.press("Control+z")
    tab.wait_for_function("() => !window.samPage.session.objects[0].propagated")


def test_a_network_without_points_says_so(scan, tab):
    assert tab.get_by_role("button", name="Point on it").is_disabled()
    assert "--model mobile_sam" in tab.inner_text("#panel")


def test_a_volume_that_is_not_dicom_says_what_it_cannot_be_saved_as(scan, tab):
    scan.ask(f"{scan.session}/edits", {"op": "add_object", "name": "a"})
    tab.evaluate("() => dispatchEvent(new Event('focus'))")
    tab.wait_for_selector("tr[data-object]")
    assert tab.get_by_role("button", name="NIfTI").is_enabled()
    for name in ("DICOM SEG", "RTSTRUCT", "Measurements (SR)"):
        assert tab.get_by_role("button", name=name).is_disabled()
    assert "this volume has none: open the DICOM series" in tab.inner_text("#panel")
