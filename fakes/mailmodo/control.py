"""Mailmodo's part of the control API: what the dashboard offers to create, to send and to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from fakes.kit import Collection, ControlRefused, Root, VendorControl, draw_uuid, read_value, show_value
from fakes.mailmodo.contacts import contact_details, list_details
from fakes.mailmodo.errors import CampaignNotSendable, UnknownTemplate
from fakes.mailmodo.journeys import CallWebhook, Entry, EntryKind, SendEmail, Wait
from fakes.mailmodo.reading import is_email
from fakes.mailmodo.templates import Block, Form, Link, Question, Template
from fakes.mailmodo.webhooks import ActivityName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fakes.kit.account_settings import Bounds
    from fakes.mailmodo.app import FakeMailmodo
    from fakes.mailmodo.campaigns import Campaign
    from fakes.mailmodo.journeys import Card, Journey
    from fakes.mailmodo.state import Contact, ContactList, SignUpForm
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
            "integrations": Root(fake.integrations, only=("saved",)),
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
            "contacts": Collection(
                self._show_contacts, self._change_contact, "MailmodoContact", is_on_page=False
            ),
            "lists": Collection(self._show_lists, self._create_segment, "MailmodoSegment", is_on_page=False),
            "sign_up_forms": Collection(
                self._show_sign_up_forms, self._create_sign_up_form, "MailmodoSignUpForm"
            ),
            "integrations": Collection(self._show_integrations, self._test_and_save, "MailmodoIntegration"),
        }

    async def launch(self, name: str, emails: Sequence[str] | None) -> int:
        """Send a bulk campaign, let a file into a journey that begins with one, or enable a draft."""
        state = self._fake.state
        campaign = state.campaign_by_name(name)
        if campaign is None:
            return self._let_in(name, emails)
        if campaign.type == "CONTACT_LIST":
            try:
                return self._fake.send_bulk_campaign(campaign, None if emails is None else _addresses(emails))
            except CampaignNotSendable as error:
                raise ControlRefused(409, "not_launchable", str(error)) from error
        if emails is not None or not campaign.is_draft:
            wanted = "no `emails`: enabling a campaign sends nothing" if emails is not None else "a draft"
            raise ControlRefused(
                409, "not_launchable", f"campaign {name!r} is {campaign.status}; wanted {wanted}"
            )
        state.set_draft(campaign, is_draft=False)
        return 0

    def _let_in(self, name: str, emails: Sequence[str] | None) -> int:
        """Upload a file of contacts for a journey, as the dashboard does."""
        journeys = [each for each in self._fake.journeys.published.values() if each.name == name]
        if not journeys:
            known = ", ".join(one.name for one in self._fake.state.campaigns.values()) or "none"
            raise ControlRefused(404, "unknown_campaign", f"no campaign {name!r}; there are {known}")
        if journeys[-1].entry.kind is not EntryKind.CSV or emails is None:
            wanted = "one whose entry is csv, and the `emails` of the file"
            raise ControlRefused(
                409,
                "not_launchable",
                f"{name!r} is a journey by {journeys[-1].entry.kind.name}; wanted {wanted}",
            )
        addresses = _addresses(emails)
        file = draw_uuid(self._fake.surroundings.random)
        self._fake.journeys.add_people(journeys[-1], addresses, file=file)
        return len(addresses)

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
            blocks=tuple(Block(name, text) for name, text in body.get("blocks", {}).items()),
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

    def _show_contacts(self) -> list[Json]:
        known = (each for each in self._fake.state.contacts.values() if not each.is_archived)
        return [self._show_contact(contact) for contact in known]

    def _show_contact(self, contact: Contact) -> Json:
        lists = [each.name for each in self._fake.state.lists.values() if contact.email in each.members]
        return {**contact_details(contact), "name": contact.email, "lists": lists}

    async def _change_contact(self, body: Json) -> Json:
        """Change properties as the dashboard does, one by one: each may let the contact into a journey."""
        (email,) = _addresses([body["email"]])
        for name, value in body["data"].items():
            self._fake.change_property(email, name=name, value=value)
        return self._show_contact(self._fake.state.contacts[email])

    def _show_lists(self) -> list[Json]:
        return [self._show_list(each) for each in self._fake.state.lists.values()]

    def _show_list(self, found: ContactList) -> Json:
        return {**list_details(found), "emails": list(found.members)}

    async def _create_segment(self, body: Json) -> Json:
        """Create a segment; a list is made by the call that puts somebody on it."""
        if self._fake.state.list_named(body["name"]) is not None:
            raise ControlRefused(409, "name_taken", f"there is a list {body['name']!r} already")
        emails = _addresses(body.get("emails", ()))
        for email in emails:
            if self._fake.state.contact(email) is None:
                raise ControlRefused(
                    409, "unknown_contact", f"no contact {email!r}; a segment has known ones only"
                )
        return self._show_list(self._fake.state.add_segment(body["name"], emails))

    def _show_sign_up_forms(self) -> list[Json]:
        return [self._show_sign_up_form(form) for form in self._fake.state.sign_up_forms.values()]

    def _show_sign_up_form(self, form: SignUpForm) -> Json:
        shown = {"id": form.id, "name": form.name, "list_name": form.list_name, "origins": list(form.origins)}
        return {**shown, "url": self._fake.sign_up_url(form)}

    async def _create_sign_up_form(self, body: Json) -> Json:
        form = self._fake.state.add_sign_up_form(
            body["name"], list_name=body["list_name"], origins=body.get("origins", ())
        )
        return self._show_sign_up_form(form)

    def _show_integrations(self) -> list[Json]:
        return [
            {"name": each.vendor, "host": each.host, "account": each.account}
            for each in self._fake.integrations.saved
        ]

    async def _test_and_save(self, body: Json) -> Json:
        """Do what "Test and Save" does; what the other vendor refuses is not saved."""
        words = {name: value for name, value in body.items() if name != "name"}
        test = self._fake.integrations
        outcome = await (
            test.test_segment(**words) if body["name"] == "segment" else test.test_clevertap(**words)
        )
        if not outcome.is_saved:
            raise ControlRefused(
                409, "not_saved", f"{body['name']}: {outcome.text}; wanted that it takes the sample"
            )
        return self._show_integrations()[-1] | {"name": body["name"], "text": outcome.text}

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


def _addresses(emails: Iterable[str]) -> list[str]:
    """Read addresses, each once.

    Raises:
        ControlRefused: One of them is none.
    """
    found = list(emails)
    for email in found:
        if not is_email(email):
            raise ControlRefused(400, "bad_request", f"found {email!r}, wanted an e-mail address")
    return list(dict.fromkeys(email.strip().lower() for email in found))


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
    return Form(body["name"], first, further=tuple(further), export_url=body.get("export_url") or "")


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
        "blocks": {block.id: block.name for block in stored.blocks.values()},
        "form": {
            "id": stored.form.id,
            "name": stored.form.name,
            "questions": [e.name for e in stored.form.elements],
            "steps": [[e.name for e in step.elements] for step in stored.form.steps],
            "elements": {e.id: e.name for e in stored.form.elements},
            "export_url": stored.form.export_url or None,
        }
        if stored.form
        else None,
        "created_at": stored.created_at.isoformat(),
    }
