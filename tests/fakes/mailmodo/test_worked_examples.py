"""What the vendor's documents show of each operation, word for word: whole bodies, not parts of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from fakes.mailmodo import Entry, EntryKind, Wait
from tests.fakes.mailmodo.account import open_account

if TYPE_CHECKING:
    from tests.fakes.mailmodo.account import Account

EMAIL = "asha@example.com"
STORED = {"success": True, "message": "The contact is successfully added/updated"}
NOT_VALID = "The provided email is not a valid email id"
UNKNOWN = {"success": False, "message": "Email address doesn't exist"}
NO_CAMPAIGN = {
    "success": False,
    "message": "No campaign Found for the campaignId in Trigger URL, Please check apiKey or campaignId",
}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOBODY = "00000000-0000-4000-8000-000000000000"


class AnyUuid:
    """Equals every UUID."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and UUID.fullmatch(other) is not None

    __hash__ = None  # type: ignore[assignment]  # it stands for many values

    def __repr__(self) -> str:
        return "<a UUID>"


def validation(message: str) -> dict[str, Any]:
    return {"error": "ValidationError", "success": False, "status": "error", "message": message}


async def post(mailmodo: Account, path: str, body: object) -> tuple[int, Any]:
    return await mailmodo.call("POST", f"/api/v1/{path}", body)


@pytest.mark.proves("mailmodo", "triggerCampaign", "triggerCampaignByBody", "bulkTriggerCampaign")
async def test_triggers() -> None:
    """OA-send, OA-block, SUP-trig."""
    scheduled = {"success": True, "message": "Email scheduled successfully", "ref": AnyUuid()}
    async with open_account() as mailmodo:
        campaign = mailmodo.survey.id

        assert await post(mailmodo, f"triggerCampaign/{campaign}", {"email": EMAIL}) == (200, scheduled)
        on_list = {"email": EMAIL, "addToList": "VIPs"}
        assert await post(mailmodo, f"triggerCampaign/{campaign}", on_list) == (
            200,
            {**scheduled, "listId": AnyUuid()},
        )
        by_body = {"email": EMAIL, "campaignId": campaign}
        assert await post(mailmodo, "triggerCampaign", by_body) == (200, scheduled)
        assert await post(mailmodo, f"triggerCampaign/{NOBODY}", {"email": EMAIL}) == (400, NO_CAMPAIGN)
        assert await post(mailmodo, f"bulktriggerCampaign/{NOBODY}", {"listId": NOBODY}) == (400, NO_CAMPAIGN)
        list_id = next(iter(mailmodo.fake.state.lists))
        assert await post(mailmodo, f"bulktriggerCampaign/{campaign}", {"listId": list_id}) == (
            200,
            scheduled,
        )
        await mailmodo.settle()


@pytest.mark.proves("mailmodo", "addToListBatch")
async def test_batch() -> None:
    """OA-contact: four answers, one of them with a space in a key, one with a stray quote."""
    async with open_account() as mailmodo:
        good = {"email": EMAIL}

        assert await post(mailmodo, "addToList/batch", {"listName": "VIPs", "values": [good]}) == (
            200,
            {"message": "All contacts were added to the list", "listId": AnyUuid()},
        )
        assert await post(
            mailmodo, "addToList/batch", {"listName": "VIPs", "values": [good, {"email": "x@y"}]}
        ) == (
            207,
            {
                "message": "Some contacts were not added to the list",
                "errors": [{"email": "x@y", "failure reason": 'email" is invalid. Enter a valid email!'}],
                "warnings": [],
                "listId": AnyUuid(),
            },
        )
        assert await post(mailmodo, "addToList/batch", {"listName": "VIPs", "values": [good, good]}) == (
            400,
            validation(f"email should be unique in values. Found duplicates for '{EMAIL}'"),
        )
        mailmodo.fake.state.add_segment("Segment")
        assert await post(mailmodo, "addToList/batch", {"listName": "Segment", "values": [good]}) == (
            400,
            {"success": False, "message": "Cannot add users to static segmentation list"},
        )


@pytest.mark.proves("mailmodo", "addToList", "removeFromList")
async def test_lists() -> None:
    """OA-contact."""
    async with open_account() as mailmodo:
        assert await post(mailmodo, "addToList", {"email": EMAIL, "listName": "VIPs"}) == (200, STORED)
        assert await post(mailmodo, "removeFromList", {"email": EMAIL, "listName": "VIPs"}) == (
            200,
            {"message": "User has been successfully removed from list"},
        )
        assert await post(mailmodo, "removeFromList", {"email": EMAIL, "listName": "None"}) == (
            400,
            {"message": "list does not exists"},
        )


