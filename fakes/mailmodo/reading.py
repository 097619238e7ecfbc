"""Reads request bodies: JSON objects with the field types that the vendor asks for, and form posts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

from fakes.mailmodo.errors import INVALID_EMAIL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit import Call
    from fakes.mailmodo.errors import MailmodoError, Refuse

__all__ = ["Body", "is_email", "is_scalar", "read_body", "read_form", "read_moment"]

_ATOM = r"[^\s@<>()\[\]\\,;:\"${}.]+"
_LABEL = r"(?!-)[\w-]{1,63}(?<!-)"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?!\d+$){_LABEL}(?<=[\w-]{{2}})")
_LONGEST_EMAIL = 254
_UNIX = re.compile(r"(?P<s>[0-9]{10})(?P<ms>[0-9]{3})?")
_LATEST_TS = 253_402_300_799  # 9999-12-31T23:59:59Z


@dataclass(frozen=True, slots=True)
class Body:
    """The fields of a JSON body, and the envelope in which its call is refused.

    Texts for wrong fields follow the one that is published, with its stray quote:
    `email" is invalid. Enter a valid email!`. Source: OA-contact; the other wordings are guesses.
    """

    fields: Mapping[str, Any]
    refuse: Refuse

    def email(self, name: str = "email") -> str:
        """Give an address, in lower case; refused when it is missing or none."""
        value = self.fields.get(name)
        if not is_email(value):
            raise self.refuse(INVALID_EMAIL)
        return str(value).strip().lower()

    def text(self, name: str) -> str:
        """Give a text that must be there and not be blank."""
        value = self.optional_text(name)
        if not value.strip():
            raise self.refuse(f'{name}" is required')
        return value

    def optional_text(self, name: str) -> str:
        """Give a text; empty when it is missing or null."""
        value = self.fields.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.refuse(f'{name}" must be a string')
        return value

    def optional_object(self, name: str) -> dict[str, Any]:
        """Give an object; an empty one when it is missing or null."""
        value = self.fields.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.refuse(f'{name}" must be of type object')
        return value

    def flag(self, name: str) -> bool:
        """Give a boolean; false when it is missing or null."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.refuse(f'{name}" must be a boolean')
        return value is True

    def flat_object(self, name: str, *, with_nulls: bool = True) -> dict[str, Any]:
        """Give an object whose values are text, numbers and booleans, and nulls where they mean something."""
        value = self.optional_object(name)
        for key, item in value.items():
            if not (is_scalar(item) or (with_nulls and item is None)):
                raise self.refuse(f'{name}.{key}" must be one of [string, number, boolean]')
        return value

    def optional_moment(self, name: str) -> datetime | None:
        """Give an instant, written in ISO 8601 or as UNIX time; None when it is missing or null.

        Source: OA-contact; that a time without an offset is UTC is inferred. The vendor's own MCP server writes
        UNIX time as text, 10 digits for seconds or 13 for milliseconds.
        """
        value = self.fields.get(name)
        if value is None:
            return None
        moment = read_moment(value)
        if moment is None:
            raise self.refuse(f'{name}" must be a valid date')
        return moment


def is_email(value: object) -> bool:
    """Say whether mail can be addressed to it."""
    if not isinstance(value, str):
        return False
    address = value.strip()
    # What cannot be printed is not seen either: control characters, marks of direction, spaces without width.
    return len(address) <= _LONGEST_EMAIL and address.isprintable() and _EMAIL.fullmatch(address) is not None


def is_scalar(value: object) -> bool:
    """Say whether it is a text, a number or a boolean, which is all that a property can be."""
    return isinstance(value, (str, int, float))


def read_body(call: Call, refuse: Refuse) -> Body:
    """Read a JSON object.

    A POST must say that it is one, as OA-* declare; what else is answered is a guess. Of a DELETE they say nothing.

    Raises:
        MailmodoError: It is not one; made by `refuse`.
    """
    if call.request.method == "POST" and not _is_json(call):
        raise refuse('Content-Type" must be application/json')
    try:
        fields = call.json()
        # JSON can escape half a surrogate pair, which no mail, page or journal could be encoded with.
        if b"\\ud" in call.body.lower():
            fields = _whole(fields)
    except (ValueError, RecursionError):
        raise _malformed(refuse) from None
    if not isinstance(fields, dict):
        raise refuse('value" must be of type object')
    return Body(fields, refuse)


def read_form(call: Call) -> list[tuple[str, str]]:
    """Read a form post, urlencoded or multipart, every field in order."""
    content_type = call.headers.get("Content-Type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        return [(name, value) for name, value in call.form_items() if name]
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + call.body)
    fields = []
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and name and isinstance(payload, bytes):
            fields.append((name, payload.decode("utf-8", "replace")))
    return fields


def read_moment(value: object) -> datetime | None:
    """Read an instant, in ISO 8601 or as UNIX seconds; None when it is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC) if 0 <= value <= _LATEST_TS else None
    if not isinstance(value, str):
        return None
    if (unix := _UNIX.fullmatch(value)) is not None:
        return datetime.fromtimestamp(int(unix["s"]), UTC) + timedelta(milliseconds=int(unix["ms"] or 0))
    try:
        read = datetime.fromisoformat(value.strip())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_json(call: Call) -> bool:
    media_type = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _malformed(refuse: Refuse) -> MailmodoError:
    return refuse("Unexpected token in JSON")


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value
