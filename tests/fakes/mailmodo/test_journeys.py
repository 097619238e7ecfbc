"""Journeys: who gets in, what the webhook card posts, who is thrown out."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fakes.mailmodo import ActivityName, CallWebhook, Entry, EntryKind, SendEmail, Wait
from tests.fakes.mailmodo.account import open_account
from tests.support.fakes import Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fakes.mailmodo import Journey
    from fakes.mailmodo.journeys import Card
    from tests.fakes.mailmodo.account import Account

ASHA = "asha@example.com"


class Field:
    """An account with a receiver for the webhook card."""

    def __init__(self, mailmodo: Account, receiver: Receiver) -> None:
        self.mailmodo = mailmodo
        self.receiver = receiver
        mailmodo.fake.set_activity_webhook(None)
        self.card = CallWebhook(mailmodo.stage.url("receiver.test") + "/journey")

    def journey(self, kind: EntryKind, name: str = "", cards: tuple[Card, ...] = ()) -> Journey:
        return self.mailmodo.fake.journeys.add(
            "Welcome", entry=Entry(kind, name), cards=cards or (self.card,)
        )

    async def start(self, journey: Journey, /, **fields: Any) -> tuple[int, Any]:
        return await self.mailmodo.call("POST", f"/hooks/start/{journey.id}", {"email": ASHA, **fields})

    async def abort(self, journey: Journey, /, **fields: Any) -> tuple[int, Any]:
        return await self.mailmodo.call("POST", f"/hooks/abort/{journey.id}", fields)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, _, body in self.receiver.requests]

    async def body(self) -> dict[str, Any]:
        await self.mailmodo.settle()
        (body,) = self.bodies
        return body


@asynccontextmanager
async def open_field() -> AsyncIterator[Field]:
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        yield Field(mailmodo, receiver)
        mailmodo.recorder.check(sent=False)


async def test_who_has_left_a_journey_may_enter_it_again() -> None:
    async with open_field() as field:
        journey = field.journey(EntryKind.API, "", (Wait(60),))

        statuses = [(await field.start(journey))[0] for _ in range(2)]
        statuses.append((await field.start(journey, allowDuplicateEmail=True))[0])
        await field.mailmodo.call("POST", f"/hooks/abort/{journey.id}", {"email": ASHA})
        statuses += [(await field.start(journey))[0] for _ in range(2)]
        await asyncio.sleep(61)
        statuses.append((await field.start(journey))[0])

        assert statuses == [200, 400, 200, 200, 400, 200]


async def test_a_flag_that_is_none_is_refused_and_not_taken_for_false() -> None:
    async with open_field() as field:
        journey = field.journey(EntryKind.API)
        body = {"email": ASHA, "allowDuplicateEmail": "true"}

        answer = await field.mailmodo.call("POST", f"/hooks/start/{journey.id}", body)

        message = 'allowDuplicateEmail" must be a boolean'
        assert answer == (400, {"success": False, "message": message})
        assert field.mailmodo.fake.state.contacts == {}


class TestEntries:
    @pytest.mark.proves("mailmodo", "startJourney", "journeyWebhook")
    async def test_started_over_the_api(self) -> None:
        async with open_field() as field:
            journey = field.journey(EntryKind.API)

            status, answer = await field.start(journey, data={"first_name": "Asha"})

            assert (status, answer["success"], answer["message"]) == (200, True, "journey Executed")
            contact = field.mailmodo.fake.state.contact(ASHA)
            assert contact is not None
            assert await field.body() == {
                "triggerData": {
                    "email": ASHA,
                    "userId": contact.user_id,
                    "journeyId": journey.id,
                    "triggerSource": "Api",
                    "data": {"first_name": "Asha"},
                    "eventProperty": {},
                }
            }
            assert contact.user_id[14] == "4"
            assert contact.data["first_name"] == "Asha"

    async def test_put_onto_a_list_one_by_one_and_not_in_a_batch(self) -> None:
        async with open_field() as field:
            field.journey(EntryKind.LIST, "VIPs")
            batch = {"listName": "VIPs", "values": [{"email": "ravi@example.com"}]}

            await field.mailmodo.call("POST", "/api/v1/addToList/batch", batch)
            await field.mailmodo.call("POST", "/api/v1/addToList", {"email": ASHA, "listName": "VIPs"})
            await field.mailmodo.call("POST", "/api/v1/addToList", {"email": ASHA, "listName": "Others"})

            data = (await field.body())["triggerData"]
            assert (data["email"], data["triggerSource"]) == (ASHA, "Manual Add To List")

    async def test_a_custom_event_brings_its_properties_as_text(self) -> None:
        """Source: RS-src tests, `"829"` and `"false"`."""
        async with open_field() as field:
            field.journey(EntryKind.EVENT, "Paid")
            properties = {"amount": 829, "is_gift": False}

            for name in ("Paid", "Seen"):
                event = {"email": ASHA, "event_name": name, "event_properties": properties}
                await field.mailmodo.call("POST", "/api/v1/addEvent", event)

            data = (await field.body())["triggerData"]
            assert data["triggerSource"] == "New Custom Event Trigger - Paid"
            assert data["eventProperty"] == {"amount": "829", "is_gift": "false"}

    async def test_a_property_changed_in_the_dashboard(self) -> None:
        async with open_field() as field:
            field.journey(EntryKind.PROPERTY, "first_name")

            field.mailmodo.fake.change_property(ASHA, name="plan", value="pro")
            field.mailmodo.fake.change_property(ASHA, name="first_name", value="Asha")

            data = (await field.body())["triggerData"]
            assert data["triggerSource"] == "Dashboard-change in property: first_name"

    async def test_the_contacts_of_a_file(self) -> None:
        async with open_field() as field:
            journey = field.journey(EntryKind.CSV)

            field.mailmodo.fake.journeys.add_people(journey, [ASHA], file="f-1")

            data = (await field.body())["triggerData"]
            assert (data["triggerSource"], data["triggerDetails"]) == ("CsvList", f"file:{journey.id}/f-1")

    @pytest.mark.proves("mailmodo", "journeyWebhook")
    async def test_an_answered_form_brings_the_answers(self) -> None:
        async with open_field() as field:
            field.journey(EntryKind.FORM, "nps")
            mail = await field.mailmodo.mail()
            element = field.mailmodo.element("score")

            await field.mailmodo.post(
                field.mailmodo.url(f"/api/v1/f/{field.mailmodo.form_id}"), data={"ref": mail.id, element: "9"}
            )

            data = (await field.body())["triggerData"]
            assert data["triggerSource"] == "form submission"
            submission = data["formSubmissionData"]
            assert (submission[element], submission["recipientEmail"]) == ("9", ASHA)
            assert (submission["submissionSource"], submission["next-step-id"]) == ("amp", "success")


class TestEmailCard:
    def cards(self, field: Field, until: ActivityName | None, within_s: float = 3600) -> tuple[Card, ...]:
        campaign = field.mailmodo.fake.state.add_campaign(
            name="welcome", template="NPS Survey", subject="Welcome, ${first_name}", trigger_app="Journey"
        )
        return SendEmail(campaign, until, within_s), field.card

    @pytest.mark.parametrize("part", ["amp", "html"])
    async def test_what_follows_an_open_says_in_which_part(self, part: str) -> None:
        async with open_field() as field:
            journey = field.journey(EntryKind.API, cards=self.cards(field, ActivityName.OPENED))
            await field.start(journey, data={"first_name": "Asha"})
            await asyncio.sleep(60)
            (mail,) = field.mailmodo.mails

            await field.mailmodo.get(field.mailmodo.url(f"/o/{mail.id}.gif?part={part}"))

            body = await field.body()
            assert mail.subject == "Welcome, Asha"
            assert body["eventData"] == {"type": part}
            assert body["lastCampaignEmailRef"] == mail.id
            assert body["lastCampaignId"] == field.mailmodo.fake.state.sends[mail.id].campaign.id

    async def test_who_does_not_open_in_time_leaves(self) -> None:
        async with open_field() as field:
            journey = field.journey(EntryKind.API, cards=self.cards(field, ActivityName.OPENED, 3600))

            await field.start(journey)
            await field.mailmodo.settle()

            assert field.bodies == []
            (ended,) = field.mailmodo.recorder.facts_of("journey_ended")
            (started,) = field.mailmodo.recorder.facts_of("journey_started")
            assert 3600 <= (ended.at - started.at).total_seconds() < 3601

    async def test_a_card_that_waits_for_nothing_lets_pass_at_once(self) -> None:
        async with open_field() as field:
            await field.start(field.journey(EntryKind.API, cards=self.cards(field, None)))

            body = await field.body()
            assert "eventData" not in body
            assert body["lastCampaignEmailRef"] == field.mailmodo.mails[0].id

    @pytest.mark.answers("mailmodo", 21)
    async def test_its_campaign_is_the_journeys_own(self) -> None:
        async with open_field() as field:
            self.cards(field, None)

            _, answer = await field.mailmodo.call("GET", "/api/v1/campaigns?type=TRIGGERED")
            row = answer["campaigns"][0]
            refused, _ = await field.mailmodo.call(
                "POST", f"/api/v1/triggerCampaign/{row['id']}", {"email": ASHA}
            )

            assert row["creationSource"] == "JOURNEY_CAMPAIGN"
            assert "triggerAppName" not in row
            assert refused == 400


class TestStartAndAbort:
    @pytest.mark.answers("mailmodo", 12)
    async def test_a_second_instance_wants_to_be_allowed(self) -> None:
        async with open_field() as field:
            journey = field.journey(EntryKind.API, cards=(Wait(3600), field.card))
            await field.start(journey)

            refused = await field.start(journey)
            allowed, _ = await field.start(journey, allowDuplicateEmail=True)
            await field.mailmodo.settle()
            again, _ = await field.start(journey)

            assert refused == (400, {"success": False, "message": "Tried executing journey and Failed"})
            assert (allowed, again) == (200, 200)

    @pytest.mark.parametrize("kind", [EntryKind.LIST, None])
    async def test_only_a_journey_that_begins_with_the_api_can_be_started(
        self, kind: EntryKind | None
    ) -> None:
        async with open_field() as field:
            journey = field.journey(kind or EntryKind.API, "VIPs")
            path = f"/hooks/start/{journey.id if kind else '7b2ba29e-1ea4-4b26-a5a1-3e9ef3cc11c4'}"

            outcome = await field.mailmodo.call("POST", path, {"email": ASHA})

            assert outcome == (400, {"success": False, "message": "Tried executing journey and Failed"})

    @pytest.mark.parametrize("by", ["instanceId", "email"])
    @pytest.mark.proves("mailmodo", "abortJourney")
    async def test_who_is_thrown_out_passes_no_further_card(self, by: str) -> None:
        async with open_field() as field:
            journey = field.journey(EntryKind.API, cards=(Wait(3600), field.card))
            _, started = await field.start(journey)
            named = {"instanceId": started["ref"], "email": ASHA}

            status, answer = await field.abort(journey, reason="asked to", **{by: named[by]})
            await asyncio.sleep(7200)

            assert (status, answer["success"]) == (200, True)
            assert field.bodies == []
            (fact,) = field.mailmodo.recorder.facts_of("journey_aborted")
            assert (fact.subject, fact.details["reason"]) == (ASHA, "asked to")

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"email": "nobody"}, "The provided email is not a valid email id"),
            ({}, "The provided email is not a valid email id"),
            ({"email": ASHA}, "No running journey found"),
            ({"instanceId": "7b2ba29e-1ea4-4b26-a5a1-3e9ef3cc11c4"}, "No running journey found"),
        ],
    )
    async def test_nothing_to_abort_is_refused(self, fields: dict[str, str], message: str) -> None:
        async with open_field() as field:
            outcome = await field.abort(field.journey(EntryKind.API), **fields)

            assert outcome == (400, {"success": False, "status": "error", "message": message})

    async def test_both_want_the_key(self) -> None:
        async with open_field() as field:
            journey = field.journey(EntryKind.API)

            for path in ("start", "abort"):
                async with field.mailmodo.stage.session.post(
                    field.mailmodo.url(f"/hooks/{path}/{journey.id}"), json={"email": ASHA}
                ) as response:
                    assert response.status == 401
