from __future__ import annotations

import re

import pytest

from tests.fakes.clevertap.account import Account, account, event, person


def profiles(ct: Account) -> int:
    return len(ct.fake.state.profiles)


async def test_unknown_identifier_makes_a_profile_with_an_object_id_of_the_server() -> None:
    async with account() as ct:
        await ct.upload(event(identity="hello@mailmodo.com"))

        [fact] = ct.facts("profile_stored")
        assert fact.subject == "hello@mailmodo.com"
        assert fact.details["is_new"] is True
        assert re.fullmatch("[0-9a-f]{32}", fact.details["object_id"])
        ct.stage.recorder.check()


@pytest.mark.answers("clevertap", 9)
async def test_identity_finds_a_profile_by_its_email_property_without_case() -> None:
    async with account() as ct:
        await ct.upload(
            {"type": "profile", "identity": "customer-1", "profileData": {"Email": "Asha@Example.com"}}
        )
        await ct.upload(event(identity="asha@example.COM"))

        assert profiles(ct) == 1
        assert (await ct.profile("asha@example.com"))["identity"] == "customer-1"
        ct.stage.recorder.check()


@pytest.mark.answers("clevertap", 9)
async def test_object_id_comes_before_identity() -> None:
    async with account() as ct:
        await ct.upload({"type": "profile", "objectId": "__a1", "profileData": {"Email": "asha@example.com"}})
        await ct.upload(person("ravi@example.com"))
        await ct.upload(event(objectId="__a1", identity="ravi@example.com"))

        assert [fact.subject for fact in ct.facts("event_stored")] == ["asha@example.com"]
        assert ct.facts("event_stored")[0].details["addressed_by"] == {"kind": "objectId", "value": "__a1"}


@pytest.mark.answers("clevertap", 9)
async def test_facebook_and_google_ids_find_their_profile() -> None:
    async with account() as ct:
        await ct.upload({"type": "profile", "FBID": "f1", "profileData": {"Email": "asha@example.com"}})
        await ct.upload({"type": "profile", "GPID": "g1", "profileData": {"Email": "ravi@example.com"}})
        await ct.upload({"type": "event", "GPID": "g1", "evtName": "A", "evtData": {}})
        await ct.upload({"type": "event", "FBID": "f1", "evtName": "A", "evtData": {}})

        assert profiles(ct) == 2
        assert [fact.subject for fact in ct.facts("event_stored")] == ["ravi@example.com", "asha@example.com"]


@pytest.mark.answers("clevertap", 9)
async def test_inner_identity_is_bound_to_the_device_named_above() -> None:
    async with account() as ct:
        await ct.upload(event(identity="", objectId="-ios1"))
        await ct.upload({"type": "profile", "objectId": "-ios1", "profileData": {"identity": "customer-1"}})
        await ct.upload(event(identity="customer-1"))

        assert profiles(ct) == 1
        assert ct.fake.state.profiles[0].identities == ["customer-1"]


@pytest.mark.answers("clevertap", 9)
async def test_inner_identity_adds_a_second_identity_and_the_most_recent_is_shown() -> None:
    async with account() as ct:
        await ct.upload(person(identity="customer-1"))

        record = await ct.profile("asha@example.com")
        assert record["identity"] == "customer-1"
        assert ct.fake.state.profiles[0].identities == ["asha@example.com", "customer-1"]


async def test_same_identity_on_two_devices_makes_one_profile() -> None:
    async with account() as ct:
        await ct.upload(
            {"type": "profile", "objectId": "__a1", "profileData": {"identity": "c1", "city": "Pune"}}
        )
        await ct.upload({"type": "event", "objectId": "-i1", "evtName": "A", "evtData": {}})
        await ct.upload(
            {"type": "profile", "objectId": "-i1", "profileData": {"identity": "c1", "Name": "Asha"}}
        )
        await ct.upload({"type": "event", "objectId": "-i1", "evtName": "A", "evtData": {}})

        _, answer = await ct.call("GET", "/1/profile.json?identity=c1")
        record = answer["record"]
        assert profiles(ct) == 1
        assert {device["objectId"]: device["platform"] for device in record["platformInfo"]} == {
            "__a1": "Android",
            "-i1": "iOS",
        }
        assert record["events"]["A"]["count"] == 2
        assert (record["name"], record["profileData"]) == ("Asha", {"city": "Pune"})
        ct.stage.recorder.check()


async def test_merging_two_identified_profiles_raises_an_identity_error() -> None:
    async with account() as ct:
        await ct.upload(person("one@example.com"), person("two@example.com"))
        await ct.upload(person("one@example.com", identity="two@example.com"))

        assert profiles(ct) == 1
        assert [fact.details["name"] for fact in ct.facts("event_stored")] == ["Identity Error"]
        one = ct.fake.state.profile_by_email("one@example.com")
        assert one is not None
        assert one is ct.fake.state.profile_by_identity("two@example.com")


