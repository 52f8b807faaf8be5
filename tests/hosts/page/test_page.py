"""The page as such: without a key, without a server, and for everybody."""

from __future__ import annotations

import json

import pytest
from conftest import AXE, TREES, WAIT_MS, Viewer

HARM = ("serious", "critical")


def problems(tab):
    """What axe-core finds that is serious or critical."""
    # the page's own policy forbids scripts in its text
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    found = tab.evaluate("() => axe.run()")["violations"]
    return [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found
        if each["impact"] in HARM
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(trees, open_tab, picture, scheme):
    trees.fresh()
    tab = open_tab(trees.address, scheme=scheme)
    tab.focus(".ol-map")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("tr[data-object]")
    for summary in tab.query_selector_all("summary"):
        summary.click()
    tab.evaluate("() => window.samPage.drawing")
    picture(tab, f"page-{scheme}")
    assert problems(tab) == []


def test_a_tab_without_a_key_is_told_where_to_get_one(trees, browser):
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.goto(trees.origin)
    tab.wait_for_selector("#alert:not([hidden])")
    assert "Open the address that the command printed" in tab.inner_text("#alert")
    context.close()


def test_a_session_that_is_over_is_told(trees, browser):
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.goto(trees.address.replace("session=s1", "session=s77"))
    tab.wait_for_selector("#start:not([hidden])")
    assert "The session is over" in tab.inner_text("#start")
    assert problems(tab) == []
    # the session that is open can be chosen
    tab.get_by_role("button", name="OSBS_029.tif").click()
    tab.wait_for_selector("body[data-ready]", state="attached")
    context.close()


def test_no_other_page_reaches_the_server(trees, browser, tmp_path):
    context = browser.new_context()
    tab = context.new_page()
    (tmp_path / "evil.html").write_text("<p>evil")
    tab.goto((tmp_path / "evil.html").as_uri())
    said = tab.evaluate(
        """([address, token]) => fetch(address, {headers: {Authorization: `Bearer ${token}`}})
            .then(answer => String(answer.status), error => error.name)""",
        [f"{trees.origin}/v1/health", trees.secrets["token"]],
    )
    assert said == "TypeError"
    context.close()


def test_a_server_that_has_ended_is_told(open_tab):
    viewer = Viewer("sam_geo", TREES)
    tab = open_tab(viewer.address)
    viewer.close()
    tab.evaluate("() => dispatchEvent(new Event('focus'))")
    tab.wait_for_selector("#alert:not([hidden])")
    said = tab.inner_text("#alert")
    assert "The server does not answer" in said
    assert "Start the command again" in said
    assert tab.get_by_role("button", name="Try again").is_visible()


def test_the_screen_of_a_server_without_a_session(trees, browser):
    """As `sam-common serve --ui` gives it: the token alone."""
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.goto(f"{trees.origin}/#token={trees.secrets['token']}")
    tab.wait_for_selector("#start:not([hidden])")
    tab.get_by_label("Path, in a folder").fill("/etc/passwd")
    tab.get_by_role("button", name="Open", exact=True).click()
    tab.wait_for_selector("#alert:not([hidden])")
    assert "this path cannot be opened" in tab.inner_text("#alert")
    tab.get_by_label("Path, in a folder").fill(str(TREES))
    tab.get_by_role("button", name="Open", exact=True).click()
    tab.wait_for_selector("body[data-ready]", state="attached")
    stored = json.loads(tab.evaluate("() => JSON.stringify(sessionStorage)"))
    assert stored["session"] != trees.secrets["session"]
    context.close()
