"""What a client asks to be sent: a v3.1 message read into a draft, or the list of what is wrong with it.

Property names compare without case, as shipped clients differ (`SandBoxMode`); unknown properties are ignored.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fakes.mailjet.errors import MAX_ITEMS, SendFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "FORBIDDEN_HEADERS",
    "Address",
    "Draft",
    "canonical",
    "holds_null",
    "is_email",
    "merge",
    "read_draft",
]

_PROPERTIES: Final = (
    "From", "Sender", "To", "Cc", "Bcc", "ReplyTo", "Subject", "TextPart", "HTMLPart", "TemplateID",
    "TemplateLanguage", "TemplateErrorReporting", "TemplateErrorDeliver", "Variables", "Attachments",
    "InlinedAttachments", "Priority", "CustomCampaign", "DeduplicateCampaign", "TrackOpens", "TrackClicks",
    "CustomID", "EventPayload", "MonitoringCategory", "URLTags", "Headers",
    "Messages", "Globals", "SandboxMode", "AdvanceErrorHandling",
    "Email", "Name", "ContentType", "Filename", "Base64Content", "ContentID",
)  # fmt: skip
_SPELLINGS: Final = {name.lower(): name for name in _PROPERTIES}
_KEYWISE: Final = ("From", "Sender", "ReplyTo", "TemplateErrorReporting", "Headers", "Variables")

FORBIDDEN_HEADERS: Final = frozenset(
    name.lower()
    for name in (
        "From", "Sender", "Subject", "To", "Cc", "Bcc", "Return-Path", "Delivered-To", "DKIM-Signature",
        "DomainKey-Status", "Received-SPF", "Authentication-Results", "Received", "X-Mailjet-Prio",
        "X-Mailjet-Debug", "User-Agent", "X-Mailer", "X-MJ-CustomID", "X-MJ-EventPayload", "X-MJ-Vars",
        "X-MJ-TemplateErrorDeliver", "X-MJ-TemplateErrorReporting", "X-MJ-TemplateLanguage",
        "X-Mailjet-TrackOpen", "X-Mailjet-TrackClick", "X-MJ-TemplateID", "X-MJ-WorkflowID", "X-Feedback-Id",
        "X-Mailjet-Segmentation", "List-Id", "X-MJ-MID", "X-MJ-ErrorMessage", "Date", "X-CSA-Complaints",
        "Message-Id", "X-Mailjet-Campaign", "X-MJ-StatisticsContactsListID",
    )
)  # fmt: skip
"""Names that `Headers` may not set, in lower case; they compare without case."""

_TRACKING: Final = ("account_default", "disabled", "enabled")
_ATOM = r"[^\s\x00-\x20\x7f\"(),.:;<>@\[\\\]]+"
_LABEL = r"[^\W_](?:(?:[^\W_]|-)*[^\W_])?"
_EMAIL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
_LONGEST_EMAIL: Final = 254


@dataclass(frozen=True, slots=True)
class Address:
    """An e-mail address with the name to show; the name may be empty."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One message as asked for, well-formed but not yet held against the account.

    Attributes:
        sender: `From`; None leaves it to the template.
        on_behalf_of: `Sender`.
        template: `TemplateID`; v3 may also give a name.
        is_templated: `TemplateLanguage`.
        delivers_template_errors: `TemplateErrorDeliver`.
        track_opens: True or False, or None for the account's setting; likewise `track_clicks`.
        attached_bytes: Decoded size of all attachments.
    """

    sender: Address | None = None
    on_behalf_of: Address | None = None
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: Address | None = None
    subject: str = ""
    text: str = ""
    html: str = ""
    template: int | str | None = None
    is_templated: bool = False
    delivers_template_errors: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)
    custom_id: str = ""
    payload: str = ""
    custom_campaign: str = ""
    deduplicates: bool = False
    monitoring_category: str = ""
    track_opens: bool | None = None
    track_clicks: bool | None = None
    url_tags: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    attachment_count: int = 0
    attached_bytes: int = 0


def is_email(text: str) -> bool:
    """Say whether an address is well-formed."""
    return len(text) <= _LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None


def canonical(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Give known properties the documented spelling; null counts as absent."""
    return {
        _SPELLINGS.get(name.lower(), name): value for name, value in properties.items() if value is not None
    }


