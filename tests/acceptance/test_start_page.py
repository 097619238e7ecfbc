"""The start page of `serve --control` in a real browser, and the first calls that it offers in a real shell."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import browse
from tests.support.command import ROOT, environment, running
from tests.support.http import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Any]]:
    with running(
        str(ROOT / "run_sim.py"), "serve", "--control", "--proxy", "--json", "--port", "0"
    ) as process:
        yield json.loads(process.line())
        assert process.stop().code == 0


class Outline(HTMLParser):
    """Headings, labels, links and table headers of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def test_the_page_opens_in_a_browser_and_shows_every_server(served: dict[str, Any], tmp_path: Path) -> None:
    page = browse(served["start"]["url"], tmp_path / "profile")

    shown = unescape(re.sub(r"<[^>]+>", " ", page.partition("<body")[2]))
    linked = {served["start"]["url"], *(values.get("control_url") for values in served.values())}
    for vendor, values in served.items():
        for value in values.values():
            for text in value.values() if isinstance(value, dict) else (value,):
                assert text in (page if text in linked else shown), (vendor, text)
    assert "/api/v1/at/c/" in shown
    assert '"clevertap_id": "${clevertap_id}"' in shown
    assert "mmApiKey: " in shown
    assert "0 control groups" in shown
    assert f"HTTPS_PROXY={served['proxy']['url']} CURL_CA_BUNDLE={served['proxy']['ca_file']}" in shown


def test_the_page_of_a_fake_shows_its_set_up_steps_whole_and_names_in_words(served: dict[str, Any]) -> None:
    _, mailmodo = call("GET", served["mailmodo"]["control_url"])
    _, clevertap = call("GET", served["clevertap"]["control_url"])

    assert f"mmApiKey: {served['mailmodo']['api_key']}" in mailmodo
    assert "<h3>control groups</h3>" in clevertap


def test_every_link_of_the_page_leads_somewhere(served: dict[str, Any]) -> None:
    _, page = call("GET", served["start"]["url"])
    links = [str(link["href"]) for link in Outline(page).of("a")]

    for link in dict.fromkeys(links):
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in page
        else:
            url = link if "://" in link else f"{served['start']['url']}/{link}"
            assert call("GET", url)[0] == 200, link


def test_the_page_can_be_read_aloud_and_used_by_keyboard(served: dict[str, Any]) -> None:
    _, page = call("GET", served["start"]["url"])
    outline = Outline(page)
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert outline.of("html")[0]["lang"] == "en"
    assert len(outline.of("main")) == len(outline.of("header")) == 1
    assert outline.of("nav")[0]["aria-label"]
    assert [link for link in outline.of("a") if link.get("aria-current") == "page"]
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {section["aria-labelledby"] for section in outline.of("section")} <= set(ids)
    assert all(header["scope"] == "row" for header in outline.of("th"))
    assert all(block.get("aria-label") for block in outline.of("pre"))


@pytest.mark.parametrize("width", [1300, 700, 360])
@pytest.mark.parametrize("server", ["start", "mailmodo"])
def test_nothing_sticks_out_of_a_wide_or_narrow_window(
    served: dict[str, Any], server: str, width: int, tmp_path: Path
) -> None:
    _, page = call("GET", served[server].get("control_url", served[server]["url"]))
    page = re.sub(r"<script>.*</script>", "", page, flags=re.DOTALL)  # in a frame it has no server to ask
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<body><iframe srcdoc="{escape(page)}" style="width: {width}px; height: 900px; border: 0"></iframe><script>'
        "onload = () => { const inside = document.querySelector('iframe').contentDocument; "
        "const root = inside.documentElement; "
        "const out = [...inside.querySelectorAll('main *')].filter("
        "one => !one.parentElement.closest('.what, pre') && one.getBoundingClientRect().right > root.clientWidth + 0.5).length; "
        "document.body.dataset.out = `${root.scrollWidth - root.clientWidth} ${out} ${inside.title.includes('Journeylab')}`; }</script>",
        encoding="utf-8",
    )

    seen = browse(frame.as_uri(), tmp_path / "profile")

    assert 'data-out="0 0 true"' in seen


def test_what_a_fault_does_is_on_the_page(served: dict[str, Any]) -> None:
    control = served["segment"]["control_url"]
    _, made = call("POST", f"{control}/faults", {"fault": "delay", "seconds": 2, "on": ["trackShort"]})
    try:
        _, page = call("GET", served["start"]["url"])
    finally:
        call("DELETE", f"{control}/faults/{made['id']}")

    assert "fault at work: delay 2 s" in page
    assert "fault at work" not in call("GET", served["start"]["url"])[1]


@pytest.mark.parametrize("vendor", ["clevertap", "mailmodo", "mailjet", "customerio", "segment"])
def test_the_first_call_works_in_a_shell(served: dict[str, Any], vendor: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl: the call was NOT made")
    _, overview = call("GET", f"{served['start']['url']}/index.json")
    (about,) = [one for one in overview["vendors"] if one["vendor"] == vendor]

    done = subprocess.run(
        ["/bin/sh", "-c", about["first_call"] + " -s -o /dev/null -w '%{http_code}'"],
        capture_output=True, text=True, check=True, timeout=20, env=environment(),
    )  # fmt: skip

    assert done.stdout == "200"
    _, seen = call("GET", f"{about['control_url']}/requests?limit=1")
    assert seen["requests"][0]["status"] == 200
    assert seen["requests"][0]["violations"] == []
