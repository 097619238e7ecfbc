"""A Mailmodo account: REST API v1 at `api.mailmodo.com`, mail with AMP, and activity webhooks.

    mailmodo = FakeMailmodo(surroundings)
    mailmodo.state.add_template(Template(name="NPS", email_type="AMP", form=nps))
    campaign = mailmodo.state.add_campaign(name="nps-march", template="NPS", subject="Hello ${first_name}")
    mailmodo.set_activity_webhook("https://bridge.test/sources/mailmodo/…")

Source: the vendor's OpenAPI files and help pages as read on 2026-08-13; `contracts/mailmodo.yaml` says for each
fact where it comes from, and `docs/fakes/mailmodo.md` what is not faked and what is guessed.
"""

from fakes.mailmodo.app import FakeMailmodo, SetupSteps
from fakes.mailmodo.campaigns import Campaign
from fakes.mailmodo.control import MailmodoControl
from fakes.mailmodo.errors import CampaignNotSendable, MailmodoError, UnknownTemplate
from fakes.mailmodo.integrations import Integration, SetupOutcome
from fakes.mailmodo.journeys import CallWebhook, Entry, EntryKind, Journey, SendEmail, Wait
from fakes.mailmodo.settings import MailmodoSettings
from fakes.mailmodo.state import Contact, SignUpForm, State
from fakes.mailmodo.templates import Block, Form, Link, Question, StoredTemplate, Template
from fakes.mailmodo.webhooks import ActivityName

__all__ = [
    "ActivityName",
    "Block",
    "CallWebhook",
    "Campaign",
    "CampaignNotSendable",
    "Contact",
    "Entry",
    "EntryKind",
    "FakeMailmodo",
    "Form",
    "Integration",
    "Journey",
    "Link",
    "MailmodoControl",
    "MailmodoError",
    "MailmodoSettings",
    "Question",
    "SendEmail",
    "SetupOutcome",
    "SetupSteps",
    "SignUpForm",
    "State",
    "StoredTemplate",
    "Template",
    "UnknownTemplate",
    "Wait",
]
