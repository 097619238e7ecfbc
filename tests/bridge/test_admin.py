"""What an operator asks of a running bridge."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.admin import ADMIN_ROUTES, _Misasked, _selection
from bridge.desk import Selection
from bridge.store import State
from contracts import Judge, load_contract
from tests.bridge.rig import activity, clevertap_answer, rig
from tests.bridge.test_delivery import cut_off

if TYPE_CHECKING:
    from tests.bridge.rig import Rig


async def dead_and_uncertain(made: Rig) -> None:
    """Leave three dead triggers, one dead upload and one uncertain trigger."""
    made.mailmodo.script += [404, 404, 410, cut_off]
    made.clevertap.script.append(clevertap_answer(1, (1, 512)))
    for number in range(4):
        await made.trigger(f"camp-{number}", email=f"p{number}@example.com")
        await made.settle()
    await made.activity(activity())
    await made.settle()


async def ids(made: Rig, *states: State) -> list[int]:
    return [each.seq for each in await made.bridge._store.deliveries(*states)]


PATHS = [
    (path.replace("{deliveryId}", "1"), None if method == "GET" else {"all": True, "as": "retry"})
    for method, path in ADMIN_ROUTES.values()
]


@pytest.mark.parametrize(("path", "body"), PATHS)
async def test_nothing_is_told_or_done_without_the_token(path: str, body: Any):
    async with rig() as made:
        for token in ("", "wrong", "an-admin-token-of-a-tes", "pässwörter"):
            status, answer = await made.ask(path, body, token=token)

            assert status == 401
            assert answer == {"message": "wanted the admin token as bearer"}


@pytest.mark.parametrize(("path", "body"), PATHS)
async def test_without_a_token_in_the_settings_there_is_no_admin_api(path: str, body: Any):
    async with rig(admin_token="") as made:
        for token in ("", "an-admin-token-of-a-test"):
            assert (await made.ask(path, body, token=token))[0] == 404


async def test_status_tells_of_sources_destinations_and_counts():
    async with rig() as made:
        await dead_and_uncertain(made)
        made.mailmodo.script.append(401)
        await made.trigger(email="asha@example.com")
        await made.trigger(email="asha@example.com")
        await made.post("/sources/mailmodo/wrong", activity())
        await made.settle(seconds=5)

        status, answer = await made.ask("/admin/status")

        assert status == 200
        assert answer["state"] == "taking"
        assert answer["balanced"] is True
        assert answer["sources"]["clevertap"] == {"on": True, "stored": 5, "known": 1, "refused": 0}
        assert answer["sources"]["mailmodo"] == {"on": True, "stored": 1, "known": 0, "refused": 1}
        mailmodo = answer["destinations"]["mailmodo"]
        assert (mailmodo["state"], mailmodo["reason"]) == ("paused", "http_401")
        assert (mailmodo["pending"], mailmodo["dead"], mailmodo["uncertain"]) == (1, 3, 1)
        assert mailmodo["oldest_pending_s"] == pytest.approx(5, abs=0.1)
        assert answer["destinations"]["segment/mailjet"]["state"] == "open"


async def test_a_destination_that_was_turned_off_still_shows_what_waits_for_it():
    async with rig(request_timeout_s=1) as made:
        made.mailmodo.script += [503] * 50
        await made.trigger(email="asha@example.com")
        await made.settle()
        await made.bridge.reload(rebuilt(made, mailmodo_api_key=""))

        _status, answer = await made.ask("/admin/status")

        assert answer["destinations"]["mailmodo"]["state"] == "off"
        assert answer["destinations"]["mailmodo"]["pending"] == 1


def rebuilt(made: Rig, **changes: Any) -> Any:
    return replace(made.bridge.settings, **changes)


async def test_dead_deliveries_are_listed_a_page_at_a_time_and_by_destination_and_reason():
    async with rig() as made:
        await dead_and_uncertain(made)

        _status, first = await made.ask("/admin/deliveries?state=dead&limit=3")
        _status, second = await made.ask(f"/admin/deliveries?state=dead&limit=3&after={first['next_after']}")
        _status, gone = await made.ask("/admin/deliveries?state=dead&state=uncertain&reason=http_410")
        _status, upload = await made.ask("/admin/deliveries?destination=clevertap")

        listed = first["deliveries"] + second["deliveries"]
        assert [each["id"] for each in listed] == await ids(made, State.DEAD)
        assert second["next_after"] is None
        assert [each["reason"][:8] for each in gone["deliveries"]] == ["http_410"]
        assert [each["destination"] for each in upload["deliveries"]] == ["clevertap"]
        assert "@" not in json.dumps(listed)


async def test_a_delivery_is_shown_with_what_it_sends_and_where_it_comes_from():
    async with rig() as made:
        await dead_and_uncertain(made)
        (dead, *_others) = await ids(made, State.DEAD)

        status, answer = await made.ask(f"/admin/deliveries/{dead}")

        assert status == 200
        assert answer["body"]["email"] == "p0@example.com"
        assert answer["webhook"] == {"email": "p0@example.com"}
        assert answer["where"] == "camp-0"
        assert (await made.ask("/admin/deliveries/999999"))[0] == 404


async def test_what_is_requeued_is_sent_at_once_with_a_new_age():
    async with rig() as made:
        await dead_and_uncertain(made)
        await made.settle(seconds=100_000)
        before = len(made.mailmodo.requests)

        status, answer = await made.ask("/admin/requeue", {"destination": "mailmodo", "reason": "http_404"})
        await made.settle()

        assert (status, answer) == (200, {"moved": 2, "left": []})
        sent = sorted(request.body["email"] for request in made.mailmodo.requests[before:])
        assert sent == ["p0@example.com", "p1@example.com"]
        assert (await made.settle()).dead == 2


async def test_only_what_is_dead_is_requeued_and_the_rest_is_named():
    async with rig() as made:
        await dead_and_uncertain(made)
        (uncertain,) = await ids(made, State.UNCERTAIN)
        dead = await ids(made, State.DEAD)

        _status, answer = await made.ask("/admin/requeue", {"ids": [dead[0], uncertain, 999]})

        assert answer == {"moved": 1, "left": [uncertain, 999]}


async def test_what_is_discarded_counts_as_filtered_and_the_books_balance():
    async with rig() as made:
        await dead_and_uncertain(made)

        _status, answer = await made.ask("/admin/discard", {"all": True})
        counts = await made.settle()

        assert answer == {"moved": 4, "left": []}
        assert (counts.dead, counts.filtered, counts.uncertain) == (0, 5, 1)  # one activity had no identify


@pytest.mark.parametrize(
    ("resolution", "state", "emails"),
    [("delivered", State.DELIVERED, 0), ("retry", State.DELIVERED, 1), ("discarded", State.FILTERED, 0)],
)
async def test_an_uncertain_trigger_is_sent_again_only_if_a_person_says_so(
    resolution: str, state: State, emails: int
):
    async with rig() as made:
        await dead_and_uncertain(made)
        (uncertain,) = await ids(made, State.UNCERTAIN)
        before = len(made.mailmodo.requests)

        _status, answer = await made.ask("/admin/resolve", {"ids": [uncertain], "as": resolution})
        await made.settle()

        assert answer == {"moved": 1, "left": []}
        assert uncertain in await ids(made, state)
        assert len(made.mailmodo.requests) - before == emails


async def test_a_replay_sends_what_a_mended_mapping_can_read(monkeypatch: pytest.MonkeyPatch):
    def broken(*_args: object, **_more: object) -> None:
        raise ZeroDivisionError

    async with rig() as made:
        with monkeypatch.context() as patch:
            patch.setattr("bridge.destinations.clevertap.choose_profile", broken)
            await made.activity(activity())
            await made.activity(b"{")
            assert (await made.settle()).quarantined == 2

        _status, answer = await made.ask("/admin/replay", {"all": True})
        counts = await made.settle()

        assert answer["replayed"] == 2
        assert answer["still_quarantined"] == 1
        assert (counts.quarantined, counts.delivered) == (1, 1)
        assert len(made.clevertap.records) == 1


async def test_a_replay_names_what_is_not_quarantined():
    async with rig() as made:
        await dead_and_uncertain(made)

        _status, answer = await made.ask("/admin/replay", {"ids": [1, 77]})

        assert answer == {"replayed": 0, "outcomes": 0, "left": [1, 77], "still_quarantined": 0}


async def test_conserve_counts_and_looks_for_damage():
    async with rig() as made:
        await dead_and_uncertain(made)

        _status, answer = await made.ask("/admin/conserve")

        assert answer["balanced"] is True
        assert answer["damage"] == []

        made.bridge._store._open.execute("UPDATE inbox SET outcomes = outcomes + 1 WHERE seq = 1")  # type: ignore[attr-defined]
        _status, answer = await made.ask("/admin/conserve")

        assert any("outcomes" in each for each in answer["damage"])


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/admin/requeue", b"{", "found no JSON"),
        ("/admin/requeue", b"[]", "found list, wanted an object of JSON"),
        ("/admin/requeue", {}, '"all": true'),
        ("/admin/requeue", {"all": False}, '"all": true'),
        ("/admin/requeue", {"ids": ["1"]}, "wanted a list of numbers"),
        ("/admin/requeue", {"ids": [True]}, "wanted a list of numbers"),
        ("/admin/requeue", {"id": [1]}, "id: found a name that is not known here"),
        ("/admin/requeue", {"reason": 404}, "reason: found 404, wanted a text"),
        (
            "/admin/discard",
            {"all": True, "states": ["broken"]},
            "'broken' is not a valid State, wanted one of",
        ),
        ("/admin/discard", {"all": True, "states": "dead"}, "wanted a list of states"),
        ("/admin/resolve", {"all": True}, "as: found None, wanted delivered or retry or discarded"),
        ("/admin/deliveries?state=broken", None, "wanted one of pending"),
        ("/admin/deliveries?limit=0", None, "limit: found '0', wanted a whole number from 1 on"),
        ("/admin/deliveries?after=x", None, "after: found 'x'"),
        ("/admin/deliveries/x", None, "deliveryId: found 'x'"),
    ],
)
async def test_a_misasked_question_says_what_was_found_and_wanted(path: str, body: Any, message: str):
    async with rig() as made:
        await dead_and_uncertain(made)

        status, answer = await made.ask(path, body)

        assert status == 400
        assert message in answer["message"]
        assert (await made.settle()).dead == 4


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab@", max_size=3),
    lambda inner: st.lists(inner, max_size=2),
)


@given(st.dictionaries(st.sampled_from(["ids", "all", "destination", "reason"]), _JSON))
def test_a_selection_is_taken_only_if_its_contract_takes_it(body: dict[str, Any]):
    contract = load_contract("bridge")
    found = Judge(contract).request(
        contract.operation("adminRequeue"),
        query={},
        content_type="application/json",
        body=json.dumps(body).encode(),
    )

    try:
        selection = _selection(body)
    except _Misasked:
        return

    assert isinstance(selection, Selection)
    if body.get("ids") is not None:
        assert not [each for each in found if "ids" in each.path]
    else:
        assert found == () or "ids" in body or "all" in body


async def test_a_stopped_bridge_answers_503():
    async with rig() as made:
        await made.bridge.stop()

        assert (await made.ask("/admin/status"))[0] == 503


async def test_a_store_that_fails_is_503_for_operators_too():
    async with rig() as made:
        await made.bridge._store.close()

        assert (await made.ask("/admin/conserve"))[0] == 503
