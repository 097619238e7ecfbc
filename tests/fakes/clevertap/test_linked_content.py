"""Texts that read what an API of the customer's says as they are sent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from fakes.clevertap import EmailCampaign, LinkedContent, PushCampaign, SmsCampaign, WebhookCampaign
from fakes.clevertap.errors import InvalidTemplate
from tests.fakes.clevertap.account import HOOK, PHONE, Account, account, person, with_people
from tests.support.controls import controlled

WEATHER = "https://weather.test/now?city={{ Profile.City }}"


class Weather:
    """An API that knows the weather, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, str]] = []
        self.takes_s = 0.0
        self.status = 200
        self.body = b""
        self.app = web.Application()
        self.app.router.add_route("*", "/{path:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        key = request.headers.get("X-Key", "")
        self.asked.append((request.method, request.path_qs, key, text))
        await asyncio.sleep(self.takes_s)
        city = request.query.get("city", "")
        known = {"temp": 31 if city == "Pune" else 7, "current": {"sky": ["clear", "sunny"]}, "city": city}
        body = self.body or json.dumps(known).encode()
        return web.Response(
            status=self.status, body=body, content_type="application/json", headers={"X-From": "w"}
        )


async def serve(ct: Account, *, content: LinkedContent | None = None) -> Weather:
    weather = Weather()
    await ct.stage.network.serve(weather.app, ["weather.test"])
    ct.fake.dashboard.add_linked_content(content or LinkedContent(name="Weather", url=WEATHER))
    return weather


async def in_cities(ct: Account, **cities: str) -> None:
    await ct.upload(*(person(f"{name}@example.com", Phone=PHONE, City=city) for name, city in cities.items()))


async def say(ct: Account, text: str, name: str = "m") -> list[str]:
    ct.fake.add_campaign(SmsCampaign(name=name, text=text))
    await ct.fake.launch(name)
    await ct.settle(20)
    return [one.text for one in ct.stage.recorder.texts if one.campaign == name]


async def test_headers_that_http_cannot_carry_are_a_failed_call() -> None:
    async with account() as ct:
        await serve(ct, content=LinkedContent(name="Weather", url=WEATHER, headers={"X-Key": "a\nb"}))
        await in_cities(ct, asha="Pune")

        assert await say(ct, "Now{{ Linked.Weather.temp }}") == ["Now"]  # as where the API says nothing
        [asked] = [one for one in ct.stage.recorder.exchanges if one.operation == "linkedContent"]
        assert (asked.status, asked.error) == (None, "reset")
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "linkedContent")
async def test_each_person_gets_what_the_api_says_of_their_city() -> None:
    async with account() as ct:
        weather = await serve(ct)
        await in_cities(ct, asha="Pune", ravi="New York & all")

        texts = await say(
            ct,
            "{% if Linked.Weather.temp > 30 %}Barbecue{% else %}Pizza{% endif %} in {{ Linked.Weather.city }}!",
        )

        assert texts == ["Barbecue in Pune!", "Pizza in New York & all!"]
        assert [path for _, path, *_ in weather.asked] == [
            "/now?city=Pune",
            "/now?city=New%20York%20%26%20all",
        ]
        ct.stage.recorder.check()


async def test_system_labels_own_labels_and_lists() -> None:
    content = LinkedContent(
        name="Weather",
        url=WEATHER,
        headers={"X-Key": "k1"},
        labels={"sky": "current.sky.1", "gone": "current.sea.0", "raw": "city"},
    )
    async with account() as ct:
        weather = await serve(ct, content=content)
        await in_cities(ct, asha="Pune")

        [text] = await say(
            ct,
            "{{ Linked.Weather.http_status_code }} {{ Linked.Weather.sky }} {{ Linked.Weather.JSON.temp }} "
            '{{ Linked.Weather.gone | default: "-" }} {{ Linked.Weather.headers["X-From"] }} '
            "{% for one in Linked.Weather.current.sky limit:1 %}{{ one }}{% endfor %} {{ Linked.Weather.raw }}",
        )

        assert text == (
            '200 sunny 31 - w clear {"temp": 31, "current": {"sky": ["clear", "sunny"]}, "city": "Pune"}'
        )
        assert weather.asked == [("GET", "/now?city=Pune", "k1", "")]


