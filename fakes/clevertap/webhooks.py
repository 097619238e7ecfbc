"""What CleverTap's webhooks carry, and how it tries to get them across."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from liquid.exceptions import LiquidError

from fakes.clevertap.authentication import Basic, OAuth, basic_value
from fakes.clevertap.campaigns import VARIABLES, ContentFormat
from fakes.clevertap.conditions import age_of
from fakes.clevertap.errors import InvalidTemplate
from fakes.clevertap.liquid_text import LiquidText
from fakes.clevertap.local_time import ZONE_KEYS
from fakes.kit import RetryPolicy, WebhookRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from fakes.clevertap.authentication import Tokens
    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.settings import CleverTapSettings
    from fakes.kit import Failure

__all__ = [
    "WebhookTemplate",
    "default_body",
    "make_request",
    "post_action_body",
    "profile_entry",
    "retry_policy",
    "test_body",
]

_USER_AGENT: Final = "CleverTap-Webhook-Fake/1"
"""The real one is not documented, so nobody should rely on any."""

_CHANNELS: Final = {
    "mobilePushSubscription": "push",
    "emailSubscription": "email",
    "smsSubscription": "sms",
    "whatsappSubscription": "whatsapp",
}
_NOT_CUSTOM: Final = ("Name", "Email", "Phone", "Age", *ZONE_KEYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTemplate:
    """One webhook under Settings > Channels > Webhooks.

    Attributes:
        name: What campaigns call it by.
        url: Where to; may hold Liquid.
        method: `POST`, `GET`, `PUT` or `DELETE`.
        headers: Sent with every request.
        auth: How CleverTap proves itself; None for not at all, or by a header.

    Raises:
        InvalidTemplate: What stands in the URL is not Liquid.
    """

    name: str
    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: Basic | OAuth | None = None

    def __post_init__(self) -> None:
        try:
            LiquidText(self.url, is_url=True)
        except (LiquidError, RecursionError, ValueError) as error:
            why = str(error).partition("\n")[0]
            raise InvalidTemplate(f"webhook {self.name!r}: {why}") from error


def test_body() -> dict[str, Any]:
    """Make the body of the test call when a template is saved. Source: docs.clevertap.com, `setup-webhooks`."""
    entry = {"Identity": "test_identity", "Email": "test_email", "push_token": "test_push_token"}
    return {"is_test": True, "targetId": 1234, "key_values": {"key": "value"}, "profiles": [entry] * 5}


def default_body(
    campaign_id: int,
    key_values: Mapping[str, str],
    profiles: Sequence[Mapping[str, Any]] | Mapping[str, Any],
) -> dict[str, Any]:
    """Make the default body: a list of profiles for a broadcast, one object otherwise.

    Source: CleverTap user docs, `create-message-webhook`, "response formats".
    """
    people = dict(profiles) if hasattr(profiles, "keys") else list(profiles)
    return {"targetId": campaign_id, "key_values": dict(key_values), "profiles": people}


def profile_entry(
    profile: Profile,
    *,
    now: datetime,
    event: StoredEvent | None,
    key_values: Mapping[str, str],
    has_capitals: bool = False,
    ticked: Collection[str] = VARIABLES,
) -> dict[str, Any]:
    """Describe one profile with the variables that are ticked; what is not known is left out.

    Args:
        profile: Whom.
        now: For an age that follows from a date of birth.
        event: The triggering event of a live campaign.
        key_values: The campaign's pairs, rendered for this person.
        has_capitals: Write keys with capital first letters, as the vendor's "broadcast" sample does.
        ticked: Which of `VARIABLES` are wanted.
    """
    properties = profile.properties
    custom = {
        key: value
        for key, value in properties.items()
        if key not in _NOT_CUSTOM and not key.startswith(("MSG-", "category-"))
    }
    entry = {
        "identity": profile.identity,
        "all_identities": list(profile.identities),
        "email": profile.email,
        "phone": profile.phone,
        "name": str(properties.get("Name", "")),
        "objectId": profile.object_id,
        "profileData": custom,
        "systemProfileData": _system_data(profile, now),
        "event_properties": {} if event is None else {**event.properties, "CT Source": event.source or "API"},
        "session_props": {},  # what comes by API belongs to no session
        "push_token": profile.push_token,
        "key_values": dict(key_values),
    }
    empty = ("profileData",) if event is None else ("profileData", "session_props")
    known = {
        key: value
        for key, value in entry.items()
        if key in ticked and (value not in ("", [], {}) or key in empty)
    }
    return {key[0].upper() + key[1:]: value for key, value in known.items()} if has_capitals else known


def _system_data(profile: Profile, now: datetime) -> dict[str, Any]:
    data: dict[str, Any] = {
        name: "Subscribed" if profile.is_subscribed(channel) else "Unsubscribed"
        for name, channel in _CHANNELS.items()
    }
    # A browser is subscribed by having a token; there is no property that says so.
    data["webPushSubscription"] = "Subscribed" if profile.web_push_token else "Unsubscribed"
    for key in ZONE_KEYS:
        if key in profile.properties:
            data.setdefault("timezone", profile.properties[key])
    if (age := age_of(profile, now)) is not None:
        data["age"] = age
    return data


def post_action_body(
    campaign_id: int, profile: Profile, *, title: str, body: str, key_values: Mapping[str, str]
) -> dict[str, Any]:
    """Make the body of the call after a push. Source: user docs, `post-action-webhooks`."""
    entry = {
        "identity": profile.identity,
        "all_identities": list(profile.identities),
        "objectId": profile.object_id,
        "payload": {"title": title, "body": body, "key_values": dict(key_values)},
    }
    return {"targetId": campaign_id, "profiles": [entry]}


def make_request(
    template: WebhookTemplate,
    webhook: str,
    *,
    url: str,
    body: bytes,
    tokens: Tokens,
    content_format: ContentFormat = ContentFormat.JSON,
) -> WebhookRequest:
    """Make the request of one webhook.

    Args:
        template: Gives method, headers and authentication.
        webhook: Its name in the contract.
        url: The template's, rendered.
        body: Left out for GET and DELETE.
        tokens: Where OAuth tokens come from.
        content_format: Decides the Content-Type, unless the template has one of its own.
    """
    content_type = "application/json" if content_format is ContentFormat.JSON else "text/plain; charset=utf-8"
    fixed = {"User-Agent": _USER_AGENT}
    if not any(name.lower() == "content-type" for name in template.headers):
        fixed["Content-Type"] = content_type
    fixed |= template.headers
    auth = template.auth
    if isinstance(auth, Basic):
        fixed["Authorization"] = basic_value(auth.user, auth.password)

    def headers() -> Mapping[str, str]:
        token = tokens.header(auth) if isinstance(auth, OAuth) else ""
        return {**fixed, "Authorization": token} if token else fixed

    async def prepare() -> None:
        if isinstance(auth, OAuth):
            await tokens.renew(auth)

    return WebhookRequest(
        webhook=webhook,
        url=url,
        body=body if template.method in ("POST", "PUT") else b"",
        headers=headers,
        method=template.method,
        prepare=prepare if isinstance(auth, OAuth) else None,
    )


def retry_policy(
    settings: CleverTapSettings, *, is_test: bool = False, refused: Callable[[], None] = lambda: None
) -> RetryPolicy:
    """Say how long a receiver has, what success is, and when the next try is.

    The documents disagree on all three; these are the values of the overview page of January 2026. Nothing is
    said of 4xx, so every failure is tried again. A test call is made once. `refused` is told of every 401, after
    which a token is worth nothing.
    """

    def wait_s(failure: Failure) -> float | None:
        if failure.status == 401:
            refused()
        if is_test or failure.attempt > settings.webhook_retries:
            return None
        return settings.webhook_spacing_s

    is_success: Callable[[int], bool] = lambda status: status == 200  # noqa: E731 - one of two one-line rules
    if settings.webhook_any_2xx and not is_test:
        is_success = lambda status: 200 <= status < 300  # noqa: E731 - one of two one-line rules
    return RetryPolicy(timeout_s=settings.webhook_timeout_s, is_success=is_success, wait_s=wait_s)


def to_bytes(body: Mapping[str, Any]) -> bytes:
    """Write a JSON body as it goes over the wire."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
