from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fakes.clevertap import Did, DidNot
from simulator.clevertap_setup import campaign_of
from simulator.vendors import SetupFailed, Vendors, mailmodo_campaign
from tests.support.fakes import stage
from tests.support.stories import RECEIPT, SURVEY, changed, scenario_of

if TYPE_CHECKING:
    from fakes.kit import Surroundings
    from tests.support.fakes import Stage

EVERYTHING = changed(
    SURVEY,
    accounts__mailjet={"event_version": 1},
    accounts__customerio={},
    accounts__segment={"sources": ["app"], "destination": "Mailmodo"},
)


def vendors_on(on_stage: Stage, story: dict[str, Any]) -> Vendors:
    def surroundings(_vendor: str) -> Surroundings:
        return on_stage.surroundings()

    return Vendors.make(scenario_of(story).accounts, surroundings)


async def opened(on_stage: Stage, story: dict[str, Any]) -> Vendors:
    vendors = vendors_on(on_stage, story)
    await vendors.start(on_stage.network)
    return vendors


async def test_only_vendors_that_take_part_are_made() -> None:
    async with stage() as on_stage:
        vendors = vendors_on(on_stage, RECEIPT)

    assert list(vendors.all()) == ["mailjet", "segment"]
    assert [vendors.clevertap, vendors.mailmodo, vendors.customerio] == [None, None, None]


async def test_accounts_are_filled_as_the_scenario_says() -> None:
    async with stage() as on_stage:
        vendors = await opened(on_stage, EVERYTHING)
        assert vendors.mailmodo is not None
        assert vendors.segment is not None

        campaign = mailmodo_campaign(vendors.mailmodo, "nps")
        sources = [source.slug for source in vendors.segment.state.sources]
        with pytest.raises(SetupFailed, match="Mailmodo has no campaign 'other'"):
            mailmodo_campaign(vendors.mailmodo, "other")
        await vendors.stop()

    assert campaign.name == "nps"
    assert sources == ["web", "app", "mailmodo", "mailjet", "customerio"]


async def test_the_bridge_is_told_urls_and_credentials_of_the_accounts_there_are() -> None:
    async with stage() as on_stage:
        everything = await opened(on_stage, EVERYTHING)
        settings = everything.bridge_settings(on_stage.network)
        secrets = everything.secrets()
        await everything.stop()
    async with stage() as on_stage:
        few = await opened(on_stage, RECEIPT)
        fewer = few.bridge_settings(on_stage.network)
        await few.stop()

    assert settings["mailmodo_url"] == "https://api.mailmodo.com"
    assert settings["clevertap_url"] == "https://in1.api.clevertap.com"
    assert "mailmodo_url" not in fewer
    assert fewer.keys() < settings.keys()
    for name, value in settings.items():
        is_secret = any(word in name for word in ("key", "secret", "passcode", "password"))
        values = value if isinstance(value, list) else [value]
        assert not is_secret or set(values) <= set(secrets.values()), name


async def test_every_secret_is_a_different_one() -> None:
    async with stage() as on_stage:
        vendors = await opened(on_stage, EVERYTHING)
        secrets = vendors.secrets()
        await vendors.stop()

    assert len(set(secrets.values())) == len(secrets)
    assert all(len(secret) >= 10 for secret in secrets.values())


async def test_webhooks_that_the_bridge_refuses_are_told() -> None:
    """CleverTap tries a webhook when it is saved; nobody listens at this address."""
    async with stage() as on_stage:
        vendors = await opened(on_stage, EVERYTHING)
        with pytest.raises(SetupFailed, match=r"nobody\.example"):
            await vendors.connect(
                "https://nobody.example",
                session=on_stage.session,
                network=on_stage.network,
                starts=on_stage.now(),
            )
        await vendors.stop()


def test_triggers_are_actions_or_inactions() -> None:
    story = changed(SURVEY, accounts__clevertap__campaigns__0__when={"did": "Survey Due"})
    story["journey"] = [{"at": "0 h", "clevertap": "event Survey Due"}]
    scenario = scenario_of(story)
    ask, nudge = (campaign_of(spec, starts=scenario.starts) for spec in scenario.accounts.campaigns)

    assert ask.when == Did("Survey Due")
    assert isinstance(nudge.when, DidNot)
    made = nudge.when
    assert (made.event, made.within.total_seconds(), made.after) == ("MM Email Form Submitted", 86_400, "ask")
