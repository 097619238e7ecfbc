"""Reads the body of `/v1/send/email`: which fields must be there, and what each must be.

Source: vendor's App OpenAPI (2022, 2026), docs.customer.io "Transactional errors". The texts for rules that the
vendor publishes no words for follow its style.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from fakes.customerio.deliveries import Outgoing, TransactionalMessage
from fakes.customerio.errors import LONGEST_ID, MOST_RECIPIENTS, SendRefused, missing_field
from fakes.customerio.reading import Identifier, IdentifierKind, parse_addresses, read_json, seconds, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.customerio.state import State

__all__ = ["read_identifiers", "read_outgoing", "read_request"]

_LARGEST_BODY: Final = 2048 * 1024
_LARGEST_ATTACHMENTS: Final = 2 * 1024 * 1024
_FARTHEST_S: Final = 90 * 86_400
_TEXTS: Final = (
    "body", "body_amp", "body_plain", "plaintext_body", "from", "subject", "preheader", "reply_to", "to", "cc", "bcc",
    "language",
)  # fmt: skip
_FLAGS: Final = (
    "tracked", "send_to_unsubscribed", "queue_draft", "disable_message_retention", "disable_css_preprocessing",
    "auto_create", "fake_bcc",
)  # fmt: skip


def read_request(body: bytes) -> dict[str, Any]:
    """Parse the body, and see that `to` is there and every field has its type; a null counts as absent.

    Raises:
        SendRefused: 400.
    """
    try:
        value = read_json(body) if len(body) <= _LARGEST_BODY else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise SendRefused(400, "Request entity must be JSON encoded and not exceed 2048 KB")
    fields = {name: each for name, each in value.items() if each is not None}
    if fields.get("to") in (None, ""):
        raise missing_field("to")
    _check_types(fields, _TEXTS, str, "a string")
    _check_types(fields, _FLAGS, bool, "a boolean")
    _check_types(fields, ("identifiers", "message_data", "attachments"), dict, "an object")
    return fields


def read_identifiers(fields: Mapping[str, Any]) -> Identifier:
    """Read who the message is for: exactly one of `id`, `email` and `cio_id`.

    Raises:
        SendRefused: 400.
    """
    if "identifiers" not in fields:
        raise missing_field("identifiers")
    named = {kind: fields["identifiers"].get(kind.value) for kind in IdentifierKind}
    found = {
        kind: str(value)
        for kind, value in named.items()
        if isinstance(value, str | int) and not isinstance(value, bool) and 0 < size(str(value)) <= LONGEST_ID
    }
    if len(found) != 1 or len(fields["identifiers"]) != 1:
        raise SendRefused(400, '"identifiers" must contain exactly one of "id", "email" or "cio_id"')
    kind, value = next(iter(found.items()))
    if kind is IdentifierKind.EMAIL and parse_addresses(value) != (value,):
        raise SendRefused(400, '"identifiers.email" is not a valid email address')
    return Identifier(kind, value.removeprefix("cio_") if kind is IdentifierKind.CIO_ID else value)


def read_outgoing(fields: Mapping[str, Any], state: State) -> tuple[Outgoing, TransactionalMessage | None]:
    """Put a request and its template together; what the request says wins.

    Raises:
        SendRefused: 400, for the first rule that is broken.
    """
    template = _template(fields, state)
    if template is None:
        for name in ("body", "subject", "from"):
            if not fields.get(name):
                raise missing_field(name)
    sender = fields.get("from") or (template.sender if template else "")
    _check_sender(sender, state)
    recipients = _addresses(fields, "to")
    copies = (*_addresses(fields, "cc"), *_addresses(fields, "bcc"))
    if len(recipients) + len(copies) > MOST_RECIPIENTS:
        raise SendRefused(400, f'"to", "cc" and "bcc" cannot contain more than {MOST_RECIPIENTS} recipients')
    _addresses(fields, "reply_to")
    _check_attachments(fields.get("attachments", {}))

    def said(name: str, other: str = "") -> Any:
        return fields[name] if name in fields else getattr(template, name, other)

    return Outgoing(
        recipients=recipients,
        copies=copies,
        to=fields["to"],
        sender=sender,
        subject=said("subject"),
        body=said("body"),
        body_plain=fields["plaintext_body"] if "plaintext_body" in fields else said("body_plain"),
        body_amp=said("body_amp"),
        reply_to=said("reply_to"),
        preheader=said("preheader"),
        data=fields.get("message_data", {}),
        headers=_headers(fields.get("headers", {})),
        tracked=fields.get("tracked", template.tracked if template else True),
        send_to_unsubscribed=fields.get(
            "send_to_unsubscribed", template.send_to_unsubscribed if template else True
        ),
        queue_draft=fields.get("queue_draft", template.queue_draft if template else False),
        send_at=_send_at(fields.get("send_at"), state.now_s),
    ), template


def _template(fields: Mapping[str, Any], state: State) -> TransactionalMessage | None:
    wanted = fields.get("transactional_message_id")
    if wanted is None or wanted == "":
        return None
    if isinstance(wanted, bool) or not isinstance(wanted, int | str):
        raise SendRefused(400, '"transactional_message_id" must be an integer or a string')
    found = state.find_message(wanted)
    if found is not None:
        return found
    if fields.get("auto_create") is True and isinstance(wanted, str) and not wanted.isdigit():
        # The name becomes a template, so all that makes one must be there.
        for name in ("body", "subject", "from"):
            if not fields.get(name):
                raise missing_field(name)
        return state.add_transactional_message(
            wanted, subject=fields["subject"], body=fields["body"], sender=fields["from"]
        )
    raise SendRefused(400, '"transactional_message_id" not found')


def _check_types(fields: Mapping[str, Any], names: tuple[str, ...], wanted: type, words: str) -> None:
    for name in names:
        if name in fields and not isinstance(fields[name], wanted):
            raise SendRefused(400, f'"{name}" must be {words}')


def _addresses(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    if not fields.get(name):
        return ()
    found = parse_addresses(fields[name])
    if not found:
        raise SendRefused(400, f'"{name}" is not a valid email address')
    return found


def _check_sender(sender: str, state: State) -> None:
    found = parse_addresses(sender)
    if found is None or len(found) != 1:
        raise SendRefused(400, '"from" is not a valid email address')
    domain = found[0].rpartition("@")[2].lower()
    verified = state.settings.verified_domains
    if verified and not any(domain == each or domain.endswith(f".{each}") for each in verified):
        raise SendRefused(400, '"from" address domain has not been verified')


def _headers(value: object) -> dict[str, str]:
    """Read headers as the SDKs send them (an object) or as the reference has them (text of name-value pairs)."""
    refused = SendRefused(400, '"headers" must be an object or a JSON string of name and value pairs')
    if isinstance(value, str):
        try:
            value = read_json(value.encode()) if value else {}
        except ValueError:
            raise refused from None
    if isinstance(value, list):
        if not all(isinstance(pair, dict) and {"name", "value"} <= pair.keys() for pair in value):
            raise refused
        value = {str(pair["name"]): pair["value"] for pair in value}
    if not isinstance(value, dict):
        raise refused
    found = {}
    for name, text in value.items():
        if (
            not isinstance(text, str | int | float)
            or not name.isascii()
            or not name.isprintable()
            or ":" in name
        ):
            raise refused
        found[name] = text if isinstance(text, str) else json.dumps(text)
        if "\r" in found[name] or "\n" in found[name]:
            raise refused
    return found


def _check_attachments(value: Mapping[str, Any]) -> None:
    total = 0
    for name, content in value.items():
        try:
            total += len(base64.b64decode(content, validate=True))
        except (ValueError, TypeError):
            raise SendRefused(400, f'attachment "{name}" is not base64 encoded') from None
    if total > _LARGEST_ATTACHMENTS:
        raise SendRefused(400, "attachments must not exceed 2 MB in total")


def _send_at(value: object, now_s: int) -> int | None:
    if value is None:
        return None
    at = seconds(value)
    if at is None:
        raise SendRefused(400, '"send_at" must be a unix timestamp')
    if at > now_s + _FARTHEST_S:
        raise SendRefused(400, '"send_at" cannot be more than 90 days in the future')
    return at if at > now_s else None
