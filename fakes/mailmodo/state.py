"""One Mailmodo account: contacts, lists, templates, campaigns, and every mail that was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID, uuid5

from fakes.kit import draw_uuid
from fakes.mailmodo.campaigns import Campaign, CampaignType, Tally
from fakes.mailmodo.errors import UnknownTemplate
from fakes.mailmodo.personalisation import Text, Values
from fakes.mailmodo.templates import StoredForm, StoredTemplate, Template, store_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from random import Random

    from fakes.mailmodo.settings import MailmodoSettings

__all__ = ["TEMPLATE_TRIGGER", "Contact", "ContactList", "CustomEvent", "Send", "SignUpForm", "State"]

TEMPLATE_TRIGGER = "TemplateTrigger"
"""Trigger app of campaigns that were made by a call that names a template. Source: OA-camp sample data."""

_TOKEN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"  # noqa: S105 - an alphabet


@dataclass(slots=True, kw_only=True)
class Contact:
    """Somebody the account may write to.

    Attributes:
        id: `contactIdentifier`, a version 5 UUID of account and address. Source: OA-contact; derivation inferred.
        email: In lower case.
        created_at: When the account first heard of the address.
        data: Properties.
        blocked_reason: Why nothing is sent any more (hard bounce, complaint); empty when not blocked.
        is_unsubscribed: Whether the contact wants no mail at all.
        unsubscribe_reason: Why.
        unsubscribed_types: Kinds of mail the contact does not want.
        is_archived: Whether the contact was deleted.
        timezone: As given, `Asia/Kolkata`; empty when unknown.
        last_open: When the contact last opened a mail.
        last_click: When the contact last clicked a link.
    """

    id: str
    email: str
    created_at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    blocked_reason: str = ""
    is_unsubscribed: bool = False
    unsubscribe_reason: str = ""
    unsubscribed_types: list[str] = field(default_factory=list)
    is_archived: bool = False
    timezone: str = ""
    last_open: datetime | None = None
    last_click: datetime | None = None

    @property
    def user_id(self) -> str:
        """The contact's id in journeys' webhooks, a version 4 UUID. Source: SUP-hook; that it is fixed is inferred."""
        return str(UUID(bytes=UUID(self.id).bytes, version=4))

    def suppression(self, email_type: str) -> str:
        """Say why this contact gets no mail of that type; empty when it does."""
        if self.blocked_reason:
            return self.blocked_reason
        if self.is_unsubscribed:
            return "unsubscribed"
        return f"unsubscribed from {email_type}" if email_type in self.unsubscribed_types else ""


@dataclass(slots=True, kw_only=True)
class ContactList:
    """A list of contacts, by address in the order in which they came; a segment takes none by hand."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    members: dict[str, None] = field(default_factory=dict)
    is_segment: bool = False


@dataclass(frozen=True, slots=True)
class CustomEvent:
    """A custom event of a contact; `ts` in Unix seconds."""

    ref: str
    email: str
    name: str
    ts: int
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpForm:
    """A form on the customer's web site.

    Attributes:
        id: UUID, version 5.
        token: The only secret of its URL.
        name: Shown in the dashboard.
        list_name: The list that contacts come onto.
        origins: Web sites that may post to it, `https://brand.example`; none for all.
    """

    id: str
    token: str
    name: str
    list_name: str
    origins: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Send:
    """One mail that a trigger asked for.

    Attributes:
        ref: UUID in the trigger's answer; names this mail ever after.
        response_id: UUID under which its form will be answered.
        campaign: What it belongs to.
        contact: Whom it is for.
        values: What fills the variables.
        subject: Rendered.
        from_name: Shown as the sender.
        reply_to: Where answers go; empty for the sender.
        clevertap_id: As the trigger gave it.
        form: The template's form, or the one that came with the trigger.
        blocks: Its repeatable blocks, as HTML.
        is_complained: Whether it was reported as spam.
        answers: To the steps of its form so far, by element id.
    """

    ref: str
    response_id: str
    campaign: Campaign
    contact: Contact
    values: Values
    subject: str
    from_name: str
    reply_to: str
    clevertap_id: str | None
    form: StoredForm | None
    blocks: str = ""
    is_complained: bool = False
    answers: dict[str, str | list[str]] = field(default_factory=dict)


