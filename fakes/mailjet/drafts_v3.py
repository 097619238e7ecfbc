"""What a client asks `/v3/send` to send: flat messages with `Recipients`, or with `To`, `Cc` and `Bcc` as headers."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any, Final

from fakes.mailjet.drafts import Address, Draft, is_email
from fakes.mailjet.errors import MAX_V3_RECIPIENTS, PhraseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["read_v3_drafts"]

_ONE_ADDRESS: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,])+')
"""What stands between the commas of a header; those in quotes are part of a name."""


def read_v3_drafts(body: Any) -> list[Draft]:
    """Read a v3 request: one flat message, or up to 100 in `Messages`.

    Each of `Recipients` is a mail of its own.

    Raises:
        PhraseError: In the vendor's words; v3 refuses the whole request at its first error.
    """
    if not isinstance(body, dict):
        raise PhraseError(400, "Invalid json input: JSON object expected")
    messages = body.get("Messages", [body])
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise PhraseError(400, '"Messages" is not JSON array type')
    if len(messages) > MAX_V3_RECIPIENTS:
        raise PhraseError(400, "Too many messages")
    return [draft for message in messages for draft in _read(message)]


def _read(message: Mapping[str, Any]) -> Iterator[Draft]:
    sender = message.get("FromEmail") or ""
    if not sender and not message.get("Sender"):
        raise PhraseError(400, "At least FromEmail or Sender must be provided")
    if not isinstance(sender, str) or (sender and not is_email(sender)):
        raise PhraseError(400, "Invalid characters detected")
    headers = message.get("Headers") or {}
    if not isinstance(headers, dict):
        raise PhraseError(400, '"Headers" is not JSON object type')
    shared: dict[str, Any] = {
        "sender": Address(sender, _text(message, "FromName")) if sender else None,
        "subject": _text(message, "Subject"),
        "text": _text(message, "Text-part"),
        "html": _text(message, "Html-part"),
        "template": _template(message),
        "is_templated": _truth(message.get("Mj-TemplateLanguage")),
        "delivers_template_errors": message.get("Mj-TemplateErrorDeliver") == "deliver",
        "custom_campaign": _text(message, "Mj-campaign"),
        "deduplicates": _truth(message.get("Mj-deduplicatecampaign")),
        "track_opens": _tracking(message.get("Mj-trackopen")),
        "track_clicks": _tracking(message.get("Mj-trackclick")),
        "custom_id": _text(message, "Mj-CustomID"),
        "payload": _text(message, "Mj-EventPayLoad"),
        "headers": {name: str(value) for name, value in headers.items()},
    }
    variables = _variables(message)
    if "Recipients" in message:
        for address, own in _recipients(message["Recipients"]):
            yield Draft(to=(address,), variables={**variables, **own}, **shared)
        return
    to = _header(message, "To")
    if not to:
        raise PhraseError(400, 'Missing "To" or "Recipients" property')
    yield Draft(to=to, cc=_header(message, "Cc"), bcc=_header(message, "Bcc"), variables=variables, **shared)


def _recipients(value: Any) -> Iterator[tuple[Address, Mapping[str, Any]]]:
    if not isinstance(value, list) or not value:
        raise PhraseError(400, 'Missing "To" or "Recipients" property')
    if len(value) > MAX_V3_RECIPIENTS:
        raise PhraseError(400, "Too many recipients in Recipients")
    for item in value:
        email = item.get("Email") if isinstance(item, dict) else None
        if not isinstance(email, str) or not is_email(email):
            raise PhraseError(400, "Invalid characters detected")
        yield Address(email, _text(item, "Name")), _variables(item)


def _header(message: Mapping[str, Any], name: str) -> tuple[Address, ...]:
    # One by one: newer Pythons refuse a whole list for one address that cannot be read, older ones do not.
    pairs = [parseaddr(part) for part in _ONE_ADDRESS.findall(_text(message, name)) if part.strip()]
    found = [Address(email, shown) for shown, email in pairs]
    if len(found) > MAX_V3_RECIPIENTS:
        raise PhraseError(400, f"Too many recipients in {name}")
    if not all(is_email(address.email) for address in found):
        raise PhraseError(400, "Invalid characters detected")
    return tuple(found)


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        raise PhraseError(400, f'"{name}" is not JSON string type')
    return str(value)


def _variables(message: Mapping[str, Any]) -> Mapping[str, Any]:
    value = message.get("Vars") or {}
    if not isinstance(value, dict):
        raise PhraseError(400, '"Vars" is not JSON object type')
    return value


def _template(message: Mapping[str, Any]) -> int | str | None:
    """`Mj-TemplateID` is a number, a number as text, or a template's name."""
    value = message.get("Mj-TemplateID")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def _truth(value: Any) -> bool:
    return value in (True, 1, "1", "true", "True")


def _tracking(value: Any) -> bool | None:
    """0 defers to the account, 1 is off, 2 is on: not the order of the SMTP header of that name."""
    return {"1": False, "2": True}.get(str(value))
