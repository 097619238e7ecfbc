"""Fault rules at a real fake (Mailmodo), on both networks: what callers and receivers see, and what the journal says."""

from __future__ import annotations

import asyncio
import errno
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest

from contracts import load_contract
from fakes.kit import (
    ACTOR_HEADER,
    Cut,
    Delay,
    Down,
    Duplicate,
    FaultInvalid,
    FaultRule,
    Faults,
    RateLimit,
    Reorder,
    Reset,
    Status,
    UnknownFault,
    WrongCredentials,
)
from fakes.mailmodo import FakeMailmodo, MailmodoSettings
from fakes.mailmodo.personalisation import Values
from tests.fakes.mailmodo.account import SURVEY
from tests.support.fakes import START, Receiver, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from fakes.kit import Fault
    from fakes.mailmodo import Campaign
    from tests.support.fakes import Stage

pytestmark = pytest.mark.usefixtures("arm")


@pytest.fixture(params=["virtual", "loopback"])
def arm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Scene:
    """A Mailmodo account whose webhooks go to a receiver of the test's own."""

    def __init__(self, on_stage: Stage, fake: FakeMailmodo, receiver: Receiver) -> None:
        self.stage = on_stage
        self.fake = fake
        self.receiver = receiver
        fake.state.add_template(SURVEY)
        self.campaign: Campaign = fake.state.add_campaign(name="nps", template=SURVEY.name, subject="Hi")
        fake.set_activity_webhook(f"{on_stage.url('receiver.test')}/hook")

    async def trigger(self, email: str = "ada@example.com", **headers: str) -> tuple[int, dict[str, Any]]:
        url = f"{self.stage.url('api.mailmodo.com')}/api/v1/triggerCampaign/{self.campaign.id}"
        marked = {"mmApiKey": self.fake.settings.api_key, **headers}
        async with self.stage.session.post(url, json={"email": email}, headers=marked) as response:
            text = await response.text()
            return response.status, {"headers": dict(response.headers), "text": text}

    @property
    def triggered(self) -> int:
        return len(self.stage.recorder.facts_of("campaign_triggered"))

    def faults_of(self, operation: str) -> list[str]:
        return [one.fault for one in self.stage.recorder.exchanges if one.operation == operation]

    def tell_when_held(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have whoever waits look again when a webhook comes upon an outage."""
        original = Down.send

        async def send(fault: Down, attempt: Any) -> Any:
            self.stage.recorder.pulse.beat()
            return await original(fault, attempt)

        monkeypatch.setattr(Down, "send", send)

    async def until(self, condition: Any) -> None:
        await self.stage.recorder.pulse.until(condition)


@asynccontextmanager
async def scene(settings: MailmodoSettings | None = None) -> AsyncIterator[Scene]:
    made: list[FakeMailmodo] = []
    receiver = Receiver()

    def make(surroundings: Any) -> FakeMailmodo:
        made.append(FakeMailmodo(surroundings, settings or MailmodoSettings()))
        return made[-1]

    async with stage(make, receiver=receiver) as on_stage:
        yield Scene(on_stage, made[0], receiver)


async def test_a_status_comes_instead_of_the_work() -> None:
    async with scene() as on:
        with on.fake.faults.install(FaultRule(fault=Status(502, retry_after_s=1.2))):
            status, answer = await on.trigger()
        assert (status, answer["headers"]["Retry-After"], on.triggered) == (502, "2", 0)

        assert (await on.trigger())[0] == 200
        assert on.triggered == 1
        assert on.faults_of("triggerCampaign") == ["status 502", ""]
        on.stage.recorder.check()


async def test_a_status_may_come_after_the_work() -> None:
    async with scene() as on:
        on.fake.faults.install(FaultRule(fault=Status(504, is_handled=True), on=("triggerCampaign",)))

        assert (await on.trigger())[0] == 504
        assert on.triggered == 1


@pytest.mark.parametrize("is_handled", [False, True])
async def test_a_connection_breaks_before_or_after_the_work(*, is_handled: bool) -> None:
    async with scene() as on:
        on.fake.faults.install(FaultRule(fault=Reset(is_handled=is_handled), on=("triggerCampaign",), last=1))

        with pytest.raises(aiohttp.ClientOSError) as seen:
            await on.trigger()

        assert seen.value.errno == errno.ECONNRESET
        assert on.triggered == int(is_handled)
        broken = on.stage.recorder.exchanges[0]
        assert (broken.status, broken.error) == (None, "reset")
        assert broken.fault == ("reset after the work" if is_handled else "reset")
        assert (await on.trigger())[0] == 200
        on.stage.recorder.check()


async def test_a_body_is_cut_after_the_work() -> None:
    async with scene() as on:
        on.fake.faults.install(FaultRule(fault=Cut(0.5), on=("triggerCampaign",), last=1))

        with pytest.raises(aiohttp.ClientPayloadError):
            await on.trigger()

        assert on.triggered == 1
        assert (on.stage.recorder.exchanges[0].status, on.stage.recorder.exchanges[0].error) == (200, "reset")
        assert (await on.trigger())[0] == 200


async def test_a_limit_is_told_in_the_vendors_words_with_the_time_to_wait() -> None:
    async with scene() as on:
        on.fake.faults.install(FaultRule(fault=RateLimit(30), on=("triggerCampaign",)))

        status, answer = await on.trigger()

        assert (status, answer["headers"]["Retry-After"]) == (429, "30")
        assert json.loads(answer["text"]) == {"success": False, "message": "Too many requests"}
        assert on.triggered == 0
        on.stage.recorder.check()


async def test_wrong_credentials_are_refused_by_the_vendors_own_check() -> None:
    async with scene() as on:
        on.fake.faults.install(FaultRule(fault=WrongCredentials()))

        status, answer = await on.trigger()

        assert (status, json.loads(answer["text"])["message"]) == (401, "Invalid mmApiKey")
        async with on.stage.session.post(
            on.fake.trigger_url(on.campaign), json={"email": "a@b.example"}
        ) as open_url:
            assert open_url.status == 200  # wants no key, so no key can be wrong
        on.stage.recorder.check()


async def test_a_call_is_carried_out_twice() -> None:
    async with scene() as on:
        on.fake.faults.install(FaultRule(fault=Duplicate(), on=("triggerCampaign",)))

        assert (await on.trigger())[0] == 200
        await on.until(lambda: on.triggered == 2)

        first, second = (one for one in on.stage.recorder.exchanges if one.operation == "triggerCampaign")
        assert first.id != second.id
        assert first.request_body == second.request_body
        on.stage.recorder.check()


async def test_the_second_call_overtakes_the_first() -> None:
    async with scene() as on:
        held = on.fake.faults.install(FaultRule(fault=Reorder(60), on=("triggerCampaign",)))

        first = asyncio.ensure_future(on.trigger("first@example.com"))
        await on.until(lambda: held.fitted)
        second = asyncio.ensure_future(on.trigger("second@example.com"))
        await asyncio.gather(first, second)

        told = [fact.subject for fact in on.stage.recorder.facts_of("campaign_triggered")]
        assert told == ["second@example.com", "first@example.com"]


async def test_a_call_that_nothing_overtakes_goes_on() -> None:
    async with scene() as on:
        on.fake.faults.install(FaultRule(fault=Reorder(0.05), on=("triggerCampaign",)))

        assert (await on.trigger())[0] == 200
        assert (await on.trigger())[0] == 200


@pytest.mark.parametrize("is_handled", [False, True])
async def test_a_client_that_gives_up_waiting_does_not_stop_the_vendor(*, is_handled: bool) -> None:
    async with scene() as on:
        rule = FaultRule(fault=Delay(0.2, is_handled=is_handled), on=("triggerCampaign",))
        delayed = on.fake.faults.install(rule)

        client = asyncio.ensure_future(on.trigger())
        await on.until(lambda: on.triggered == 1 if is_handled else delayed.struck)
        assert on.triggered == int(is_handled)
        client.cancel()
        with pytest.raises(asyncio.CancelledError):
            await client

        await on.until(lambda: on.triggered == 1)


async def test_an_outage_answers_calls_and_holds_webhooks_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene() as on:
        on.tell_when_held(monkeypatch)
        with on.fake.faults.install(FaultRule(fault=Down())):
            assert (await on.trigger())[0] == 503
        with on.fake.faults.install(FaultRule(fault=Down(), on=("webhooks",))):
            assert (await on.trigger())[0] == 200
            await on.until(lambda: on.fake.faults.installed[0].struck)
            async with on.stage.session.get(f"{on.stage.url('receiver.test')}/probe"):
                assert [path for _, path, _, _ in on.receiver.requests] == ["/probe"]

        await on.until(lambda: len(on.receiver.requests) == 2)
        await on.until(lambda: on.faults_of("activity") == ["down"])


async def test_connections_are_refused_for_as_long_as_a_rule_is_there() -> None:
    async with scene() as on:
        assert (await on.trigger())[0] == 200  # and its connection stays open
        with on.fake.faults.install(FaultRule(fault=Down(connections="refused"))):
            with pytest.raises(aiohttp.ClientConnectionError):
                await on.trigger()  # by the connection that was cut, if the client has not noticed
            for _ in range(3):
                with pytest.raises(aiohttp.ClientConnectorError) as refused:
                    await on.trigger()
                assert isinstance(refused.value.os_error, ConnectionRefusedError)
            with (
                on.fake.faults.install(FaultRule(fault=Down(connections="refused"))),
                pytest.raises(aiohttp.ClientConnectorError),
            ):
                await on.trigger()
            with pytest.raises(aiohttp.ClientConnectorError):
                await on.trigger()  # the other one is still there
        before = on.triggered

        assert [(await on.trigger())[0] for _ in range(3)] == [200] * 3

        assert (before, on.triggered) == (1, 4)
        assert on.faults_of("triggerCampaign") == [""] * 4
        await on.until(lambda: len(on.receiver.requests) == 4)
        on.stage.recorder.check()


async def test_an_outage_cuts_calls_under_way_and_holds_webhooks_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene() as on:
        on.tell_when_held(monkeypatch)
        on.fake.faults.install(FaultRule(fault=Delay(60, is_handled=False), on=("triggerCampaign",)))
        call = asyncio.ensure_future(on.trigger())
        await on.until(lambda: on.fake.faults.installed[0].struck)
        on.fake.faults.clear()

        with on.fake.faults.install(FaultRule(fault=Down(connections="refused"))):
            with pytest.raises(aiohttp.ClientConnectionError):
                await call
            send = on.fake.state.sends
            on.fake._sending.write(on.campaign, on.fake.state.store_contact("b@x.example", {})[0], Values())
            await on.fake._sending.deliver(next(iter(send.values())))
            await on.until(lambda: on.fake.faults.installed[0].struck)
            async with on.stage.session.get(f"{on.stage.url('receiver.test')}/probe"):
                assert [path for _, path, _, _ in on.receiver.requests] == ["/probe"]

        await on.until(lambda: on.faults_of("activity") == ["down, connections refused"])
        assert len(on.receiver.requests) == 2


async def test_connections_are_refused_from_when_to_when_a_rule_says(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene() as on:
        moved: list[tuple[str, datetime]] = []
        for name in ("shut", "reopen"):
            original = getattr(on.stage.network, name)

            def move(host: str, original: Any = original, name: str = name) -> None:
                original(host)
                moved.append((name, on.stage.now()))
                on.stage.recorder.pulse.beat()

            monkeypatch.setattr(on.stage.network, name, move)
        starts_at = on.stage.now() + timedelta(seconds=0.05)
        ends_at = on.stage.now() + timedelta(seconds=0.2)
        rule = FaultRule(fault=Down(connections="refused"), starts_at=starts_at, ends_at=ends_at)
        on.fake.faults.install(rule)

        assert (await on.trigger())[0] == 200
        await on.until(lambda: moved)
        with pytest.raises(aiohttp.ClientConnectionError):
            await on.trigger()
        await on.until(lambda: len(moved) == 2)
        assert (await on.trigger())[0] == 200

        assert [name for name, _ in moved] == ["shut", "reopen"]
        assert starts_at <= moved[0][1] < ends_at <= moved[1][1]


async def test_connections_may_be_reset_by_a_vendor_that_is_down() -> None:
    async with scene() as on:
        on.fake.faults.install(FaultRule(fault=Down(connections="reset"), on=("triggerCampaign",), last=1))

        with pytest.raises(aiohttp.ClientOSError) as broken:
            await on.trigger()

        assert broken.value.errno == errno.ECONNRESET
        assert on.faults_of("triggerCampaign") == ["down, connections reset"]
        assert (await on.trigger())[0] == 200
        assert on.triggered == 1


async def test_connections_are_let_in_again_when_the_fake_is_stopped() -> None:
    async with scene() as on:
        in_a_minute = on.stage.now() + timedelta(minutes=1)
        on.fake.faults.install(FaultRule(fault=Down(connections="refused")))
        on.fake.faults.install(FaultRule(fault=Down(connections="refused"), starts_at=in_a_minute))
        await on.fake.stop()

        with pytest.raises(aiohttp.ClientOSError) as broken:
            await on.trigger()

        assert broken.value.errno == errno.ECONNRESET  # it was taken, at least


async def test_an_outage_ends_by_itself() -> None:
    async with scene() as on:
        until = on.stage.now() + timedelta(seconds=0.1)
        on.fake.faults.install(FaultRule(fault=Down(), on=("webhooks",), ends_at=until))
        assert (await on.trigger())[0] == 200

        await on.until(lambda: on.receiver.requests)

        assert on.stage.now() >= until


@pytest.mark.parametrize(
    ("fault", "arrive", "faults"),
    [
        (Duplicate(), 2, ["duplicate", "duplicate"]),
        (Delay(0.05), 1, ["delay 0.05 s"]),
        (Reorder(0.05), 1, ["reorder"]),
    ],
)
async def test_webhooks_come_twice_or_late(fault: Fault, arrive: int, faults: list[str]) -> None:
    async with scene() as on:
        on.fake.faults.install(FaultRule(fault=fault, on=("activity",)))

        await on.trigger()

        await on.until(lambda: on.faults_of("activity") == faults)
        assert len(on.receiver.requests) == arrive
        assert len({body for _, _, _, body in on.receiver.requests}) == 1
        on.stage.recorder.check()


@pytest.mark.parametrize(
    ("fault", "arrive"),
    [(Reset(), 0), (Reset(is_handled=True), 1), (Status(502), 0), (Status(502, is_handled=True), 1)],
)
async def test_a_webhook_whose_try_failed_is_tried_again(fault: Fault, arrive: int) -> None:
    async with scene(MailmodoSettings(webhook_first_wait_s=0)) as on:
        on.fake.faults.install(FaultRule(fault=fault, on=("activity",), last=1))

        await on.trigger()

        await on.until(lambda: len(on.faults_of("activity")) == 2)
        tries = [one for one in on.stage.recorder.exchanges if one.operation == "activity"]
        assert [one.attempt for one in tries] == [1, 2]
        assert [bool(one.fault) for one in tries] == [True, False]
        assert len(on.receiver.requests) == arrive + 1


async def test_rules_pick_by_caller_number_and_share() -> None:
    async with scene() as on:
        on.fake.faults.install(FaultRule(fault=Status(500), caller="app"))
        on.fake.faults.install(FaultRule(fault=Status(501), caller="people"))
        numbered = on.fake.faults.install(FaultRule(fault=Status(502), on=("calls",), first=2, last=3))

        assert (await on.trigger(**{ACTOR_HEADER: "app"}))[0] == 500
        assert (await on.trigger(**{ACTOR_HEADER: "ada@example.com"}))[0] == 501
        assert [(await on.trigger())[0] for _ in range(4)] == [200, 502, 502, 200]
        assert (numbered.fitted, numbered.struck) == (4, 2)


# Pure


def board(seed: int = 1) -> Faults:
    return Faults(load_contract("mailmodo"), now=lambda: START, random=Random(seed))


def test_a_share_is_drawn_from_the_seed_and_not_from_other_rules() -> None:
    operation = load_contract("mailmodo").operation("triggerCampaign")

    def picks(seed: int, *, with_other: bool) -> list[bool]:
        faults = board(seed)
        rule = faults.install(FaultRule(fault=Reset(), share=0.5))
        if with_other:
            faults.install(FaultRule(fault=Reset(), share=0.5))
        return [faults.pick_for_call(operation, "bridge") is rule for _ in range(64)]

    assert picks(1, with_other=False) == picks(1, with_other=True)
    assert picks(1, with_other=False) != picks(2, with_other=False)
    assert 16 < sum(picks(1, with_other=False)) < 48


def test_the_first_rule_that_fits_decides_and_a_guard_uninstalls() -> None:
    faults = board()
    with faults.install(FaultRule(fault=Status(500))) as outer:
        with faults.install(FaultRule(fault=Status(501))):
            assert faults.pick_for_call(None, "") is outer
        assert len(faults.installed) == 1
    assert faults.installed == []
    outer.remove()  # twice is once


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            lambda: FaultRule(fault=Reset(), on=("trigerCampaign",)),
            "no operation or webhook 'trigerCampaign'",
        ),
        (lambda: FaultRule(fault=Cut(), on=("activity",)), "befalls calls only"),
        (lambda: FaultRule(fault=RateLimit(), on=("webhooks",)), "befalls calls only"),
        (lambda: FaultRule(fault=WrongCredentials(), on=("openPixel",)), "wants no credentials"),
        (lambda: FaultRule(fault=Reset(), share=0), "a share of 0"),
        (lambda: FaultRule(fault=Reset(), first=3, last=2), "calls 3 to 2"),
        (
            lambda: FaultRule(fault=Reset(), starts_at=START, ends_at=START),
            "an end that is not after its start",
        ),
        (lambda: FaultRule(fault=Delay(-1)), "-1 s"),
        (lambda: FaultRule(fault=Delay(3, 2)), "3 to 2 s"),
        (lambda: FaultRule(fault=Status(200)), "200"),
        (lambda: FaultRule(fault=Down(404)), "404"),
        (lambda: FaultRule(fault=Down(connections="refused")), "nothing here can have connections refused"),
        (lambda: FaultRule(fault=Down(connections="refused"), last=1), "nothing can be picked"),
        (lambda: FaultRule(fault=Down(connections="refused"), on=("calls",)), "nothing can be picked"),
        (
            lambda: FaultRule(fault=Down(connections=cast("Any", "gone"))),
            "wanted answered or refused or reset",
        ),
        (lambda: FaultRule(fault=Down(502, "reset")), "drop one of the two"),
        (lambda: FaultRule(fault=Cut(1)), "share from 0 to below 1"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: Any, message: str) -> None:
    with pytest.raises(FaultInvalid, match=message):
        board().install(rule())


def test_an_unknown_id_is_told_with_those_there_are() -> None:
    faults = board()
    kept = faults.install(FaultRule(fault=Reset()))

    assert faults.by_id(kept.id) is kept
    with pytest.raises(UnknownFault, match="no fault 'f9'; there are f1"):
        faults.by_id("f9")
