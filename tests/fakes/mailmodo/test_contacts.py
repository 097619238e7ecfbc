"""Contacts and lists, in the vendor's exact words."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from fakes.mailmodo import MailmodoSettings
from tests.fakes.mailmodo.account import open_account

EMAIL = "asha@example.com"
STORED = {"success": True, "message": "The contact is successfully added/updated"}
UNKNOWN = {"success": False, "message": "Email address doesn't exist"}
INVALID_EMAIL = {
    "error": "ValidationError",
    "success": False,
    "status": "error",
    "message": "The provided email is not a valid email id",
}


@pytest.mark.proves("mailmodo", "addToList", "getAllContactLists", "getContactDetails")
async def test_contact_is_created_then_updated_and_the_list_with_it() -> None:
    async with open_account() as mailmodo:
        body = {
            "email": "Asha@Example.com",
            "listName": "all",
            "data": {"first_name": "Asha", "age": 31, "vip": True},
        }
        more = {
            "email": "asha@example.com",
            "listName": "all",
            "data": {"age": 32},
            "timezone": "Asia/Kolkata",
        }

        answers = [await mailmodo.call("POST", "/api/v1/addToList", each) for each in (body, more)]
        _, contact = await mailmodo.call(
            "GET", "/api/v1/getContactDetails", params={"email": "asha@example.com"}
        )
        _, lists = await mailmodo.call("GET", "/api/v1/getAllContactLists")

        assert answers == [(200, STORED)] * 2
        assert contact == {
            "contactIdentifier": contact["contactIdentifier"],
            "email": "asha@example.com",
            "data": {"email": "asha@example.com", "first_name": "Asha", "age": 32, "vip": True},
            "blocked": False,
            "unsubscribed": False,
            "unsubscribedEmailTypes": [],
        }
        assert UUID(contact["contactIdentifier"]).version == 5
        [found] = lists["listDetails"]
        assert (found["name"], found["contacts_count"]) == ("all", 1)
        assert found["created_at"] == "2026-03-02T03:30:00.0000000Z"
        facts = mailmodo.recorder.facts_of("contact_stored")
        assert [(fact.subject, fact.details) for fact in facts] == [
            (
                "asha@example.com",
                {"list_name": "all", "data": body["data"], "is_new": True, "via": "addToList"},
            ),
            (
                "asha@example.com",
                {"list_name": "all", "data": {"age": 32}, "is_new": False, "via": "addToList"},
            ),
        ]
        mailmodo.recorder.check()


async def test_contact_identifier_is_the_same_in_another_run() -> None:
    found = []
    for _ in range(2):
        async with open_account() as mailmodo:
            await mailmodo.trigger()
            found.append(mailmodo.fake.state.contacts["asha@example.com"].id)

    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"listName": "all"}, "The provided email is not a valid email id"),
        ({"email": "a@example.com"}, 'listName" is required'),
        (
            {"email": "a@example.com", "listName": "all", "data": {"a": {"b": 1}}},
            'data.a" must be one of [string, number, boolean]',
        ),
        ({"email": "a@example.com", "listName": "all", "data": []}, 'data" must be of type object'),
    ],
)
async def test_wrong_contact_is_a_validation_error(body: dict[str, Any], message: str) -> None:
    async with open_account() as mailmodo:
        answer = await mailmodo.call("POST", "/api/v1/addToList", body)

        assert answer == (400, {**INVALID_EMAIL, "message": message})
        assert mailmodo.fake.state.contacts == {}
        mailmodo.recorder.check(sent=False)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2024-05-06T07:08:09Z", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2024-05-06T12:38:09+05:30", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2024-05-06", datetime(2024, 5, 6, tzinfo=UTC)),
        (1657097786, datetime(2022, 7, 6, 8, 56, 26, tzinfo=UTC)),
        ("1657097786", datetime(2022, 7, 6, 8, 56, 26, tzinfo=UTC)),
        ("1657097786250", datetime(2022, 7, 6, 8, 56, 26, 250_000, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("is_batch", [False, True])
async def test_times_of_a_contact_are_kept(given: object, kept: datetime, *, is_batch: bool) -> None:
    async with open_account() as mailmodo:
        value = {
            "email": EMAIL,
            "created_at": given,
            "last_open": given,
            "last_click": given,
            "timezone": "Asia/Kolkata",
        }
        path, body = ("/batch", {"values": [value]}) if is_batch else ("", value)

        status, _ = await mailmodo.call("POST", f"/api/v1/addToList{path}", {**body, "listName": "VIPs"})

        contact = mailmodo.fake.state.contact(EMAIL)
        assert status == 200
        assert contact is not None
        assert (contact.created_at, contact.last_open, contact.last_click) == (kept, kept, kept)
        assert contact.timezone == "Asia/Kolkata"
        mailmodo.recorder.check()


@pytest.mark.parametrize(
    "given",
    [
        "soon",
        "",
        "165709778",
        "16570977862",
        "1657097786.5",
        -1,
        1e300,
        True,
        [],
        {},
        "0001-01-01T00:00:00+14:00",
    ],
)
async def test_what_is_no_time_is_refused(given: object) -> None:
    async with open_account() as mailmodo:
        value = {"email": EMAIL, "last_open": given}
        message = 'last_open" must be a valid date'

        one = await mailmodo.call("POST", "/api/v1/addToList", {**value, "listName": "VIPs"})
        batch = await mailmodo.call(
            "POST", "/api/v1/addToList/batch", {"values": [value], "listName": "VIPs"}
        )

        assert (one[0], one[1]["message"]) == (400, message)
        assert (batch[0], batch[1]["errors"]) == (207, [{"email": EMAIL, "failure reason": message}])
        assert mailmodo.fake.state.contact(EMAIL) is None
        mailmodo.recorder.check(sent=False)


@pytest.mark.answers("mailmodo", 10)
async def test_segments_are_told_from_lists() -> None:
    async with open_account() as mailmodo:
        mailmodo.fake.state.open_list("VIPs")
        mailmodo.fake.state.add_segment("Openers", [EMAIL])

        _, answer = await mailmodo.call("GET", "/api/v1/getAllContactLists")

        assert [(one["name"], one["type"]) for one in answer["listDetails"]] == [
            ("VIPs", "STATIC"),
            ("Openers", "DYNAMIC"),
        ]
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "addToListBatch")
async def test_batch_adds_all() -> None:
    async with open_account() as mailmodo:
        values = [{"email": f"p{number}@example.com", "data": {"n": number}} for number in range(100)]

        status, answer = await mailmodo.call(
            "POST", "/api/v1/addToList/batch", {"listName": "all", "values": values}
        )

        assert status == 200
        assert answer == {"message": "All contacts were added to the list", "listId": answer["listId"]}
        assert len(mailmodo.fake.state.lists[answer["listId"]].members) == 100
        assert len(mailmodo.recorder.facts_of("contact_stored")) == 100
        mailmodo.recorder.check()


async def test_batch_says_which_contacts_it_refused() -> None:
    async with open_account() as mailmodo:
        values = [
            {"email": "x@y"},
            {"email": "ok@example.com"},
            {"email": "b@example.com", "data": {"a": []}},
            7,
        ]

        status, answer = await mailmodo.call(
            "POST", "/api/v1/addToList/batch", {"listName": "all", "values": values}
        )

        assert status == 207
        assert answer["message"] == "Some contacts were not added to the list"
        assert answer["errors"] == [
            {"email": "x@y", "failure reason": 'email" is invalid. Enter a valid email!'},
            {"email": "b@example.com", "failure reason": 'data.a" must be one of [string, number, boolean]'},
            {"email": "", "failure reason": 'email" is invalid. Enter a valid email!'},
        ]
        assert answer["warnings"] == []
        assert list(mailmodo.fake.state.contacts) == ["ok@example.com"]
        mailmodo.recorder.check(sent=False)


async def test_batch_warns_of_known_properties_that_do_not_fit_and_leaves_them_out() -> None:
    data = {
        "age": "old",
        "birthday": "soon",
        "anniversary_date": 1_600_000_000,
        "first_name": "Asha",
        "city": None,
    }
    async with open_account() as mailmodo:
        fits = {"age": 31, "birthday": "1990-02-01"}
        values = [{"email": EMAIL, "data": data}, {"email": "b@example.com", "data": fits}, {"email": "none"}]
        status, answer = await mailmodo.call(
            "POST", "/api/v1/addToList/batch", {"listName": "all", "values": values}
        )

        assert (status, [error["email"] for error in answer["errors"]]) == (207, ["none"])
        assert answer["warnings"] == [
            {"email": EMAIL, "warning": 'age" must be a number'},
            {"email": EMAIL, "warning": 'birthday" must be a valid date'},
        ]
        contact, other = mailmodo.fake.state.contact(EMAIL), mailmodo.fake.state.contact("b@example.com")
        assert contact is not None
        assert contact.data == {"email": EMAIL, "anniversary_date": 1_600_000_000, "first_name": "Asha"}
        assert other is not None
        assert other.data == {"email": "b@example.com", **fits}
        mailmodo.recorder.check(sent=False)


async def test_a_single_contact_is_stored_without_what_does_not_fit() -> None:
    async with open_account() as mailmodo:
        body = {"email": EMAIL, "listName": "all", "data": {"age": True, "first_name": "Asha"}}
        assert await mailmodo.call("POST", "/api/v1/addToList", body) == (200, STORED)

        contact = mailmodo.fake.state.contact(EMAIL)
        assert contact is not None
        assert contact.data == {"email": EMAIL, "first_name": "Asha"}


async def test_batch_with_an_address_twice_is_refused() -> None:
    async with open_account() as mailmodo:
        values = [{"email": "a@example.com"}, {"email": "A@example.com"}]

        answer = await mailmodo.call("POST", "/api/v1/addToList/batch", {"listName": "all", "values": values})

        message = "email should be unique in values. Found duplicates for 'a@example.com'"
        assert answer == (400, {**INVALID_EMAIL, "message": message})
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 5)
@pytest.mark.bounds("mailmodo", "1: 100 contacts per call", "2.4: at most **100** values")
async def test_batch_of_more_than_100_is_refused() -> None:
    async with open_account() as mailmodo:
        values = [{"email": f"p{number}@example.com"} for number in range(101)]

        status, answer = await mailmodo.call(
            "POST", "/api/v1/addToList/batch", {"listName": "all", "values": values}
        )

        assert (status, answer["error"]) == (400, "ValidationError")
        assert mailmodo.fake.state.contacts == {}
        mailmodo.recorder.check(sent=False)


async def test_static_segment_takes_nobody() -> None:
    async with open_account() as mailmodo:
        mailmodo.fake.state.add_segment("best", ["a@example.com"])
        body = {"listName": "best", "values": [{"email": "b@example.com"}]}

        answer = await mailmodo.call("POST", "/api/v1/addToList/batch", body)

        assert answer == (400, {"success": False, "message": "Cannot add users to static segmentation list"})
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 5)
@pytest.mark.bounds(
    "mailmodo", "1: one call at a time, a parallel one errors", "2.4: one call in flight per account"
)
async def test_batch_beside_another_is_refused() -> None:
    async with open_account(MailmodoSettings(batch_takes_s=2)) as mailmodo:
        bodies = [{"listName": "all", "values": [{"email": f"{name}@example.com"}]} for name in ("a", "b")]

        answers = await asyncio.gather(
            *(mailmodo.call("POST", "/api/v1/addToList/batch", body) for body in bodies)
        )

        assert sorted(status for status, _ in answers) == [200, 429]
        mailmodo.recorder.check()


async def test_nothing_is_done_for_a_batch_that_is_refused_for_another() -> None:
    async with open_account(MailmodoSettings(batch_takes_s=2)) as mailmodo:
        bodies = [{"listName": name, "values": [{"email": f"{name}@example.com"}]} for name in ("a", "b")]

        answers = await asyncio.gather(
            *(mailmodo.call("POST", "/api/v1/addToList/batch", body) for body in bodies)
        )

        refused = [
            body["listName"] for body, (status, _) in zip(bodies, answers, strict=True) if status == 429
        ]
        assert len(refused) == 1
        assert {*refused, *(each.name for each in mailmodo.fake.state.lists.values())} == {"a", "b"}
        assert len(mailmodo.fake.state.lists) == len(mailmodo.fake.state.contacts) == 1


async def test_values_without_an_address_are_refused_one_by_one_and_no_duplicates() -> None:
    async with open_account() as mailmodo:
        values = [
            {},
            {"data": {}},
            {"email": 5},
            {"email": 5},
            {"email": {"a": 1}},
            {"email": " "},
            {"email": EMAIL},
        ]

        status, answer = await mailmodo.call(
            "POST", "/api/v1/addToList/batch", {"listName": "all", "values": values}
        )

        reason = 'email" is invalid. Enter a valid email!'
        assert status == 207
        assert answer["errors"] == [
            {"email": email, "failure reason": reason} for email in ("", "", "5", "5", '{"a": 1}', " ")
        ]
        assert list(mailmodo.fake.state.contacts) == [EMAIL]
        mailmodo.recorder.check(sent=False)


async def test_a_time_zone_that_is_no_text_is_refused_in_a_batch_as_alone() -> None:
    async with open_account() as mailmodo:
        contact = {"email": EMAIL, "timezone": 5.5}

        alone = await mailmodo.call("POST", "/api/v1/addToList", {**contact, "listName": "all"})
        status, answer = await mailmodo.call(
            "POST", "/api/v1/addToList/batch", {"listName": "all", "values": [contact]}
        )

        message = 'timezone" must be a string'
        assert alone == (400, {**INVALID_EMAIL, "message": message})
        assert (status, answer["errors"]) == (207, [{"email": EMAIL, "failure reason": message}])
        assert mailmodo.fake.state.contacts == {}
        mailmodo.recorder.check(sent=False)


@pytest.mark.proves("mailmodo", "removeFromList")
async def test_removal_from_a_list_keeps_the_contact() -> None:
    async with open_account() as mailmodo:
        contact = {"email": "asha@example.com", "listName": "all"}
        await mailmodo.call("POST", "/api/v1/addToList", contact)

        removed = await mailmodo.call("POST", "/api/v1/removeFromList", contact)
        again = await mailmodo.call("POST", "/api/v1/removeFromList", contact)
        nowhere = await mailmodo.call("POST", "/api/v1/removeFromList", {**contact, "listName": "none"})

        assert removed == (200, {"message": "User has been successfully removed from list"})
        assert again == (400, {"message": "contact does not exist in list"})
        assert nowhere == (400, {"message": "list does not exists"})
        assert mailmodo.fake.state.contact("asha@example.com") is not None
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "unsubscribeContact", "resubscribeContact")
async def test_unsubscribe_and_resubscribe_in_the_vendors_words() -> None:
    async with open_account() as mailmodo:
        body = {"email": "asha@example.com"}

        first = await mailmodo.call("POST", "/api/v1/contacts/unsubscribe", body)
        second = await mailmodo.call("POST", "/api/v1/contacts/unsubscribe", body)
        _, contact = await mailmodo.call("GET", "/api/v1/getContactDetails?email=asha@example.com")
        back = await mailmodo.call("POST", "/api/v1/contacts/resubscribe", body)

        assert first == (200, STORED)
        assert second == (
            200,
            {"success": True, "message": "The email ID is already present in the suppression list."},
        )
        assert (contact["unsubscribed"], contact["unsubscribeReason"]) == (
            True,
            "Unsubscribed through the API",
        )
        assert back == (200, {"message": "The email ID is successfully Subscribed"})
        assert mailmodo.recorder.facts_of("unsubscribed") == [], "no mail was left, so it is no activity"
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "updateSubscription")
async def test_kinds_of_mail_can_be_chosen() -> None:
    async with open_account() as mailmodo:
        await mailmodo.call("POST", "/api/v1/addToList", {"email": "asha@example.com", "listName": "all"})
        path, body = "/api/v1/contacts/updateSubscription", {"email": "asha@example.com"}

        less = await mailmodo.call(
            "POST", path, {**body, "reSubscribeTo": [], "unsubscribeFrom": ["Transactional", "Promotional"]}
        )
        more = await mailmodo.call(
            "POST", path, {**body, "reSubscribeTo": ["Transactional"], "unsubscribeFrom": []}
        )
        wrong = await mailmodo.call(
            "POST", path, {**body, "reSubscribeTo": ["Pigeon", {"a": None}], "unsubscribeFrom": []}
        )

        message = "Subscription update is successful"
        both = ["Promotional", "Transactional"]
        assert less == (200, {"message": message, "currentUnsubscribedEmailTypes": both})
        assert more == (200, {"message": message, "currentUnsubscribedEmailTypes": ["Promotional"]})
        assert wrong == (
            400,
            {
                "message": 'Invalid channels found: Pigeon, {"a": null}. Please choose a correct channel',
                "validChannels": ["Promotional", "Transactional"],
            },
        )
        mailmodo.recorder.check(sent=False)


@pytest.mark.proves("mailmodo", "archiveContact")
@pytest.mark.answers("mailmodo", 7)
async def test_archived_contact_is_gone_until_it_is_added_again() -> None:
    async with open_account() as mailmodo:
        contact, body = {"email": "asha@example.com", "listName": "all"}, {"email": "asha@example.com"}
        await mailmodo.call("POST", "/api/v1/addToList", contact)

        archived = await mailmodo.call("DELETE", "/api/v1/contacts", body)
        again = await mailmodo.call("DELETE", "/api/v1/contacts", body)
        details = await mailmodo.call("GET", "/api/v1/getContactDetails?email=asha@example.com")
        _, lists = await mailmodo.call("GET", "/api/v1/getAllContactLists")
        await mailmodo.call("POST", "/api/v1/addToList", contact)

        assert archived == (200, {"success": True, "message": "The contact is successfully deleted"})
        assert again == details == (400, UNKNOWN)
        assert lists["listDetails"][0]["contacts_count"] == 0
        assert mailmodo.recorder.facts_of("contact_stored")[-1].details["is_new"] is True
        mailmodo.recorder.check()


async def test_an_archived_contact_that_is_suppressed_stays_archived() -> None:
    async with open_account() as mailmodo:
        body = {"email": EMAIL}
        await mailmodo.call("POST", "/api/v1/contacts/unsubscribe", body)
        await mailmodo.call("DELETE", "/api/v1/contacts", body)

        _, again = await mailmodo.call("POST", "/api/v1/contacts/unsubscribe", body)

        assert again["message"] == "The email ID is already present in the suppression list."
        assert await mailmodo.call("GET", f"/api/v1/getContactDetails?email={EMAIL}") == (400, UNKNOWN)


async def test_details_of_no_address_are_a_validation_error() -> None:
    async with open_account() as mailmodo:
        assert await mailmodo.call("GET", "/api/v1/getContactDetails?email=nobody") == (400, INVALID_EMAIL)
        assert await mailmodo.call("GET", "/api/v1/getContactDetails") == (400, INVALID_EMAIL)
        mailmodo.recorder.check(sent=False)
