"""What a caller's type checker infers from the public API. Type-checked, never run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, assert_type

from aiohttp import web

from bridge import Bridge, Settings
from contracts import Contract, Judge, Operation, Violation, load_contract, names
from fakes.clevertap import CleverTapSettings, DidNot, FakeCleverTap, SmsCampaign, WebhookCampaign
from fakes.customerio import CustomerIoSettings, FakeCustomerIo
from fakes.kit import Exchange, Fact
from fakes.mailjet import FakeMailjet, MailjetSettings
from fakes.mailmodo import Campaign, FakeMailmodo, MailmodoSettings, SetupSteps
from fakes.segment import FakeSegment, SegmentSettings, Source
from simulator import (
    Journal,
    LiveLoop,
    LoopbackNetwork,
    Options,
    RunResult,
    Scenario,
    ScenarioInvalid,
    SimulatorError,
    VirtualLoop,
    VirtualNetwork,
    World,
    load_scenario,
    play_scenario,
    read_scenario,
)
from simulator.entry import Entry, Step
from simulator.problems import Problem
from simulator.result import BrokenMessage, EventCount, ExpectationResult, Finding, FindingKind

if TYPE_CHECKING:
    from fakes.kit import Surroundings


def scenarios() -> None:
    scenario = load_scenario("story.yaml", overrides=[("people.count", "5")])
    assert_type(scenario, Scenario)
    assert_type(read_scenario("scenario: …", "story.yaml"), Scenario)
    assert_type(scenario.starts, datetime)
    assert_type(scenario.lasts_s, float)
    try:
        load_scenario("story.yaml")
    except ScenarioInvalid as error:
        assert_type(error.problems, tuple[Problem, ...])
        base: SimulatorError = error
        raise base from None


def runs(scenario: Scenario) -> None:
    def then(result: RunResult, journal: Journal) -> None:
        assert_type(result.counts, tuple[EventCount, ...])
        assert_type(journal.counts(), tuple[EventCount, ...])

    result = play_scenario(scenario, Options(seed=7, arm="virtual"), then=then)
    assert_type(result, RunResult)
    assert_type(result.is_kept, bool)
    assert_type(result.expectations, tuple[ExpectationResult, ...])
    assert_type(result.violations, tuple[BrokenMessage, ...])
    assert_type(result.ledger.findings, tuple[Finding, ...])
    assert_type(result.ledger.findings[0].kind, FindingKind)
    Options(arm="warped")  # type: ignore[arg-type]
    Options(7)  # type: ignore[call-arg]


async def worlds(scenario: Scenario) -> None:
    loop = VirtualLoop()
    LiveLoop(speed=60.0)
    LoopbackNetwork()
    async with World(scenario, seed=1, network=VirtualNetwork(loop)) as world:
        assert_type(world, World)
        assert_type(world.journal, Journal)
        assert_type(world.now(), datetime)
        assert_type(world.vendors.mailmodo, FakeMailmodo | None)
        await world.play()


async def journals(journal: Journal) -> None:
    assert_type(journal.exchanges(contract="mailmodo", operation="triggerCampaign"), list[Exchange])
    assert_type(journal.facts("mailmodo", "email_opened", subject="a@example.com"), list[Fact])
    assert_type(journal.fact_entries("segment"), list[Entry])
    assert_type(journal.steps("open", person="a@example.com"), list[Step])
    assert_type(journal.by_id("e000001"), Entry | None)
    assert_type(journal.of_person("a@example.com"), list[Entry])
    assert_type(journal.people(), tuple[str, ...])
    assert_type(journal.causes("e000001"), tuple[str, ...])
    assert_type(journal.chain("e000001"), list[Entry])
    assert_type(journal.violations(), list[BrokenMessage])
    assert_type(await journal.wait_for(lambda entry: entry.id == "e000002"), Entry)
    journal.exchanges(kind="fact")  # type: ignore[arg-type]


def contracts() -> None:
    contract = load_contract("clevertap")
    assert_type(contract, Contract)
    assert_type(names(), tuple[str, ...])
    operation = contract.operation("upload")
    assert_type(operation, Operation)
    judge = Judge(contract)
    asked = judge.request(operation, query={}, content_type="application/json", body=b"{}")
    assert_type(asked, tuple[Violation, ...])
    answered = judge.response(operation, status=200, content_type="application/json", body=b"{}")
    assert_type(answered, tuple[Violation, ...])


async def bridges(now: datetime, mapping: Mapping[str, object]) -> None:
    settings = Settings.from_mapping(mapping)
    assert_type(settings, Settings)
    assert_type(Settings.load("bridge.toml"), Settings)
    bridge = Bridge(settings, now=lambda: now, random=Random(1))
    assert_type(bridge.app, web.Application)
    await bridge.start()
    await bridge.stop()


async def fakes(surroundings: Surroundings) -> None:
    clevertap = FakeCleverTap(surroundings, CleverTapSettings())
    await clevertap.add_webhook("bridge", url="https://bridge.test/")
    clevertap.add_campaign(
        WebhookCampaign(name="ask", webhook="bridge", body={"email": "{{ Profile.Email }}"})
    )
    clevertap.add_campaign(
        SmsCampaign(name="nudge", text="…", when=DidNot("Opened", timedelta(days=2), after="ask"))
    )
    await clevertap.launch("ask", audience=["a@example.com"])
    assert_type(clevertap.app, web.Application)
    assert_type(clevertap.hosts, tuple[str, ...])

    mailmodo = FakeMailmodo(surroundings, MailmodoSettings())
    campaign = mailmodo.state.add_campaign(name="nps", template="NPS", subject="…", trigger_app="CleverTap")
    assert_type(campaign, Campaign)
    assert_type(mailmodo.trigger_url(campaign), str)
    assert_type(mailmodo.setup_steps(campaign), SetupSteps)

    segment = FakeSegment(surroundings, SegmentSettings(region="eu"))
    source = segment.state.add_source("web")
    assert_type(source, Source)
    assert_type(source.write_key, str)

    assert_type(FakeMailjet(surroundings, MailjetSettings()).settings, MailjetSettings)
    assert_type(FakeCustomerIo(surroundings, CustomerIoSettings()).settings, CustomerIoSettings)


def details(fact: Fact) -> None:
    assert_type(fact.details, Mapping[str, Any])
    assert_type(fact.at, datetime)
