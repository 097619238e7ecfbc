"""Mailmodo's part of the control API: templates, campaigns, the activity webhook, and "Show Setup Steps"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from fakes.kit import Collection, ControlRefused, Root, VendorControl, read_value, show_value
from fakes.mailmodo.errors import UnknownTemplate
from fakes.mailmodo.journeys import CallWebhook, Entry, EntryKind, SendEmail, Wait
from fakes.mailmodo.templates import Form, Link, Question, Template
from fakes.mailmodo.webhooks import ActivityName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fakes.kit.account_settings import Bounds
    from fakes.mailmodo.app import FakeMailmodo
    from fakes.mailmodo.campaigns import Campaign
    from fakes.mailmodo.journeys import Card, Journey
    from fakes.mailmodo.templates import StoredTemplate

__all__ = ["MailmodoControl"]

Json = dict[str, Any]


class MailmodoControl(VendorControl):
    """What can be shown and done in a Mailmodo account."""

    fixed: ClassVar[Mapping[str, str]] = {"account_id": "the ids of contacts and campaigns are made from it"}
    bounds: ClassVar[Mapping[str, Bounds]] = {"utc_offset_minutes": (-14 * 60, 14 * 60)}

    def __init__(self, fake: FakeMailmodo) -> None:
        super().__init__(fake, fake.settings)
        self._fake = fake

    def credentials(self) -> Json:
        """The key for `mmApiKey`."""
        return {"api_key": self._fake.settings.api_key}

    def roots(self) -> Mapping[str, Root]:
        """The account, its journeys, where activities go, and how much of each key's rate is left."""
        fake = self._fake
        return {
            "account": Root(fake.state),
            "activities": Root(fake._activities, only=("url",)),  # noqa: SLF001 - two parts of one fake
            "journeys": Root(fake.journeys.published),
            "rates": Root(fake, only=("_buckets",)),
        }

    def collections(self) -> Mapping[str, Collection]:
        """What the dashboard lets a marketer create."""
        return {
            "templates": Collection(self._show_templates, self._create_template, "MailmodoTemplate"),
            "campaigns": Collection(self._show_campaigns, self._create_campaign, "MailmodoCampaign"),
            "webhooks": Collection(self._show_webhooks, self._set_webhook, "MailmodoWebhook"),
            "journeys": Collection(self._show_journeys, self._create_journey, "MailmodoJourney"),
        }

    async def launch(self, name: str, emails: Sequence[str] | None) -> int:
        """Enable a draft; it goes to nobody until it is triggered."""
        state = self._fake.state
        campaign = state.campaign_by_name(name)
        if campaign is None:
            known = ", ".join(one.name for one in state.campaigns.values()) or "none"
            raise ControlRefused(404, "unknown_campaign", f"no campaign {name!r}; there are {known}")
        if emails is not None or not campaign.is_draft:
            wanted = "no `emails`: enabling a campaign sends nothing" if emails is not None else "a draft"
            raise ControlRefused(
                409, "not_launchable", f"campaign {name!r} is {campaign.status}; wanted {wanted}"
            )
        state.set_draft(campaign, is_draft=False)
        return 0

    def setup_steps(self) -> list[Json]:
        """Webhook URL and JSON body of every campaign that can be triggered."""
        return [
            self._setup_steps(campaign)
            for campaign in self._fake.state.campaigns.values()
            if campaign.is_triggerable
        ]

    def _setup_steps(self, campaign: Campaign) -> Json:
        steps = self._fake.setup_steps(campaign)
        return {
            "campaign": campaign.name,
            "trigger_app": campaign.trigger_app,
            "webhook_url": steps.webhook_url,
            "headers": dict(steps.headers),
            "json_body": dict(steps.json_body),
        }

    def _show_templates(self) -> list[Json]:
        return [_show_template(stored) for stored in self._fake.state.templates.values()]

    async def _create_template(self, body: Json) -> Json:
        form = body.get("form")
        words = {name: body[name] for name in ("email_type", "type", "body") if name in body}
        template = Template(
            name=body["name"],
            form=_form(form) if form else None,
            links=tuple(Link(name, url) for name, url in body.get("links", {}).items()),
            **words,
        )
        return _show_template(self._fake.state.add_template(template))

    def _show_campaigns(self) -> list[Json]:
        return [self._show_campaign(campaign) for campaign in self._fake.state.campaigns.values()]

    def _show_campaign(self, campaign: Campaign) -> Json:
        return {
            "id": campaign.id,
            "name": campaign.name,
            "template": campaign.template.name,
            "trigger_app": campaign.trigger_app,
            "campaign_type": campaign.type,
            "status": campaign.status,
            "sender_email": campaign.sender_email,
            "created_at": campaign.created_at.isoformat(),
            "report": self._fake.state.tally(campaign).between(None, None),
        }

    async def _create_campaign(self, body: Json) -> Json:
        state, words = self._fake.state, {name: body[name] for name in body if name != "is_draft"}
        try:
            campaign = state.add_campaign(**words)
            return self._show_campaign(state.set_draft(campaign, is_draft=body.get("is_draft", False)))
        except UnknownTemplate as error:
            raise ControlRefused(409, "unknown_template", str(error)) from error

    def _show_webhooks(self) -> list[Json]:
        url = self._fake._activities.url  # noqa: SLF001 - two parts of one fake
        return [] if url is None else [{"name": "activity", "url": url}]

    async def _set_webhook(self, body: Json) -> Json:
        self._fake.set_activity_webhook(body["url"])
        return dict(body)

    def _show_journeys(self) -> list[Json]:
        return [_show_journey(journey) for journey in self._fake.journeys.published.values()]

    async def _create_journey(self, body: Json) -> Json:
        kind = EntryKind[body["entry"]["kind"].upper()]
        entry = Entry(kind, body["entry"].get("name", ""), body["entry"].get("step"))
        cards = [self._card(card, f"journey.cards[{index}]") for index, card in enumerate(body["cards"])]
        return _show_journey(self._fake.journeys.add(body["name"], entry=entry, cards=cards))

    def _card(self, body: Json, where: str) -> Card:
        """Read a card; the campaign of one that sends is given by name."""
        name = body.get("campaign")
        if body["type"] != "SendEmail":
            card: Card = read_value(Wait | CallWebhook, body, where)
            return card
        campaign = self._fake.state.campaign_by_name(str(name))
        if campaign is None:
            known = ", ".join(one.name for one in self._fake.state.campaigns.values()) or "none"
            raise ControlRefused(409, "unknown_campaign", f"{where}: no campaign {name!r}; there are {known}")
        until = read_value(ActivityName, body["until"], f"{where}.until") if body.get("until") else None
        return SendEmail(campaign, until, float(body.get("within_s", SendEmail(campaign).within_s)))


