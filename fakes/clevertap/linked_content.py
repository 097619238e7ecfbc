"""Linked content: what an API of the customer's says as a message is sent, for `{{ Linked.Name.label }}`.

Source: CleverTap user docs, `linked-content` and `linked-content-functionality`: five seconds, no retry, what came is
kept for five minutes by address and parameters, a thousand of them for an account. That address and body are
personalised by Liquid, and not by parameters that each campaign maps, is ours.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from liquid.exceptions import LiquidError

from fakes.clevertap.errors import InvalidTemplate
from fakes.clevertap.liquid_text import LiquidText
from fakes.kit import RetryPolicy, WebhookRequest, WebhookSender

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from fakes.clevertap.liquid_values import Occasion
    from fakes.kit import Fake, WebhookOutcome

__all__ = ["LinkedContent", "LinkedContents"]

_TIMEOUT_S: Final = 5.0
_KEPT_FOR: Final = timedelta(minutes=5)
_MOST_KEPT: Final = 1000
_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)

_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedContent:
    """One API under Settings > Linked Content.

    Attributes:
        name: What texts call it by, `Linked.<name>`.
        url: Where it is asked; may hold Liquid.
        method: How.
        headers: Sent with it.
        body: Of a POST; may hold Liquid.
        labels: Names for what is inside its JSON, as paths of keys and places with dots. The keys at the top have
            their own names anyway.
    """

    name: str
    url: str
    method: Literal["GET", "POST"] = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"linked content {self.name!r}, wanted a name of letters, digits and _")


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Mapping[str, Any]
    until: datetime


class LinkedContents:
    """The linked content of an account: asked when a message needs it, shared by those who need the same."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._sender = WebhookSender(fake)
        self._policy = RetryPolicy(
            timeout_s=_TIMEOUT_S, is_success=lambda status: 200 <= status < 300, wait_s=lambda _failure: None
        )
        self._contents: dict[str, LinkedContent] = {}
        self._compiled: dict[str, tuple[LinkedContent, LiquidText, LiquidText]] = {}
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._asking: dict[_Key, asyncio.Lock] = {}

    @property
    def all(self) -> tuple[LinkedContent, ...]:
        """Every API, the oldest first."""
        return tuple(self._contents.values())

    def add(self, content: LinkedContent) -> None:
        """Add an API.

        Raises:
            ValueError: Its name is taken.
            InvalidTemplate: Its address or body is not Liquid.
        """
        if content.name in self._contents:
            raise ValueError(f"there is linked content {content.name!r} already")
        self._compile(content)
        self._contents[content.name] = content

    def _compile(self, content: LinkedContent) -> tuple[LiquidText, LiquidText]:
        known = self._compiled.get(content.name)
        if known is not None and known[0] is content:
            return known[1], known[2]
        try:
            url, body = LiquidText(content.url, is_url=True), LiquidText(content.body, is_json=True)
        except (LiquidError, RecursionError, ValueError) as error:
            raise InvalidTemplate(f"linked content {content.name!r}: {error}") from error
        self._compiled[content.name] = (content, url, body)
        return url, body

    async def fetch(self, names: Iterable[str], occasion: Occasion) -> Mapping[str, Mapping[str, Any]]:
        """Give what the APIs of these names say for one person; one that there is not is left out.

        Raises:
            MessageAborted: An address or body says so.
        """
        found = {}
        for name in names:
            content = self._contents.get(name)
            if content is not None:
                found[name] = await self._ask(content, occasion)
        return found

    async def _ask(self, content: LinkedContent, occasion: Occasion) -> Mapping[str, Any]:
        url, body = (text.render(occasion) for text in self._compile(content))
        key = (content.name, url, body)
        # Whoever needs the same waits for the first who asks.
        lock = self._asking.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                known = self._kept.get(key)
                if known is not None and self._fake.surroundings.now() < known.until:
                    return known.value
                return await self._call(content, key)
        finally:
            if not lock.locked():
                self._asking.pop(key, None)

    async def _call(self, content: LinkedContent, key: _Key) -> Mapping[str, Any]:
        _, url, body = key
        headers = {"Content-Type": "application/json"} if content.method == "POST" else {}
        headers |= content.headers
        outcome = await self._sender.send(
            WebhookRequest(
                webhook="linkedContent",
                url=url,
                body=body.encode("utf-8", "replace") if content.method == "POST" else b"",
                headers=lambda: headers,
                method=content.method,
            ),
            self._policy,
        )
        value = _read(outcome, content.labels)
        if outcome.is_delivered:
            self._kept[key] = _Kept(value, self._fake.surroundings.now() + _KEPT_FOR)
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return value


def _read(outcome: WebhookOutcome, labels: Mapping[str, str]) -> dict[str, Any]:
    """Name what an answer says: the keys of its JSON, own labels, and the system's labels before all."""
    raw = outcome.response_body.decode("utf-8", "replace")
    try:
        content: Any = json.loads(raw)
    except (ValueError, RecursionError):
        content = None
    named = dict(content) if isinstance(content, dict) else {}
    named |= {label: _inside(content, path) for label, path in labels.items()}
    return named | {
        "raw": raw,
        "JSON": content,
        "http_status_code": outcome.status,
        "headers": dict(outcome.response_headers),
    }


def _inside(content: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(content, dict):
            content = content.get(step)
        elif isinstance(content, list) and step.isascii() and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        else:
            return None
    return content
