"""What all fakes share: the server, the webhook sender, and the protocols through which they see the world."""

from fakes.kit.errors import FakeError, UnboundOperation, VendorError
from fakes.kit.exchange import ACTOR_HEADER, CAUSE_HEADER, Exchange, Fact, Observer, current_cause
from fakes.kit.mail import COMPLAINT_HEADER, MailHost, MailMessage, MailReply, PhoneMessage, PhoneNetwork
from fakes.kit.server import Call, Fake
from fakes.kit.surroundings import Surroundings, draw_ulid, draw_uuid
from fakes.kit.webhook_sender import Failure, Lane, RetryPolicy, WebhookOutcome, WebhookRequest, WebhookSender

__all__ = [
    "ACTOR_HEADER",
    "CAUSE_HEADER",
    "COMPLAINT_HEADER",
    "Call",
    "Exchange",
    "Fact",
    "Failure",
    "Fake",
    "FakeError",
    "Lane",
    "MailHost",
    "MailMessage",
    "MailReply",
    "Observer",
    "PhoneMessage",
    "PhoneNetwork",
    "RetryPolicy",
    "Surroundings",
    "UnboundOperation",
    "VendorError",
    "WebhookOutcome",
    "WebhookRequest",
    "WebhookSender",
    "current_cause",
    "draw_ulid",
    "draw_uuid",
]