def merge(defaults: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    """Put `Globals` under a message: objects merge key by key, arrays join with globals first, else message wins.

    Args:
        defaults: `Globals`, canonical; its `To` is ignored.
        message: One of `Messages`, canonical.
    """
    merged = {name: value for name, value in defaults.items() if name != "To"}
    for name, value in message.items():
        default = merged.get(name)
        if name in _KEYWISE and isinstance(default, dict) and isinstance(value, dict):
            merged[name] = {**default, **value}
        elif isinstance(default, list) and isinstance(value, list):
            merged[name] = [*default, *value]
        else:
            merged[name] = value
    return merged


def holds_null(value: Any) -> bool:
    """Say whether a null stands anywhere inside; the vendor's template engine fails on it."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if item is None:
            return True
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return False


def read_draft(properties: Mapping[str, Any]) -> tuple[Draft | None, tuple[SendFault, ...]]:
    """Read one message of `/v3.1/send`.

    Args:
        properties: Canonical, globals merged in.

    Returns:
        The draft and no faults, or None and every fault found, in the order of the documented properties.
    """
    reader = _Reader(properties)
    draft = Draft(
        sender=reader.address("From", is_required="TemplateID" not in properties),
        on_behalf_of=reader.address("Sender"),
        to=reader.addresses("To", is_required=True),
        cc=reader.addresses("Cc"),
        bcc=reader.addresses("Bcc"),
        reply_to=reader.address("ReplyTo"),
        subject=reader.text("Subject", limit=255),
        text=reader.text("TextPart"),
        html=reader.text("HTMLPart"),
        template=reader.integer("TemplateID"),
        is_templated=reader.flag("TemplateLanguage"),
        delivers_template_errors=reader.flag("TemplateErrorDeliver"),
        variables=reader.mapping("Variables"),
        custom_campaign=reader.text("CustomCampaign", limit=255),
        deduplicates=reader.flag("DeduplicateCampaign"),
        track_opens=reader.tracking("TrackOpens"),
        track_clicks=reader.tracking("TrackClicks"),
        custom_id=reader.text("CustomID"),
        payload=reader.text("EventPayload"),
        monitoring_category=reader.text("MonitoringCategory"),
        url_tags=reader.text("URLTags", limit=256),
        headers=reader.headers(),
        attachment_count=reader.attachment_count(),
        attached_bytes=reader.attached_bytes,
    )
    reader.priority()
    reader.combinations(draft)
    return (None, tuple(reader.faults)) if reader.faults else (draft, ())


class _Reader:
    """Reads the properties of one message and collects what is wrong with them."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self._properties = properties
        self.faults: list[SendFault] = []
        self.attached_bytes = 0

    def text(self, name: str, *, limit: int | None = None) -> str:
        value = self._typed(name, str, "string", "")
        if limit is not None and len(value) > limit:
            self.faults.append(SendFault.too_long(name, limit))
        return str(value)

    def flag(self, name: str) -> bool:
        return bool(self._typed(name, bool, "boolean", default=False))

    def integer(self, name: str) -> int | None:
        value = self._properties.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        self.faults.append(SendFault.mismatch(name, "int"))
        return None

    def mapping(self, name: str) -> dict[str, Any]:
        value: dict[str, Any] = self._typed(name, dict, "object", {})
        if len(value) > MAX_ITEMS:
            self.faults.append(SendFault.long_array(name))
        return value

    def tracking(self, name: str) -> bool | None:
        value = self._typed(name, str, "string", "account_default")
        if value not in _TRACKING:
            self.faults.append(SendFault.not_allowed(name, value, _TRACKING))
        return {"enabled": True, "disabled": False}.get(value)

    def priority(self) -> None:
        value = self.integer("Priority")
        if value is not None and value not in range(4):
            self.faults.append(SendFault.not_allowed("Priority", value, (0, 1, 2, 3)))

    def address(self, name: str, *, is_required: bool = False) -> Address | None:
        value = self._properties.get(name)
        if value is None:
            if is_required:
                self.faults.append(SendFault.missing(name))
            return None
        return self._one_address(value, name)

    def addresses(self, name: str, *, is_required: bool = False) -> tuple[Address, ...]:
        value = self._properties.get(name)
        if value is None:
            if is_required:
                self.faults.append(SendFault.missing(name))
            return ()
        if not isinstance(value, list):
            self.faults.append(SendFault.mismatch(name, "array of emails"))
            return ()
        if is_required and not value:
            self.faults.append(SendFault.empty_array(name))
        found = (self._one_address(item, f"{name}[{index}]") for index, item in enumerate(value))
        return tuple(address for address in found if address is not None)

    def headers(self) -> dict[str, str]:
        value = self.mapping("Headers")
        for name, text in value.items():
            where = f'Headers["{name}"]'
            if name.lower() in FORBIDDEN_HEADERS:
                message = f'Header "{name}" is reserved and cannot be customized.'
                self.faults.append(SendFault("send-0011", message, (where,)))
            elif not isinstance(text, str):
                self.faults.append(SendFault.mismatch(where, "string"))
        return value

    def attachment_count(self) -> int:
        """Check `Attachments` and `InlinedAttachments`; their contents are weighed, not kept."""
        count = 0
        for name, wanted in (
            ("Attachments", ("ContentType", "Filename", "Base64Content")),
            ("InlinedAttachments", ("ContentType", "Filename", "Base64Content", "ContentID")),
        ):
            value: list[Any] = self._typed(name, list, "array", [])
            if len(value) > MAX_ITEMS:
                self.faults.append(SendFault.long_array(name))
            for index, item in enumerate(value):
                self._one_attachment(item, f"{name}[{index}]", wanted)
            count += len(value)
        return count

    def combinations(self, draft: Draft) -> None:
        """Check what one property asks of another."""
        properties = self._properties
        if not (draft.text or draft.html) and "TemplateID" not in properties:
            message = 'At least "HTMLPart", "TextPart" or "TemplateID" must be provided.'
            self.faults.append(SendFault("send-0003", message, ("TextPart", "HTMLPart", "TemplateID")))
        if draft.deduplicates and not draft.custom_campaign:
            message = '"DeduplicateCampaign" can only be used together with "CustomCampaign".'
            self.faults.append(SendFault("send-0012", message, ("CustomCampaign", "DeduplicateCampaign")))
        self.address("TemplateErrorReporting")
        if not draft.is_templated and (
            "TemplateErrorReporting" in properties or draft.delivers_template_errors
        ):
            message = 'Template error options can only be used when "TemplateLanguage" is enabled.'
            self.faults.append(SendFault("send-0016", message, ("TemplateLanguage",)))

    def _typed(self, name: str, wanted: type, word: str, default: Any) -> Any:
        value = self._properties.get(name)
        if value is None:
            return default
        if not isinstance(value, wanted):
            self.faults.append(SendFault.mismatch(name, word))
            return default
        return value

    def _one_address(self, value: Any, where: str) -> Address | None:
        if not isinstance(value, dict):
            self.faults.append(SendFault.mismatch(where, "email"))
            return None
        properties = canonical(value)
        email, name = properties.get("Email"), properties.get("Name", "")
        if not isinstance(name, str):
            self.faults.append(SendFault.mismatch(f"{where}.Name", "string"))
            return None
        if email is None:
            self.faults.append(SendFault.missing(f"{where}.Email"))
        elif not isinstance(email, str):
            self.faults.append(SendFault.mismatch(f"{where}.Email", "string"))
        elif not is_email(email):
            self.faults.append(SendFault.bad_email(f"{where}.Email", email))
        else:
            return Address(email, name)
        return None

    def _one_attachment(self, value: Any, where: str, wanted: Iterable[str]) -> None:
        if not isinstance(value, dict):
            self.faults.append(SendFault.mismatch(where, "attachment"))
            return
        properties = canonical(value)
        for name in wanted:
            text = properties.get(name)
            if text is None:
                self.faults.append(SendFault.missing(f"{where}.{name}"))
            elif not isinstance(text, str):
                self.faults.append(SendFault.mismatch(f"{where}.{name}", "string"))
            elif not text:
                self.faults.append(SendFault.empty_string(f"{where}.{name}"))
            elif name == "Base64Content":
                self._weigh(text, f"{where}.{name}")

    def _weigh(self, text: str, where: str) -> None:
        try:
            self.attached_bytes += len(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            self.faults.append(SendFault.mismatch(where, "base64 string"))
