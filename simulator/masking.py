"""Hides secrets in whatever leaves the process: each is known by its value and replaced by its name."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Masking"]

_BASIC: Final = re.compile(r"\bBasic\s+([A-Za-z0-9+/_-]+={0,2})", re.IGNORECASE)


class Masking:
    """Replaces the value of each secret by `[masked: name]`.

    A value is found as it is, percent-encoded, escaped as in JSON text, and in base64: alone, followed by a
    colon, and inside the credentials of an `Authorization: Basic` header whatever the other half is. A secret
    of the form `user:password` is therefore hidden in its base64 form too.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Learn the secrets.

        Args:
            secrets: Value by name; empty values are ignored.
        """
        names: dict[str, str] = {}
        for name, value in secrets.items():
            for form in _forms(value):
                names.setdefault(form, f"[masked: {name}]")
        self._names = names
        # The longest first: a pair of user and password is hidden whole, not half by half.
        alternatives = "|".join(
            re.escape(form) for form in sorted(names, key=lambda form: (-len(form), form))
        )
        self._pattern = re.compile(alternatives) if names else None

    def text(self, text: str) -> str:
        """Give the text with secrets hidden."""
        if self._pattern is None:
            return text
        if "asic " in text:
            text = _BASIC.sub(self._hide_basic, text)
        return self._pattern.sub(self._name, text)

    def value(self, value: Any) -> Any:
        """Give a JSON value with secrets hidden in every string, key and whole number."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, int) and not isinstance(value, bool):
            return self._names.get(str(value), value)
        return value

    def octets(self, octets: bytes) -> bytes:
        """Give raw bytes with secrets hidden."""
        # Latin-1 maps each byte to one character and back, so nothing else changes.
        text = octets.decode("latin-1")
        masked = self.text(text)
        return octets if masked == text else masked.encode("latin-1", "replace")

    def _name(self, match: re.Match[str]) -> str:
        return self._names[match[0]]

    def _hide_basic(self, match: re.Match[str]) -> str:
        try:
            pair = base64.b64decode(match[1].replace("-", "+").replace("_", "/") + "==").decode(
                "utf-8", "replace"
            )
        except (binascii.Error, ValueError):
            return match[0]
        hidden = self._pattern.search(pair) if self._pattern is not None else None
        return match[0].replace(match[1], self._names[hidden[0]]) if hidden else match[0]


def _forms(value: str) -> Iterator[str]:
    """Give every spelling of a secret that is looked for."""
    if not value:
        return
    yield value
    yield quote(value, safe="")
    yield quote_plus(value)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    for pair in (value, f"{value}:"):
        yield base64.b64encode(pair.encode()).decode()
        yield base64.urlsafe_b64encode(pair.encode()).decode()
