"""The pixel, the browser's settings, and the pages to look inside."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest

from fakes.segment import SegmentSettings, UnknownSource
from tests.fakes.segment.support import KEY, track, workspace

GIF = b"GIF89a\x01\x00\x01\x00"
MESSAGE = {"writeKey": KEY, "userId": "u1", "event": "Email Opened", "properties": {"subject": "ü? ü>"}}


def encoded(message: object) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "data",
    [
        quote(b64encode(encoded(MESSAGE)).decode(), safe=""),
        b64encode(encoded(MESSAGE)).decode(),
        urlsafe_b64encode(encoded(MESSAGE)).decode(),
        urlsafe_b64encode(encoded(MESSAGE)).decode().rstrip("="),
    ],
)
async def test_pixel_takes_a_message_in_base64_of_any_kind(data):
    async with workspace() as world:
        answer = await world.get("api.segment.io", f"/v1/pixel/track?data={data}")

        assert answer.status == 200
        assert answer.content_type == "image/gif"
        assert (await answer.read()).startswith(GIF)
        assert world.events[0]["properties"] == {"subject": "ü? ü>"}
        assert world.events[0]["type"] == "track"
        world.check()


async def test_pixel_takes_a_message_as_dotted_parameters():
    async with workspace() as world:
        query = f"userId=u1&event=Email%20Opened&properties.subject=Hi&properties.a.b=1&properties=no&writeKey={KEY}"

        await world.get("api.segment.io", f"/v1/pixel/track?{query}")

        (event,) = world.events
        assert (event["event"], event["properties"]) == ("Email Opened", {"subject": "Hi", "a": {"b": "1"}})
        world.check()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("track", "bad_request"),
        ("track?data=%7B%7D", "bad_request"),
        ("track?data=e30", "bad_request"),
        ("track?data=AAAAA", "bad_request"),
        (f"track?userId=u1&writeKey={KEY}", "event_not_defined"),
        (f"nonsense?userId=u1&writeKey={KEY}", "bad_request"),
        (f"track?userId=u1&event=x&writeKey={'x' * 32}", "unknown_source"),
        (f"track?userId=%ff%ed%a0%80&event=%00&writeKey={KEY}", None),
        (f"track?userId=u1&event=x&context.a{'.b' * 500}=1&context=2&writeKey={KEY}", None),
    ],
)
async def test_pixel_is_answered_with_an_image_even_when_it_is_wrong(path, code):
    async with workspace() as world:
        answer = await world.get("api.segment.io", f"/v1/pixel/{path}")

        assert answer.status == 200
        assert (await answer.read()).startswith(GIF)
        assert world.codes == ([code] if code else [])
        world.check(sent=False)


@pytest.mark.parametrize("host", ["cdn.segment.com", "cdn-settings.segment.com"])
async def test_browser_is_told_the_key_and_host_of_its_source(host):
    async with workspace(SegmentSettings(region="eu")) as world:
        answer = await world.get(host, f"/v1/projects/{KEY}/settings")

        found = (await answer.json())["integrations"]["Segment.io"]
        assert (found["apiKey"], found["apiHost"]) == (KEY, "events.eu1.segmentapis.com/v1")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        world.check()


async def test_unknown_key_has_no_browser_settings():
    async with workspace() as world:
        answer = await world.get("cdn.segment.com", "/v1/projects/nobody/settings")

        assert answer.status == 404
        world.check()


async def test_debugger_keeps_the_newest_500_newest_first():
    async with workspace() as world:
        for start in (0, 300):
            await world.post("/v1/batch", {"batch": [track(messageId=f"m{start + n}") for n in range(300)]})

        assert [event["messageId"] for event in world.events] == [f"m{n}" for n in range(599, 99, -1)]
        world.check()


async def test_debugger_has_a_page_of_its_own():
    async with workspace() as world:
        await world.post("/v1/track", track(properties={"subject": "ü"}))

        answer = await world.get("app.segment.com", "/journeylab/sources/website/debugger")

        page = await answer.json()
        assert page == {"source": "website", "events": world.events}
        world.check()


async def test_overview_has_a_page_of_its_own():
    async with workspace() as world:
        await world.post("/v1/track", track())
        await world.post("/v1/track", {"event": "Seen"})

        answer = await world.get("app.segment.com", "/journeylab/sources/website/delivery-overview")

        assert await answer.json() == {
            "source": "website",
            "counts": [
                {"destination": None, "stage": "failed_on_ingest", "code": "no_user_anon_id", "count": 1},
                {"destination": None, "stage": "successfully_received", "code": None, "count": 1},
            ],
        }
        world.check(sent=False)


@pytest.mark.parametrize("page", ["debugger", "delivery-overview"])
@pytest.mark.parametrize("place", ["journeylab/sources/nothing", "elsewhere/sources/website"])
async def test_pages_of_unknown_sources_are_not_found(page, place):
    async with workspace() as world:
        answer = await world.get("app.segment.com", f"/{place}/{page}")

        assert answer.status == 404
        world.check()


async def test_source_has_a_key_a_slug_and_an_id_of_its_own():
    async with workspace() as world:
        state = world.fake.state

        first, second = state.add_source("Mailmodo Campaigns!"), state.add_source("mailmodo campaigns")

        assert (first.slug, second.slug) == ("mailmodo_campaigns", "mailmodo_campaigns_2")
        assert state.source("mailmodo_campaigns_2") is second
        assert len({first.write_key, second.write_key, first.id, second.id}) == 4
        assert all(len(source.write_key) == 32 and source.write_key.isalnum() for source in (first, second))
        with pytest.raises(ValueError, match="taken"):
            state.add_source("Mailmodo Campaigns!")
        with pytest.raises(UnknownSource, match="no source 'Nobody'; there are Website"):
            state.debugger("Nobody")
