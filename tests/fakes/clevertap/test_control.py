"""What the dashboard does not take, the control API does not take either, and nothing of it breaks the account later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.clevertap.account import event, person
from tests.support.controls import controlled

if TYPE_CHECKING:
    from tests.support.controls import Controlled

YEARS = 3660 * 86400 + 1
SMS = {"name": "x", "channel": "sms", "text": "Hi"}
HOOK = {"name": "x", "channel": "webhook", "webhook": "hook"}


async def live(on: Controlled) -> None:
    """Have somebody do something and be known, so that whatever is there is asked."""
    settings = on.fake.settings
    auth = {"X-CleverTap-Account-Id": settings.account_id, "X-CleverTap-Passcode": settings.passcode}
    records = [person(Phone="+919876543210", Renews="$D_99999999999"), event("A", evtData={"on": "$D_1"})]
    url = on.stage.url(on.fake.host) + "/1/upload"
    async with on.stage.session.post(url, json={"d": records}, headers=auth) as response:
        assert (response.status, (await response.json())["status"]) == (200, "success")
    on.stage.recorder.check()


def rule(kind: str, **fields: Any) -> dict[str, Any]:
    return SMS | {"when": {"type": kind, **fields}}


@pytest.mark.parametrize(
    ("campaign", "message"),
    [
        (rule("Did", event=""), "campaign.when: event '', wanted a name"),
        (rule("Did", event="A", delay=-1), "campaign.when: delay of -1 s"),
        (rule("Did", event="A", delay=YEARS), "at most 3660 days"),
        (rule("DidNot", event="B", after="A", within=0), "campaign.when: within of 0 s"),
        (rule("DidNot", event="B", after="A", within=-1), "campaign.when: within of -1 s"),
        (rule("DidNot", event="B", after="", within=1), "after '', wanted a name"),
        (rule("DidNot", event="", after="A", within=1), "event '', wanted a name"),
        (rule("InSegment", segment="s", every=-1), "every of -1 s"),
        (rule("InSegment", segment="s", every=0), "every of 0 s"),
        (rule("OnDate", property=""), "property '', wanted a name"),
        (rule("OnDate", property="Renews", offset=YEARS), "at most 3660 days"),
        (rule("OnDate", property="Renews", offset=-YEARS), "at most 3660 days"),
        (rule("SawPage", url="/", delay=-1), "delay of -1 s"),
        (rule("CameFrom", referrer="/", delay=-1), "delay of -1 s"),
        (rule("SawPages", count=1, delay=-1), "delay of -1 s"),
        (SMS | {"conversion": {"event": "A", "within": 0}}, "campaign.conversion: conversion within of 0 s"),
        (SMS | {"conversion": {"event": ""}}, "conversion event '', wanted a name"),
        (SMS | {"text": "{% if x %}"}, "campaign 'x': expected tag endif"),
        (HOOK | {"variables": ["email", "mail"]}, "campaign: variables mail, wanted some of identity"),
        (HOOK | {"body": {"email": "{{ Profile..Email }}"}}, "campaign 'x': expected end of expression"),
    ],
)
async def test_a_campaign_that_the_editor_does_not_take_is_refused(
    campaign: dict[str, Any], message: str
) -> None:
    async with controlled("clevertap") as on:
        await on.ask("POST", "/collections/segments", {"name": "s"})
        hook = {"name": "hook", "url": on.stage.url("receiver.test")}
        assert (await on.ask("POST", "/collections/webhooks", hook))[0] == 201

        status, answer = await on.ask("POST", "/collections/campaigns", campaign)

        assert status in (400, 409)
        assert message in answer["error"]["message"]
        assert (await on.ask("GET", "/collections/campaigns"))[1] == {"items": []}
        await live(on)


def journey(**node: Any) -> dict[str, Any]:
    entry = {"type": "Action", "event": "A", "paths": {"yes": {"to": "n"}}}
    return {"name": "j", "nodes": {"e": entry, "n": node}}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (journey(type="IntelliNode", shares={}), "nodes.n: shares {}"),
        (journey(type="IntelliNode", shares={"a": 0, "b": 0}), "wanted at least one above 0"),
        (journey(type="IntelliNode", shares={"a": -1, "b": 2}), "none below"),
        (journey(type="IntelliNode", shares={"a": 1e308, "b": 1e308}), "nodes.n: shares"),
        (journey(type="Inaction", did="A", did_not=[], within=60), "did_not is empty"),
        (journey(type="Inaction", did="A", did_not=["B", ""], within=60), "did_not '', wanted a name"),
        (journey(type="Inaction", did="", did_not=["B"], within=60), "did '', wanted a name"),
        (journey(type="Inaction", did="A", did_not=["B"], within=0), "nodes.n: within of 0 s"),
        (journey(type="Inaction", did="A", did_not=["B"], within=1, gives_up_after=0), "gives_up_after of 0 s"),
        (journey(type="Action", event=""), "event '', wanted a name"),
        (journey(type="Action", event="B", gives_up_after=YEARS), "at most 3660 days"),
        (journey(type="Past", segment="s", gives_up_after=-5), "gives_up_after of -5 s"),
        (journey(type="Listed", segment="s", gives_up_after=-5), "gives_up_after of -5 s"),
        (journey(type="OnTheDate", property="Renews", offset=YEARS), "at most 3660 days"),
        (journey(type="Message", campaign="c", listens_for=-1), "listens_for of -1 s"),
        (journey(type="Exit") | {"ends_after": 0}, "ends_after of 0 s"),
        ({"name": "j", "nodes": {"e": {"type": "Action", "event": "A", "paths": {"yes": {"to": "e", "after": -1}}}}}, "after of -1 s"),
    ],
)  # fmt: skip
async def test_a_journey_that_the_editor_does_not_take_is_refused(made: dict[str, Any], message: str) -> None:
    async with controlled("clevertap") as on:
        await on.ask("POST", "/collections/segments", {"name": "s"})

        status, answer = await on.ask("POST", "/collections/journeys", made)

        assert (status, message in answer["error"]["message"]) == (400, True), answer
        assert (await on.ask("GET", "/collections/journeys"))[1] == {"items": []}
        await live(on)


async def test_segments_and_webhooks_that_cannot_be_are_refused() -> None:
    async with controlled("clevertap") as on:
        behaviour = {"type": "Behaviour", "did_any_of": ["A"], "within": 60}
        assert (await on.ask("POST", "/collections/segments", {"name": "s", "rules": [behaviour]}))[0] == 201
        for segment, status in (
            ({"name": "s"}, 409),
            ({"name": "t", "rules": [behaviour | {"within": 0}]}, 400),
            ({"name": "t", "rules": [behaviour | {"within": YEARS}]}, 400),
        ):
            assert (await on.ask("POST", "/collections/segments", segment))[0] == status
        base = on.stage.url("receiver.test")
        for url in (f"{base}/{{{{ Profile.Email", f"{base}/{{% if %}}", f"{base}/{{% nonsense %}}"):
            status, answer = await on.ask("POST", "/collections/webhooks", {"name": "w", "url": url})
            assert (status, answer["error"]["message"].startswith("webhook 'w': ")) == (409, True)

        assert on.receiver.requests == []
        assert (await on.ask("GET", "/collections/webhooks"))[1] == {"items": []}
        await live(on)