@pytest.mark.proves("mailmodo", "unsubscribeContact", "resubscribeContact", "updateSubscription")
async def test_subscriptions() -> None:
    """OA-contact."""
    async with open_account() as mailmodo:
        who = {"email": EMAIL}

        assert await post(mailmodo, "contacts/unsubscribe", who) == (200, STORED)
        assert await post(mailmodo, "contacts/unsubscribe", who) == (
            200,
            {"success": True, "message": "The email ID is already present in the suppression list."},
        )
        assert await post(mailmodo, "contacts/resubscribe", who) == (
            200,
            {"message": "The email ID is successfully Subscribed"},
        )
        assert await post(
            mailmodo,
            "contacts/updateSubscription",
            {**who, "reSubscribeTo": ["Promotional"], "unsubscribeFrom": []},
        ) == (200, {"message": "Subscription update is successful", "currentUnsubscribedEmailTypes": []})
        assert await post(
            mailmodo, "contacts/updateSubscription", {**who, "reSubscribeTo": [], "unsubscribeFrom": ["SMS"]}
        ) == (
            400,
            {
                "message": "Invalid channels found: SMS. Please choose a correct channel",
                "validChannels": ["Promotional", "Transactional"],
            },
        )


@pytest.mark.proves("mailmodo", "getContactDetails", "archiveContact")
async def test_contact_and_its_end() -> None:
    """OA-contact; the answer for an unknown address is the chosen one."""
    async with open_account() as mailmodo:
        await post(
            mailmodo, "addToList", {"email": EMAIL, "listName": "VIPs", "data": {"first_name": "Asha"}}
        )
        path = f"/api/v1/getContactDetails?email={EMAIL}"

        assert await mailmodo.call("GET", path) == (
            200,
            {
                "contactIdentifier": AnyUuid(),
                "email": EMAIL,
                "data": {"email": EMAIL, "first_name": "Asha"},
                "blocked": False,
                "unsubscribed": False,
                "unsubscribedEmailTypes": [],
            },
        )
        assert await mailmodo.call("DELETE", "/api/v1/contacts", {"email": EMAIL}) == (
            200,
            {"success": True, "message": "The contact is successfully deleted"},
        )
        assert await mailmodo.call("DELETE", "/api/v1/contacts", {"email": EMAIL}) == (400, UNKNOWN)
        assert await mailmodo.call("GET", path) == (400, UNKNOWN)
        assert await mailmodo.call("GET", "/api/v1/getContactDetails?email=x") == (400, validation(NOT_VALID))


@pytest.mark.proves("mailmodo", "addEvent")
async def test_custom_event() -> None:
    """OA-event."""
    async with open_account() as mailmodo:
        event = {
            "email": EMAIL,
            "event_name": "Signed up",
            "event_properties": {"amount": 829, "is_new": False},
        }

        assert await post(mailmodo, "addEvent", event) == (200, {"success": True, "ref": AnyUuid()})
        assert await post(mailmodo, "addEvent", {**event, "email": "x"}) == (400, {"message": NOT_VALID})


@pytest.mark.proves("mailmodo", "startJourney", "abortJourney")
async def test_journeys() -> None:
    """OA-journey, SUP-jour."""
    async with open_account() as mailmodo:
        journey = mailmodo.fake.journeys.add("Welcome", entry=Entry(EntryKind.API), cards=[Wait(60)])
        start, abort = f"/hooks/start/{journey.id}", f"/hooks/abort/{journey.id}"
        failed = (400, {"success": False, "message": "Tried executing journey and Failed"})

        status, started = await mailmodo.call("POST", start, {"email": EMAIL})
        assert (status, started) == (200, {"success": True, "message": "journey Executed", "ref": AnyUuid()})
        assert await mailmodo.call("POST", start, {"email": EMAIL}) == failed
        status, _ = await mailmodo.call("POST", start, {"email": EMAIL, "allowDuplicateEmail": True})
        assert status == 200
        status, answer = await mailmodo.call("POST", abort, {"instanceId": started["ref"], "reason": "left"})
        assert (status, answer["success"]) == (200, True)
        assert await mailmodo.call("POST", abort, {"email": "x"}) == (
            400,
            {"success": False, "status": "error", "message": NOT_VALID},
        )


@pytest.mark.parametrize(
    "path", ["/api/v1/event/Signed", "/api/v2/campaigns", "/", "/hooks/stop/1", "/a%0Ab", "/o/%0A%00.gif/x"]
)
async def test_unrouted_path(path: str) -> None:
    """Seen live: this envelope is like no other."""
    async with open_account() as mailmodo:
        assert await mailmodo.call("POST", path, {}) == (
            404,
            {"error": "error", "message": "Some Internal Error Occurred: 404"},
        )