class State:
    """All that one account knows; pure, except for the clock and the chance it was given."""

    def __init__(self, settings: MailmodoSettings, *, now: Callable[[], datetime], random: Random) -> None:
        self._account = UUID(settings.account_id)
        self._settings = settings
        self._now = now
        self._random = random
        self.contacts: dict[str, Contact] = {}
        self.properties: dict[str, None] = {}
        """Names of the properties that any contact ever had."""
        self.lists: dict[str, ContactList] = {}
        self.templates: dict[str, StoredTemplate] = {}
        self.campaigns: dict[str, Campaign] = {}
        self.sends: dict[str, Send] = {}
        self.sign_up_forms: dict[str, SignUpForm] = {}
        self.custom_events: list[CustomEvent] = []
        self.bulk_triggers: dict[tuple[str, str, str], datetime] = {}
        """When a campaign last went to a list under a key, by the ids of both and the key; under "" at all."""
        self._tallies: dict[str, Tally] = {}

    def add_template(self, template: Template) -> StoredTemplate:
        """Create a template; a later one of the same name takes over the name."""
        stored = store_template(template, created_at=self._now(), random=self._random)
        self.templates[stored.id] = stored
        return stored

    def template(self, name: str) -> StoredTemplate:
        """Find a template by name.

        Raises:
            UnknownTemplate: There is none.
        """
        for stored in reversed(self.templates.values()):
            if stored.name == name:
                return stored
        known = ", ".join(repr(stored.name) for stored in self.templates.values()) or "none"
        raise UnknownTemplate(f"no template {name!r}; the account has {known}")

    def add_campaign(
        self,
        *,
        name: str,
        template: str | StoredTemplate,
        subject: str,
        trigger_app: str = "Rest API",
        sender_email: str = "",
        sender_name: str = "",
        reply_to: str = "",
        campaign_type: CampaignType = "TRIGGERED",
    ) -> Campaign:
        """Create and enable a campaign.

        Args:
            name: Shown in the dashboard and sent with every activity.
            template: A stored template, or the name of one.
            subject: With `${name}` variables.
            trigger_app: `CleverTap`, `Rest API`, `Customer.io`, … as the dashboard spells it; `Journey` for the
                e-mail card of a journey, which nobody else can trigger.
            sender_email: From address; the account's when empty.
            sender_name: From name; the account's when empty.
            reply_to: Reply-to address; the account's when empty.
            campaign_type: Only a `TRIGGERED` one can be triggered.

        Raises:
            UnknownTemplate: No template has that name.
        """
        stored = self.template(template) if isinstance(template, str) else template
        campaign = Campaign(
            id=str(uuid5(self._account, f"campaign {len(self.campaigns) + 1} {name}")),
            token=self._draw_token(),
            name=name,
            template=stored,
            subject=Text.of(subject),
            trigger_app=trigger_app,
            sender_email=sender_email or self._settings.sender_email,
            sender_name=sender_name or self._settings.sender_name,
            reply_to=reply_to or self._settings.reply_to,
            type=campaign_type,
            created_at=self._now(),
        )
        self.campaigns[campaign.id] = campaign
        self._tallies[campaign.id] = Tally()
        return campaign

    def template_campaign(
        self, name: str, template: StoredTemplate, *, subject: str, sender_email: str
    ) -> Campaign:
        """Find the campaign in which mail of a template goes out that is triggered without one, or create it."""
        sender = sender_email or self._settings.sender_email
        wanted = (name, template.id, sender, TEMPLATE_TRIGGER)
        for found in self.campaigns.values():
            if (found.name, found.template.id, found.sender_email, found.trigger_app) == wanted:
                return found
        return self.add_campaign(
            name=name, template=template, subject=subject, trigger_app=TEMPLATE_TRIGGER, sender_email=sender
        )

    def set_draft(self, campaign: Campaign, *, is_draft: bool) -> Campaign:
        """Leave a campaign as a draft, which cannot be triggered, or enable it."""
        return self.change_campaign(campaign, is_draft=is_draft)

    def change_campaign(self, campaign: Campaign, **changes: Any) -> Campaign:
        """Change a campaign and give it as it is then; mail that it has sent keeps it as it was."""
        changed = self.campaigns[campaign.id] = replace(self.campaigns[campaign.id], **changes)
        return changed

    def add_sign_up_form(self, name: str, *, list_name: str, origins: Iterable[str] = ()) -> SignUpForm:
        """Create a sign-up form."""
        form = SignUpForm(
            id=str(uuid5(self._account, f"form {len(self.sign_up_forms) + 1} {name}")),
            token=self._draw_token(),
            name=name,
            list_name=list_name,
            origins=tuple(origins),
        )
        self.sign_up_forms[form.id] = form
        return form

    def campaign_by_name(self, name: str) -> Campaign | None:
        """Find a campaign by name; the latest of several."""
        return next((c for c in reversed(self.campaigns.values()) if c.name == name), None)

    def tally(self, campaign: Campaign) -> Tally:
        """Give the counters of a campaign."""
        return self._tallies[campaign.id]

    def contact(self, email: str) -> Contact | None:
        """Find a contact by address; an archived one is not found."""
        found = self.contacts.get(email.lower())
        return None if found is None or found.is_archived else found

    def store_contact(self, email: str, data: Mapping[str, Any]) -> tuple[Contact, bool]:
        """Create or update a contact, and say whether it is new; an archived one comes back.

        A null in the data leaves the property as it was.
        """
        email = email.lower()
        contact = self.contacts.get(email)
        is_new = contact is None or contact.is_archived
        if contact is None:
            contact = Contact(id=str(uuid5(self._account, email)), email=email, created_at=self._now())
            contact.data["email"] = email
            self.contacts[email] = contact
        contact.is_archived = False
        kept = {name: value for name, value in data.items() if value is not None and name != "email"}
        self.properties.update(dict.fromkeys(kept))
        contact.data.update(kept)
        return contact, is_new

    def archive(self, contact: Contact) -> None:
        """Delete a contact and take it off every list; bounces, complaints and unsubscribes stay known."""
        contact.is_archived = True
        contact.data = {"email": contact.email}
        for contact_list in self.lists.values():
            contact_list.members.pop(contact.email, None)

    def list_named(self, name: str) -> ContactList | None:
        """Find a list by name."""
        return next((found for found in self.lists.values() if found.name == name), None)

    def open_list(self, name: str) -> ContactList:
        """Find a list by name, or create it."""
        return self.list_named(name) or self._add_list(name, is_segment=False)

    def list_for_trigger(self, name_or_id: str) -> ContactList:
        """Find a list by id or by name, or create it under that name. Nothing says which; both are in use."""
        return self.lists.get(name_or_id) or self.open_list(name_or_id)

    def add_segment(self, name: str, emails: Iterable[str] = ()) -> ContactList:
        """Create a static segmentation list, to which nobody can be added over the API."""
        segment = self._add_list(name, is_segment=True)
        segment.members.update(dict.fromkeys(email.lower() for email in emails))
        return segment

    def add_to_list(self, contact: Contact, contact_list: ContactList) -> None:
        """Put a contact on a list, once."""
        contact_list.members[contact.email] = None
        contact_list.updated_at = self._now()

    def add_send(self, send: Send) -> None:
        """Keep a mail, so that what is later done with it can be told."""
        self.sends[send.ref] = send

    def add_event(self, email: str, name: str, *, ts: int, properties: Mapping[str, Any]) -> CustomEvent:
        """Store a custom event."""
        event = CustomEvent(draw_uuid(self._random), email, name, ts, dict(properties))
        self.custom_events.append(event)
        return event

    def mark_read(self, contact: Contact, what: Literal["open", "click"]) -> None:
        """Note when a contact last opened or clicked."""
        if what == "open":
            contact.last_open = self._now()
        else:
            contact.last_click = self._now()

    def _draw_token(self) -> str:
        return "".join(self._random.choices(_TOKEN, k=10))

    def _add_list(self, name: str, *, is_segment: bool) -> ContactList:
        now = self._now().astimezone(UTC)
        made = ContactList(
            id=draw_uuid(self._random), name=name, created_at=now, updated_at=now, is_segment=is_segment
        )
        self.lists[made.id] = made
        return made
