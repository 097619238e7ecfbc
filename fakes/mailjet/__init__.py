"""A stateful Mailjet: Send API v3.1 and v3, the v3 REST resources around it, and the Event API.

Source: dev.mailjet.com guides and the history of mailjet/api-documentation (2015-2023), mailjet-gem's recorded
exchanges (2020-2021, API 3.0.11095), the official clients and their issues. What is not published is a choice;
`docs/fakes/mailjet.md` lists each.
"""

from fakes.mailjet.app import FakeMailjet
from fakes.mailjet.control import MailjetControl
from fakes.mailjet.settings import MailjetSettings
from fakes.mailjet.state import (
    CallbackStatus,
    Contact,
    EventCallbackUrl,
    EventType,
    MailjetState,
    Message,
    MessageStatus,
    Template,
)

__all__ = [
    "CallbackStatus",
    "Contact",
    "EventCallbackUrl",
    "EventType",
    "FakeMailjet",
    "MailjetControl",
    "MailjetSettings",
    "MailjetState",
    "Message",
    "MessageStatus",
    "Template",
]