def _show_journey(journey: Journey) -> Json:
    cards = [
        {"type": "SendEmail", "campaign": card.campaign.name, "until": card.until, "within_s": card.within_s}
        if isinstance(card, SendEmail)
        else show_value(card)
        for card in journey.cards
    ]
    entry: Json = {"kind": journey.entry.kind.name.lower(), "name": journey.entry.name}
    if journey.entry.step is not None:
        entry["step"] = journey.entry.step
    return {"id": journey.id, "name": journey.name, "entry": entry, "cards": cards}


def _form(body: Mapping[str, Any]) -> Form:
    first, *further = (
        {name: _question(name, one) for name, one in questions.items()}
        for questions in (body["questions"], *body.get("further", ()))
    )
    return Form(body["name"], first, further=tuple(further))


def _question(name: str, body: Mapping[str, Any]) -> Question:
    question = Question(**{**body, "choices": tuple(body.get("choices", ()))})
    if question.kind == "scale" and question.low >= question.high:
        raise ControlRefused(400, "bad_request", f"question {name!r}: wanted `low` below `high`")
    if question.kind in ("choice", "choices") and not question.choices:
        raise ControlRefused(
            400, "bad_request", f"question {name!r}: found no `choices`, wanted some to choose from"
        )
    return question


def _show_template(stored: StoredTemplate) -> Json:
    template = stored.template
    return {
        "id": stored.id,
        "name": template.name,
        "email_type": template.email_type,
        "type": template.type,
        "personalisation": list(stored.personalisation),
        "links": {link.name: link.url for link in template.links},
        "form": {
            "id": stored.form.id,
            "name": stored.form.name,
            "questions": [e.name for e in stored.form.elements],
            "steps": [[e.name for e in step.elements] for step in stored.form.steps],
        }
        if stored.form
        else None,
        "created_at": stored.created_at.isoformat(),
    }