async def test_changed_email_is_found_under_the_new_one_only() -> None:
    async with account() as ct:
        await ct.upload({"type": "profile", "identity": "c1", "profileData": {"Email": "old@example.com"}})
        await ct.upload({"type": "profile", "identity": "c1", "profileData": {"Email": "new@example.com"}})

        assert await ct.profile("old@example.com") is None
        assert (await ct.profile("new@example.com"))["identity"] == "c1"


@pytest.mark.bounds(
    "clevertap", "6: Up to 50 devices per profile; a 51st is stored apart without the identity"
)
async def test_fifty_first_device_stands_apart_without_the_identity() -> None:
    async with account() as ct:
        await ct.upload(*(person(objectId=None) | {"objectId": f"__{n}"} for n in range(51)))

        assert [len(profile.devices) for profile in ct.fake.state.profiles] == [50, 1]
        assert ct.fake.state.profiles[1].identities == []


async def test_phone_number_is_an_identity_like_any_other() -> None:
    async with account() as ct:
        await ct.upload(event(identity="+919876543210"))
        await ct.upload(
            {"type": "profile", "identity": "+919876543210", "profileData": {"Email": "asha@example.com"}}
        )
        await ct.upload(person(identity="customer-1"), event(identity="customer-1"))

        assert profiles(ct) == 1
        assert ct.fake.state.profiles[0].identities == ["+919876543210", "customer-1"]
        assert (await ct.profile("asha@example.com"))["events"]["MM Email Opened"]["count"] == 2


async def test_each_identifier_leads_to_the_same_profile_once_it_was_named_beside_another() -> None:
    async with account() as ct:
        await ct.upload(event(FBID="f1", GPID="g1", objectId="__a1"))
        await ct.upload(
            *(
                {"type": "event", key: value, "evtName": "A", "evtData": {}}
                for key, value in (
                    ("FBID", "f1"),
                    ("GPID", "g1"),
                    ("objectId", "__a1"),
                    ("identity", "asha@example.com"),
                )
            )
        )

        assert profiles(ct) == 1
        assert len(ct.fake.state.profiles[0].events) == 5


@pytest.mark.parametrize("prefix", ["_w_", "__h", "__", "-", "~", ""])
async def test_object_ids_are_kept_in_lower_case(prefix: str) -> None:
    async with account() as ct:
        own = f"{prefix}Asha(1)"
        await ct.upload({"type": "profile", "objectId": own, "profileData": {"Email": "asha@example.com"}})
        await ct.upload(event(identity="", objectId=own.lower()), event(identity="", objectId=own.upper()))

        record = await ct.profile("asha@example.com")
        assert [device["objectId"] for device in record["platformInfo"]] == [own.lower()]
        assert record["events"]["MM Email Opened"]["count"] == 2
        for spelled in (own, own.lower()):
            _, answer = await ct.call("GET", f"/1/profile.json?objectId={spelled}")
            assert answer["record"]["email"] == "asha@example.com"
        assert (await ct.call("POST", "/1/delete/profiles.json", body={"guid": own}))[0] == 200
        await ct.settle(48 * 3600 + 1)
        assert profiles(ct) == 0
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize("objectId", [[], {"a": 1}, True, False, 1.5, "  "])
async def test_object_id_that_is_no_text_is_526_whoever_else_is_named(objectId: object) -> None:  # noqa: N803 - as on the wire
    async with account() as ct:
        assert (await ct.refusal(event(objectId=objectId)))[0] == 526
        assert (await ct.refusal(event(identity="", objectId=objectId)))[0] == 526
        token = {"type": "token", "objectId": objectId, "tokenData": {"id": "t", "type": "fcm"}}
        assert (await ct.refusal(token))[0] == 530
        assert (await ct.upload(event(objectId=None), event(objectId="")))["processed"] == 2


@pytest.mark.bounds("clevertap", "6: Up to 50 devices per profile")
async def test_a_merge_puts_no_51st_device_on_a_profile() -> None:
    async with account() as ct:
        for number in range(49):
            await ct.upload(
                {"type": "profile", "identity": "many", "objectId": f"__d{number}", "profileData": {}}
            )
        await ct.upload({"type": "profile", "objectId": "__x", "profileData": {"Name": "X"}})
        await ct.upload({"type": "profile", "objectId": "__x", "profileData": {"identity": "many"}})
        await ct.upload({"type": "profile", "objectId": "__y", "profileData": {"Name": "Y"}})
        await ct.upload({"type": "profile", "objectId": "__y", "profileData": {"identity": "many", "Age": 3}})

        _, answer = await ct.call("GET", "/1/profile.json?identity=many")
        assert len(answer["record"]["platformInfo"]) == 50
        _, answer = await ct.call("GET", "/1/profile.json?objectId=__y")
        assert "identity" not in answer["record"]
        assert answer["record"]["profileData"] == {"Age": 3}
        ct.stage.recorder.check(sent=False)
