"""What all fakes share: the server, the webhook sender, and the protocols through which they see the world."""

from fakes.kit.call import Call
from fakes.kit.control import Control, control_host
from fakes.kit.errors import (
    ControlRefused,
    FakeError,
    FaultInvalid,
    SnapshotImpossible,
    SnapshotInvalid,
    UnboundOperation,
    UnknownFault,
    VendorError,
)
from fakes.kit.exchange import ACTOR_HEADER, CAUSE_HEADER, Exchange, Fact, Observer, current_cause
from fakes.kit.fault_kinds import (
    FAULTS,
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
from fakes.kit.fault_words import make_fault
from fakes.kit.faults import FaultRule, Faults, InstalledFault
from fakes.kit.mail import COMPLAINT_HEADER, MailHost, MailMessage, MailReply, PhoneMessage, PhoneNetwork
from fakes.kit.plain_values import read_value, show_value
from fakes.kit.server import Fake
from fakes.kit.snapshots import Root
from fakes.kit.surroundings import Surroundings, draw_ulid, draw_uuid
from fakes.kit.vendor_control import Collection, VendorControl
from fakes.kit.webhook_sender import Failure, Lane, RetryPolicy, WebhookOutcome, WebhookRequest, WebhookSender

__all__ = [
    "ACTOR_HEADER",
    "CAUSE_HEADER",
    "COMPLAINT_HEADER",
    "FAULTS",
    "Call",
    "Collection",
    "Control",
    "ControlRefused",
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
    "Root",
    "SnapshotImpossible",
    "SnapshotInvalid",
    "Status",
    "Surroundings",
    "UnboundOperation",
    "UnknownFault",
    "VendorControl",
    "VendorError",
    "WebhookOutcome",
    "WebhookRequest",
    "WebhookSender",
    "WrongCredentials",
    "control_host",
    "current_cause",
    "draw_ulid",
    "draw_uuid",
    "make_fault",
    "read_value",
    "show_value",
]
