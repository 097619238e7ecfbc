from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fakes.clevertap import CleverTapSettings, Did, DidNot, EmailCampaign, External, OnDate, SmsCampaign
from tests.fakes.clevertap.account import PHONE, Account, account, event, person
from tests.fakes.clevertap.test_targets import SMS

DAYS = {"from": "20260301", "to": "20260331"}


async def report(ct: Account, **filters: Any) -> Any:
    status, answer = await ct.call("POST", "/1/message/report.json", body=DAYS | filters)
    assert status == 200
    return answer


@pytest.mark.proves("clevertap", "getMessageReport")
async def test_report_says_of_a_campaign_what_happened() -> None:
    async with account(CleverTapSettings(utc_offset=timedelta(hours=5, minutes=30))) as ct:
        await ct.upload(person(Name="Asha", Phone=PHONE), person("ravi@example.com"))
        mail = EmailCampaign(name="news", subject="News", text='<a href="https://example.com/a">a</a>')
        number = ct.fake.add_campaign(mail)
        await ct.fake.launch("news")
        await ct.settle()
        html = ct.stage.recorder.mails[0].html
        for address in (html.rpartition('src="')[2], html.partition('href="')[2]):
            await ct.stage.session.get(address.partition('"')[0], allow_redirects=False)

        answer = await report(ct, daily=True)

        assert answer == {
            "status": "success",
            "total_results": 1,
            "messages": [
                {
                    "message id": number,
                    "message_name": "news",
                    "channel": "Email",
                    "delivery": "one_time",
                    "start_date": "02 Mar, 2026 09:00:00",
                    "status": "completed",
                    "message_type": "single",
                    "labels": [],
                    "sent": 2,
                    "viewed": 1,
                    "clicked": 1,
                    "errors": {},
                    "daily": {"20260302": {"sent": 2}},
                }
            ],
        }
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["plain", "did", "did not", "dated", "external", "My Sms API campaign", "tag"]),
        ({"delivery": ["action", "inaction"]}, ["did", "did not"]),
        ({"delivery": ["property_time"]}, ["dated"]),
        ({"delivery": ["api"]}, ["external", "tag"]),
        ({"delivery": ["recurring"]}, ["My Sms API campaign"]),
        ({"label": ["first"]}, ["My Sms API campaign"]),
        ({"label": ["second"]}, []),
        ({"status": ["scheduled"]}, ["plain"]),
        ({"status": ["completed"]}, ["tag"]),
        ({"status": ["stopped"]}, []),
        ({"channel": ["email"]}, ["plain"]),
        ({"channel": ["push", "sms"], "delivery": ["api"]}, ["external", "tag"]),
        ({"message_type": ["single"], "status": ["completed"]}, ["tag"]),
        ({"message_type": ["ab"]}, []),
        ({"from": "20260303"}, []),
    ],
)
async def test_report_is_filtered(filters: dict[str, Any], names: list[str]) -> None:
    async with account() as ct:
        await ct.upload(person(Phone=PHONE), event())
        ct.fake.add_campaign(EmailCampaign(name="plain", subject="s", text="t"))
        for name, rule in (
            ("did", Did("A")),
            ("did not", DidNot("B", timedelta(hours=1), after="A")),
            ("dated", OnDate("born")),
            ("external", External()),
        ):
            ct.fake.add_campaign(SmsCampaign(name=name, text="t", when=rule))
        recurring = {"type": "recurring", "repeat_type": "day"}
        await ct.call("POST", "/1/targets/create.json", body=SMS | {"when": recurring, "labels": ["first"]})
        await ct.call("POST", "/1/targets/create.json", body=SMS | {"draft": True})
        body = {
            "to": {"Email": ["asha@example.com"]},
            "content": {"body": "b"},
            "provider_nick_name": "p",
            "tag_group": "tag",
        }
        await ct.call("POST", "/1/send/sms.json", body=body)
        await ct.settle()

        answer = await report(ct, **filters)

        assert [message["message_name"] for message in answer["messages"]] == names
        assert answer["total_results"] == len(names)
        ct.stage.recorder.check()


async def test_report_counts_failures_and_conversions_are_named() -> None:
    async with account() as ct:
        await ct.upload(person())
        await ct.call("POST", "/1/targets/create.json", body=SMS | {"conversion": {"event_name": "Charged"}})
        await ct.settle()

        [message] = (await report(ct))["messages"]

        assert (message["sent"], message["errors"]) == (0, {"Unreachable": 1})
        assert message["conversion_event"] == "Charged"
        ct.stage.recorder.check()


async def test_report_may_take_as_long_as_was_measured() -> None:
    async with account(CleverTapSettings(slow_message_report=True)) as ct:
        await report(ct)

        [exchange] = ct.stage.recorder.exchanges
        assert 26 < (exchange.ended_at - exchange.started_at).total_seconds() < 27


@pytest.mark.parametrize(
    ("filters", "status"),
    [
        ({"from": None}, 200),
        ({"from": "tomorrow"}, 200),
        ({"from": "20260401"}, 200),
        ({"channel": "push"}, 400),
        ({"label": [1]}, 400),
        ({"daily": "yes"}, 400),
    ],
)
async def test_report_that_makes_no_sense_is_refused(filters: dict[str, Any], status: int) -> None:
    async with account() as ct:
        found, answer = await ct.call("POST", "/1/message/report.json", body=DAYS | filters)

        assert (found, answer["status"]) == (status, "fail")
        ct.stage.recorder.check(sent=False)