async def test_same_answer_is_asked_for_once_in_five_minutes() -> None:
    async with account() as ct:
        weather = await serve(ct)
        weather.takes_s = 2
        await in_cities(ct, **{f"p{n}": "Pune" if n % 2 else "Oslo" for n in range(60)})

        texts = await say(ct, "{{ Linked.Weather.temp }}")
        assert (sorted(set(texts)), len(texts), len(weather.asked)) == (["31", "7"], 60, 2)
        await ct.settle(250)
        await say(ct, "{{ Linked.Weather.temp }}", "again")
        assert len(weather.asked) == 2
        await ct.settle(60)
        await say(ct, "{{ Linked.Weather.temp }}", "later")

        assert len(weather.asked) == 4


@pytest.mark.parametrize(("takes_s", "text"), [(4.9, "7"), (5.1, "none")])
async def test_answer_is_waited_for_five_seconds_and_not_asked_for_again(takes_s: float, text: str) -> None:
    async with account() as ct:
        weather = await serve(ct)
        weather.takes_s = takes_s
        await in_cities(ct, asha="Oslo")

        assert await say(ct, '{{ Linked.Weather.temp | default: "none" }}') == [text]
        assert len(weather.asked) == 1


async def test_failure_is_seen_by_its_status_and_not_kept() -> None:
    async with account() as ct:
        weather = await serve(ct)
        weather.status = 404
        await in_cities(ct, asha="Oslo")
        text = "{% if Linked.Weather.http_status_code == 200 %}{{ Linked.Weather.temp }}{% else %}{% abort %}{% endif %}"

        assert await say(ct, text) == []
        weather.status = 200
        await ct.fake.launch("m")
        await ct.settle()

        assert [one.text for one in ct.stage.recorder.texts] == ["7"]
        assert ct.fake.statistics("m").errors == {"LiquidLogicAborted": 1}
        assert len(weather.asked) == 2


@pytest.mark.parametrize("body", [b"no json", b"[1, 2]", b"7", b"\xff\xfe", b"[" * 3000])
async def test_answer_that_is_no_object_is_there_as_it_came(body: bytes) -> None:
    async with account() as ct:
        weather = await serve(ct)
        weather.body = body
        await in_cities(ct, asha="Oslo")

        [text] = await say(ct, "{{ Linked.Weather.raw }}|{{ Linked.Weather.temp }}")

        assert text == body.decode("utf-8", "replace") + "|"


@pytest.mark.proves("clevertap", "linkedContent")
async def test_post_has_a_body_of_its_own_for_each_person() -> None:
    content = LinkedContent(
        name="Offers",
        url="https://weather.test/offers",
        method="POST",
        body='{"who": "{{ Profile.Identity }}", "city": "{{ Profile.City }}"}',
    )
    async with account() as ct:
        weather = await serve(ct, content=content)
        await in_cities(ct, asha='the "old" town')

        await say(ct, "{{ Linked.Offers.temp }}")

        [(method, path, _, text)] = weather.asked
        assert (method, path) == ("POST", "/offers")
        assert json.loads(text) == {"who": "asha@example.com", "city": 'the "old" town'}
        ct.stage.recorder.check()


