"""How CleverTap proves itself to a webhook: not at all, by a user and password, or by an OAuth 2.0 token.

Source: CleverTap user docs, `setup-webhooks`. The token request itself is RFC 6749, sections 4.3 and 4.4; that a
token is kept for as long as it lives, and fetched anew after a 401, is a guess.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlencode

from fakes.clevertap.client_assertion import ASSERTION_TYPE, ClientAssertion
from fakes.kit import RetryPolicy, WebhookRequest, WebhookSender, draw_uuid

if TYPE_CHECKING:
    from datetime import datetime

    from fakes.clevertap.settings import CleverTapSettings
    from fakes.kit import Fake, Surroundings

__all__ = ["Basic", "OAuth", "Tokens", "basic_value"]

_MARGIN: Final = timedelta(seconds=30)
_DEFAULT_LIFE_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Basic:
    """`Authorization: Basic base64(user:password)` on every request."""

    user: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """OAuth 2.0: a token from a token URL goes into `Authorization`.

    Attributes:
        token_url: Where tokens are asked for.
        client_id: Of the client.
        client_secret: Of the client; empty with an assertion.
        username: Of the resource owner; with it the grant is `password`, without it `client_credentials`.
        password: Of the resource owner.
        scope: What is asked for; empty asks for nothing in particular.
        scheme: How the token is announced.
        assertion: Proves who the client is, in place of the secret ("client credentials with JWT"); None for no such.
    """

    token_url: str
    client_id: str
    client_secret: str = ""
    username: str = ""
    password: str = ""
    scope: str = ""
    scheme: Literal["Bearer", "Basic"] = "Bearer"
    assertion: ClientAssertion | None = None

    def __post_init__(self) -> None:
        if self.assertion is not None and (self.username or self.client_secret):
            raise ValueError("OAuth with an assertion and a secret or a user name, wanted one of them")
        if self.assertion is None and not self.client_secret:
            raise ValueError("OAuth without a client secret, wanted one, or an assertion")

    def form(self, surroundings: Surroundings) -> bytes:
        """Write the token request."""
        fields = {
            "grant_type": "password" if self.username else "client_credentials",
            "client_id": self.client_id,
        }
        if self.assertion is None:
            fields["client_secret"] = self.client_secret
        else:
            fields["client_assertion_type"] = ASSERTION_TYPE
            fields["client_assertion"] = self.assertion.write(
                self.client_id,
                token_url=self.token_url,
                now=surroundings.now(),
                token_id=draw_uuid(surroundings.random),
            )
        if self.username:
            fields |= {"username": self.username, "password": self.password}
        if self.scope:
            fields["scope"] = self.scope
        return urlencode(fields).encode()


def basic_value(user: str, password: str) -> str:
    """Write the value of a Basic `Authorization` header."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    dies_at: datetime


class Tokens:
    """The tokens of an account's webhooks: fetched when needed, kept while they live.

    Args:
        fake: Whose requests they are.
        settings: The account's; the token URL has as long as a webhook.
    """

    def __init__(self, fake: Fake, settings: CleverTapSettings) -> None:
        self._fake = fake
        self._sender = WebhookSender(fake)
        self._settings = settings
        self._known: dict[OAuth, _Token] = {}

    async def renew(self, auth: OAuth) -> None:
        """Fetch a token unless one is known that still lives; without an answer there is none."""
        known = self._known.get(auth)
        if known is not None and self._fake.surroundings.now() < known.dies_at:
            return
        self._known.pop(auth, None)
        request = WebhookRequest(
            webhook="oauthToken",
            url=auth.token_url,
            body=auth.form(self._fake.surroundings),
            headers=lambda: {
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
        )
        policy = RetryPolicy(
            timeout_s=self._settings.webhook_timeout_s,
            is_success=lambda status: status == 200,
            wait_s=lambda _failure: None,
        )
        outcome = await self._sender.send(request, policy)
        token = _read_token(outcome.response_body) if outcome.is_delivered else None
        if token is not None:
            text, life = token
            self._known[auth] = _Token(text, self._fake.surroundings.now() + life - min(_MARGIN, life / 2))

    def forget(self, auth: OAuth) -> None:
        """Drop a token that a receiver refused."""
        self._known.pop(auth, None)

    def header(self, auth: OAuth) -> str:
        """Give the value of `Authorization`; empty while there is no token."""
        token = self._known.get(auth)
        return f"{auth.scheme} {token.text}" if token else ""


def _read_token(body: bytes) -> tuple[str, timedelta] | None:
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    text = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable():
        return None
    try:
        life_s = float(answer.get("expires_in", _DEFAULT_LIFE_S))
    except (TypeError, ValueError):
        life_s = _DEFAULT_LIFE_S
    return text, timedelta(seconds=min(max(life_s, 0.0), 10 * 365 * 86400.0))
