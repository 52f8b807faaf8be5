"""Latency of the page in Chromium: the first tile, clicks and previews on an encoded window.

python tests/hosts/page/latency.py

Prints a table; asserts nothing, as a busy machine is slow. Needs what the tests of the page need.
"""

from __future__ import annotations

import shutil
import statistics

from conftest import FLAGS, TREES, WAIT_MS, Viewer
from playwright.sync_api import sync_playwright

LOADS, CLICKS, PREVIEWS = 5, 40, 40
SIDE = 18
"""Distance in pixels between the places of clicks."""

FIRST_TILE = """() => {
    const tiles = performance.getEntriesByType('resource')
        .filter(each => each.name.includes('/tiles/'));
    return Math.min(...tiles.map(each => each.responseEnd));
}"""
"""Milliseconds from the begin of the navigation until a tile is there."""
WATCH = """() => {
    const page = window.samPage;
    const until = (isSo, event, most) => new Promise(resolve => {
        page.target.addEventListener(event, () => {
            const begun = performance.now();
            const look = () => {
                const took = performance.now() - begun;
                if (isSo()) resolve(took);
                // where the network finds nothing, nothing is ever drawn
                else if (took > most) resolve(null);
                else requestAnimationFrame(look);
            };
            requestAnimationFrame(look);
        }, {once: true, capture: true});
    });
    const isGhost = () => page.ghost.getSource().getFeatures().length > 0;
    window.samWatch = {
        click: count => {
            window.samTook = until(() => page.drawn.size === count, 'pointerup', Infinity);
        },
        preview: () => { window.samTook = until(isGhost, 'pointermove', 10_000); },
    };
}"""
"""Times in the page itself, from the event of the pointer to the frame that has the outline."""


def places(count):
    """Columns and rows apart from each other."""
    return [(40 + SIDE * (n % 17), 40 + SIDE * (n // 17)) for n in range(count)]


def on_screen(tab, column, row):
    """Where a pixel is on the screen."""
    return tab.evaluate(
        """([x, y]) => {
            const box = document.querySelector('.ol-map').getBoundingClientRect();
            const [left, top] = window.samPage.map.getPixelFromCoordinate([x + 0.5, -y - 0.5]);
            return [box.x + left, box.y + top];
        }""",
        [column, row],
    )


def fresh_tab(chromium, address):
    """A tab of a profile of its own, with nothing in its cache."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.goto(address)
    tab.wait_for_selector("body[data-ready]", state="attached")
    tab.wait_for_function(
        "() => performance.getEntriesByType('resource').some(each => each.name.includes('/tiles/'))"
    )
    return context, tab


def click_times(tab):
    """Milliseconds of clicks, each on a new object; the first one, which encodes, is left out."""
    times = []
    for n, (column, row) in enumerate(places(CLICKS + 1), start=1):
        tab.keyboard.press("n")
        x, y = on_screen(tab, column, row)
        tab.evaluate("n => window.samWatch.click(n)", n)
        tab.mouse.click(x, y)
        times.append(tab.evaluate("() => window.samTook"))
    return times[1:]


def preview_times(tab):
    """Milliseconds from the last movement of the pointer to the outline that is shown."""
    times = []
    tab.keyboard.press("n")
    for column, row in places(PREVIEWS):
        tab.mouse.move(*on_screen(tab, column + 200, row + 5))
        tab.wait_for_function("() => !window.samPage.ghost.getSource().getFeatures().length")
        x, y = on_screen(tab, column, row)
        tab.evaluate("() => window.samWatch.preview()")
        tab.mouse.move(x, y)
        times.append(tab.evaluate("() => window.samTook"))
    return [each for each in times if each is not None]


def line(what, times):
    """A row of the table: median and 95th percentile."""
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
    return f"| {what} | {statistics.median(times):.0f} | {p95:.0f} | {len(times)} |"


def measured(chromium, viewer):
    """The rows of the table, each as soon as it is known."""
    loads = []
    for _ in range(LOADS):
        context, tab = fresh_tab(chromium, viewer.address)
        loads.append(tab.evaluate(FIRST_TILE))
        context.close()
    yield line("address to the first tile", loads)
    context, tab = fresh_tab(chromium, viewer.address)
    tab.evaluate(WATCH)
    yield line("click to outline on an encoded window", click_times(tab))
    yield line("pointer to preview, its wait of 70 ms included", preview_times(tab))
    context.close()


def main():
    """Print the table."""
    viewer = Viewer("sam_geo", TREES)
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=list(FLAGS)
            )
            print("| what | median ms | p95 ms | times |\n|---|---|---|---|")  # noqa: T201 (the result)
            for row in measured(chromium, viewer):
                print(row, flush=True)  # noqa: T201
            chromium.close()
    finally:
        viewer.close()


if __name__ == "__main__":
    main()