async def test_every_channel_reads_it_and_a_webhook_in_its_body() -> None:
    async with account() as ct:
        await serve(ct)
        await in_cities(ct, asha="Oslo")
        await ct.upload(
            person() | {"objectId": "__a"},
            {"type": "token", "objectId": "__a", "tokenData": {"id": "app", "type": "fcm"}},
        )
        await ct.fake.add_webhook("hook", url=HOOK)
        text = "{{ Linked.Weather.temp }}"
        ct.fake.add_campaign(PushCampaign(name="push", title=text, text="x"))
        ct.fake.add_campaign(EmailCampaign(name="email", subject="x", text=text))
        ct.fake.add_campaign(WebhookCampaign(name="webhook", webhook="hook", body={"temp": text}))
        ct.fake.add_campaign(WebhookCampaign(name="pairs", webhook="hook", key_values={"temp": text}))
        for name in ("push", "email", "webhook", "pairs"):
            await ct.fake.launch(name)
            await ct.settle()

        assert ct.stage.recorder.texts[0].title == "7"
        assert ct.stage.recorder.mails[0].html.startswith("<html><body>7<p>")
        body, pairs = ct.bodies()
        assert (body, pairs["profiles"]["key_values"]) == ({"temp": "7"}, {"temp": "7"})
        ct.stage.recorder.check()


async def test_content_that_there_is_not_renders_as_nothing() -> None:
    async with account() as ct:
        weather = await serve(ct)
        await with_people(ct, "asha")

        assert await say(ct, '{{ Linked.Other.temp | default: "-" }}') == ["-"]
        assert weather.asked == []


async def test_of_very_many_answers_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakes.clevertap.linked_content._MOST_KEPT", 3)
    async with account() as ct:
        weather = await serve(ct)
        await in_cities(ct, **{f"p{n}": f"c{n}" for n in range(5)})
        await say(ct, "{{ Linked.Weather.temp }}")
        for name in ("p4", "p0"):
            await ct.fake.launch("m", [f"{name}@example.com"])
            await ct.settle()

        contents = ct.fake.dashboard._sender.linked_contents
        assert (len(weather.asked), len(contents._kept), contents._asking) == (6, 3, {})


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"name": "My API"}, ValueError, "'My API', wanted a name of letters"),
        ({"name": "Weather"}, ValueError, "already"),
        ({"name": "x", "url": "https://x.test/{% case"}, InvalidTemplate, "linked content 'x'"),
    ],
)
async def test_linked_content_that_cannot_be_is_refused(
    fields: dict[str, Any], error: type[Exception], words: str
) -> None:
    async with account() as ct:
        await serve(ct)

        with pytest.raises(error, match=words):
            ct.fake.dashboard.add_linked_content(LinkedContent(**({"url": WEATHER} | fields)))


async def test_linked_content_is_made_by_the_control_api_and_survives_a_snapshot() -> None:
    async with controlled("clevertap") as on:
        weather = Weather()
        await on.stage.network.serve(weather.app, ["weather.test"])
        path = "/collections/linked_contents"
        content = {"name": "Weather", "url": WEATHER, "labels": {"sky": "current.sky.0"}}
        assert (await on.ask("POST", path, content))[0] == 201
        again = await on.ask("POST", path, content)
        wrong = await on.ask("POST", path, {"name": "My API", "url": WEATHER})
        document = json.loads(json.dumps((await on.ask("GET", "/snapshot"))[1]))
        assert (await on.ask("POST", "/reset"))[0] == 204
        assert (await on.ask("GET", path))[1] == {"items": []}
        assert (await on.ask("PUT", "/snapshot", document))[0] == 204

        [shown] = (await on.ask("GET", path))[1]["items"]
        assert shown["labels"] == content["labels"]
        assert (again[0], wrong[0]) == (409, 400)
        assert "wanted a name of letters" in wrong[1]["error"]["message"]
        person_ = person(Phone=PHONE, City="Pune")
        settings = on.fake.settings
        headers = {"X-CleverTap-Account-Id": settings.account_id, "X-CleverTap-Passcode": settings.passcode}
        url = on.stage.url(on.fake.host) + "/1/upload"
        async with on.stage.session.post(url, json={"d": [person_]}, headers=headers) as response:
            assert response.status == 200
        on.fake.add_campaign(SmsCampaign(name="m", text="{{ Linked.Weather.sky }}"))
        await on.fake.launch("m")
        await asyncio.sleep(1)
        assert [one.text for one in on.stage.recorder.texts] == ["clear"]
