import pytest

from fakes.customerio import CustomerIoSettings
from tests.fakes.customerio.account import account

BODY = {"name": "bridge", "endpoint": "https://receiver.test/cio", "events": ["email_sent", "email_opened"]}
STORED = {
    **BODY,
    "id": 1,
    "type": "webhook",
    "disabled": False,
    "full_resolution": False,
    "with_content": False,
}


async def test_a_webhook_is_made_shown_replaced_and_removed():
    async with account() as shop:
        made = await shop.app("POST", "/v1/reporting_webhooks", json=BODY)
        listed = await shop.app("GET", "/v1/reporting_webhooks")
        changed = await shop.app("PUT", "/v1/reporting_webhooks/1", json={**BODY, "disabled": True})
        shown = await shop.app("GET", "/v1/reporting_webhooks/1")
        removed = await shop.app("DELETE", "/v1/reporting_webhooks/1")
        gone = await shop.app("GET", "/v1/reporting_webhooks/1")

        assert made.json == STORED
        assert listed.json == {"reporting_webhooks": [STORED]}
        assert changed.json == shown.json == {**STORED, "disabled": True}
        assert (removed.status, removed.body) == (200, b"")
        assert (gone.status, gone.json) == (404, {"errors": [{"detail": "not found", "status": "404"}]})
        shop.recorder.check()


@pytest.mark.parametrize(("is_null", "wanted"), [(True, None), (False, [])])
async def test_no_webhooks_are_null_unless_switched(is_null, wanted):
    async with account(CustomerIoSettings(empty_lists_are_null=is_null)) as shop:
        answer = await shop.app("GET", "/v1/reporting_webhooks")

        assert answer.json == {"reporting_webhooks": wanted}
        shop.recorder.check()


async def test_the_signing_key_is_never_shown():
    async with account() as shop:
        made = await shop.app("POST", "/v1/reporting_webhooks", json=BODY)

        assert shop.fake.settings.webhook_signing_key.encode() not in made.body


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""}, {"name": 5}, {"endpoint": "ftp://x"}, {"endpoint": "receiver"}, {"endpoint": "http://["},
        {"events": []}, {"events": None}, {"events": ["email_liked"]}, {"events": [["email_sent"]]},
        {"disabled": "no"}, {"full_resolution": 1},
    ],
)  # fmt: skip
async def test_a_bad_webhook_is_refused(change):
    async with account() as shop:
        answer = await shop.app("POST", "/v1/reporting_webhooks", json={**BODY, **change})

        assert (answer.status, answer.json["errors"][0]["status"]) == (400, "400")
        shop.recorder.check(sent=False)


@pytest.mark.parametrize("webhook_id", ["2", "x", "%C2%B2", "9" * 400])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_unknown_webhook_is_404(webhook_id, method):
    async with account() as shop:
        answer = await shop.app(method, f"/v1/reporting_webhooks/{webhook_id}", json=BODY)

        assert answer.status == 404
        shop.recorder.check()


async def test_the_app_key_is_asked_for():
    async with account() as shop:
        answer = await shop.call("GET", "https://api.customer.io/v1/reporting_webhooks")

        assert (answer.status, answer.json) == (
            401,
            {"errors": [{"detail": "unauthorized", "status": "401"}]},
        )
        shop.recorder.check()
