"""What CleverTap's webhooks carry, and how it tries to get them across."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.campaigns import ContentFormat
from fakes.kit import RetryPolicy, WebhookRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fakes.clevertap.campaigns import WebhookTemplate
    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.settings import CleverTapSettings
    from fakes.kit import Failure

__all__ = ["default_body", "make_request", "profile_entry", "retry_policy", "test_body"]

_USER_AGENT: Final = "CleverTap-Webhook-Fake/1"
"""The real one is not documented, so nobody should rely on any."""

_CHANNELS: Final = {
    "mobilePushSubscription": "push",
    "emailSubscription": "email",
    "smsSubscription": "sms",
    "whatsappSubscription": "whatsapp",
}
_NOT_CUSTOM: Final = ("Name", "Email", "Phone", "Timezone", "Age")


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
    event: StoredEvent | None,
    key_values: Mapping[str, str],
    has_capitals: bool = False,
) -> dict[str, Any]:
    """Describe one profile with every variable ticked; what is not known is left out.

    Args:
        profile: Whom.
        event: The triggering event of a live campaign.
        key_values: The campaign's pairs, rendered for this person.
        has_capitals: Write keys with capital first letters, as the vendor's "broadcast" sample does.
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
        "systemProfileData": _system_data(profile),
        "event_properties": {} if event is None else {**event.properties, "CT Source": event.source or "API"},
        "push_token": profile.push_token,
        "key_values": dict(key_values),
    }
    known = {key: value for key, value in entry.items() if value not in ("", [], {}) or key == "profileData"}
    return {key[0].upper() + key[1:]: value for key, value in known.items()} if has_capitals else known


def _system_data(profile: Profile) -> dict[str, Any]:
    data: dict[str, Any] = {
        name: "Subscribed" if profile.is_subscribed(channel) else "Unsubscribed"
        for name, channel in _CHANNELS.items()
    }
    for name, key in (("timezone", "Timezone"), ("age", "Age")):
        if key in profile.properties:
            data[name] = profile.properties[key]
    return data


def make_request(
    template: WebhookTemplate,
    webhook: str,
    *,
    url: str,
    body: bytes,
    content_format: ContentFormat = ContentFormat.JSON,
) -> WebhookRequest:
    """Make the request of one webhook.

    Args:
        template: Gives method, headers and authentication.
        webhook: Its name in the contract.
        url: The template's, rendered.
        body: Left out for GET and DELETE.
        content_format: Decides the Content-Type, unless the template has one of its own.
    """
    content_type = "application/json" if content_format is ContentFormat.JSON else "text/plain; charset=utf-8"
    headers = {"User-Agent": _USER_AGENT}
    if not any(name.lower() == "content-type" for name in template.headers):
        headers["Content-Type"] = content_type
    headers |= template.headers
    if template.basic is not None:
        headers["Authorization"] = "Basic " + b64encode(":".join(template.basic).encode()).decode()
    return WebhookRequest(
        webhook=webhook,
        url=url,
        body=body if template.method in ("POST", "PUT") else b"",
        headers=lambda: headers,
        method=template.method,
    )


def retry_policy(settings: CleverTapSettings, *, is_test: bool = False) -> RetryPolicy:
    """Say how long a receiver has, what success is, and when the next try is.

    The documents disagree on all three; these are the values of the overview page of January 2026. Nothing is
    said of 4xx, so every failure is tried again. A test call is made once.
    """

    def wait_s(failure: Failure) -> float | None:
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
