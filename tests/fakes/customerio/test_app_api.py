import asyncio

import pytest

from tests.fakes.customerio.account import account, links, pixel
from tests.support.fakes import START

NOW = int(START.timestamp())


async def test_people_are_found_by_address():
    async with account() as shop:
        await shop.identify("u-1", email="ann@example.com")

        found = await shop.app("GET", "/v1/customers", params={"email": "ANN@example.com"})
        nobody = await shop.app("GET", "/v1/customers", params={"email": "bob@example.com"})

        assert found.json == {"results": [{"email": "ann@example.com", "id": "u-1", "cio_id": "a3000001"}]}
        assert nobody.json == {"results": []}
        assert found.headers["Cache-Control"] == "must-revalidate,no-cache,no-store"
        assert found.headers["X-Frame-Options"] == "SAMEORIGIN"
        shop.recorder.check()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers", "/v1/customers?email=x", "/v1/customers/u-1/attributes?id_type=phone", "/v1/messages?limit=0",
        "/v1/messages?limit=x", "/v1/messages?metric=liked", "/v1/messages?type=fax", "/v1/messages?start_ts=then",
    ],
)  # fmt: skip
async def test_bad_queries_are_refused(path):
    async with account() as shop:
        answer = await shop.app("GET", path)

        assert (answer.status, answer.json["errors"][0]["status"]) == (400, "400")
        shop.recorder.check(sent=False)


async def test_a_delivery_shows_each_metric_it_reached_and_all_parents_as_null():
    async with account() as shop:
        await shop.identify("u-1", email="ann@example.com", first_name="Ann")
        delivery_id = await shop.send()
        await asyncio.sleep(1)
        mail = shop.recorder.mails[0]
        await asyncio.sleep(9)
        await shop.call("GET", pixel(mail), headers={"User-Agent": "Mozilla/5.0"})
        await shop.call("GET", links(mail)[0], headers={"User-Agent": "Firefox"})

        shown = await shop.app("GET", f"/v1/messages/{delivery_id}")

        assert shown.json["message"] == {
            "id": delivery_id,
            "deduplicate_id": f"{delivery_id}:{NOW + 10}",
            "message_template_id": None,
            "customer_id": "u-1",
            "customer_identifiers": {"email": "ann@example.com", "id": "u-1", "cio_id": "a3000001"},
            "recipient": "ann@example.com",
            "subject": "Hi Ann",
            "type": "email",
            "created": NOW,
            "metrics": {
                "created": NOW, "drafted": NOW, "sent": NOW, "delivered": NOW, "opened": NOW + 10, "clicked": NOW + 10,
                "prefetch_opened": 1, "human_clicked": 1,
            },
            "failure_message": None,
            "forgotten": False,
            **dict.fromkeys(
                ("action_id", "broadcast_id", "campaign_id", "content_id", "newsletter_id", "parent_action_id", "trigger_event_id")
            ),
        }  # fmt: skip
        shop.recorder.check()


async def test_an_unknown_delivery_is_404():
    async with account() as shop:
        answer = await shop.app("GET", "/v1/messages/RAEC")

        assert answer.status == 404
        shop.recorder.check()


async def test_deliveries_are_listed_newest_first_in_pages():
    async with account() as shop:
        sent = []
        for _ in range(3):
            sent.append(await shop.send())
            await asyncio.sleep(10)

        first = (await shop.app("GET", "/v1/messages", params={"limit": "2"})).json
        second = (await shop.app("GET", "/v1/messages", params={"limit": "2", "start": first["next"]})).json

        assert [each["id"] for each in first["messages"] + second["messages"]] == sent[::-1]
        assert second["next"] == ""
        shop.recorder.check()


async def test_deliveries_are_filtered():
    async with account() as shop:
        opened = await shop.send()
        await asyncio.sleep(10)
        draft = await shop.send(queue_draft=True, identifiers={"id": "u-2"})
        await shop.send(identifiers={"id": "u-2"})
        await asyncio.sleep(1)
        await shop.call("GET", pixel(shop.recorder.mails[0]))

        async def ids(path: str) -> list[str]:
            return [each["id"] for each in (await shop.app("GET", path)).json["messages"]]

        assert await ids("/v1/messages?metric=opened") == [opened]
        assert await ids("/v1/messages?drafts=true") == [draft]
        assert await ids(f"/v1/messages?end_ts={NOW + 5}") == [opened]
        assert await ids(f"/v1/messages?start_ts={NOW + 20}") == []
        assert await ids("/v1/messages?type=push") == []
        assert await ids("/v1/messages?campaign_id=7") == []
        assert len(await ids("/v1/messages?type=email")) == 2
        assert len(await ids("/v1/customers/u-2/messages")) == 2
        shop.recorder.check()


async def test_templates_are_listed():
    async with account() as shop:
        made = shop.fake.state.add_transactional_message("Receipt", subject="s", body="b", tracked=False)

        listed = await shop.app("GET", "/v1/transactional")
        shown = await shop.app("GET", f"/v1/transactional/{made.id}")
        missing = await shop.app("GET", "/v1/transactional/99")

        assert listed.json["messages"] == [shown.json["message"]]
        assert (shown.json["message"]["name"], shown.json["message"]["link_tracking"]) == ("Receipt", False)
        assert missing.status == 404
        shop.recorder.check()


async def test_a_template_name_is_taken_once_and_options_are_checked():
    async with account() as shop:
        shop.fake.state.add_transactional_message("Receipt", subject="s", body="b")

        with pytest.raises(ValueError, match="there is a transactional message named 'receipt'"):
            shop.fake.state.add_transactional_message("receipt", subject="s", body="b")
        with pytest.raises(TypeError, match="traked"):
            shop.fake.state.add_transactional_message("Other", subject="s", body="b", traked=False)
