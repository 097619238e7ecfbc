"""What all fakes share: the server, the webhook sender, and the protocols through which they see the world."""

from fakes.kit.call import Call
from fakes.kit.errors import FakeError, FaultInvalid, UnboundOperation, UnknownFault, VendorError
from fakes.kit.exchange import ACTOR_HEADER, CAUSE_HEADER, Exchange, Fact, Observer, current_cause
from fakes.kit.fault_kinds import (
    Cut,
    Delay,
    Down,
    Duplicate,
    Fault,
    RateLimit,
    Reorder,
    Reset,
    Status,
    WrongCredentials,
)
from fakes.kit.faults import FaultRule, Faults, InstalledFault
from fakes.kit.mail import COMPLAINT_HEADER, MailHost, MailMessage, MailReply, PhoneMessage, PhoneNetwork
from fakes.kit.server import Fake
from fakes.kit.surroundings import Surroundings, draw_ulid, draw_uuid
from fakes.kit.webhook_sender import Failure, Lane, RetryPolicy, WebhookOutcome, WebhookRequest, WebhookSender

__all__ = [
    "ACTOR_HEADER",
    "CAUSE_HEADER",
    "COMPLAINT_HEADER",
    "Call",
    "Cut",
    "Delay",
    "Down",
    "Duplicate",
    "Exchange",
    "Fact",
    "Failure",
    "Fake",
    "FakeError",
    "Fault",
    "FaultInvalid",
    "FaultRule",
    "Faults",
    "InstalledFault",
    "Lane",
    "MailHost",
    "MailMessage",
    "MailReply",
    "Observer",
    "PhoneMessage",
    "PhoneNetwork",
    "RateLimit",
    "Reorder",
    "Reset",
    "RetryPolicy",
    "Status",
    "Surroundings",
    "UnboundOperation",
    "UnknownFault",
    "VendorError",
    "WebhookOutcome",
    "WebhookRequest",
    "WebhookSender",
    "WrongCredentials",
    "current_cause",
    "draw_ulid",
    "draw_uuid",
]
