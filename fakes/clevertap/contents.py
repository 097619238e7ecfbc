"""What the API sends: from `content` in a call to a campaign of its channel.

Source: CleverTap/clevertap-support-snippets, `sending_*`; an MCP server of the vendor's customer for WhatsApp.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from email.utils import formataddr
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.campaigns import (
    Campaign,
    EmailCampaign,
    PushCampaign,
    SmsCampaign,
    WebhookCampaign,
    WebPushCampaign,
    WhatsAppCampaign,
)
from fakes.clevertap.errors import InvalidTemplate, UnknownWebhook, refused
from fakes.clevertap.filters import Where
from fakes.clevertap.goals import Conversion
from fakes.clevertap.limits import CampaignLimits
from fakes.clevertap.operators import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fakes.clevertap.control_groups import Control
    from fakes.clevertap.running import RunningCampaign

    Content = Mapping[str, Any]

__all__ = ["MODES", "prepare_content"]

_MOBILE: Final = ("android", "ios", "windows")
_BROWSERS: Final = ("chrome", "firefox", "safari")
_NOT_PAIRS: Final = frozenset(
    {"deep_link", "background_image", "large_icon", "sound_file", "category", "badge_count", "default_sound"}
)
_SENDER: Final = "news@example.com"
_LONGEST_MESSAGE_ID: Final = 8
_CONVERSION_TIME: Final = re.compile(r"([0-9]{1,4})([DHM])", re.ASCII | re.IGNORECASE)
_UNITS: Final = {"D": timedelta(days=1), "H": timedelta(hours=1), "M": timedelta(minutes=1)}
"""Of `conversion_time`; the vendor's example has days, hours and minutes are a guess."""


def prepare_content(
    prepare: Callable[[Campaign], RunningCampaign],
    mode: str,
    name: str,
    *,
    body: Mapping[str, Any],
    control: Control,
) -> RunningCampaign:
    """Make the campaign that a call asks for, ready to be sent.

    Args:
        prepare: `Dashboard.prepare`.
        mode: One of `MODES`.
        name: Of the campaign.
        body: The call's; has `content`, and what stands beside it.
        control: Which control groups it is held against.

    Raises:
        CleverTapError: Something is missing in it, or is not what it must be.
    """
    content = body.get("content", {} if mode == "webhook" else None)
    if not isinstance(content, dict) or not (content or mode == "webhook"):
        raise refused("Content is mandatory")
    if mode in _WITH_PROVIDER and not _is_text(body.get("provider_nick_name")):
        raise refused("Provider nick name is mandatory")
    caps = body.get("respect_frequency_caps", True)
    if not isinstance(caps, bool):
        raise refused("respect_frequency_caps needs to be true/false")
    campaign = _MAKERS[mode](name, content, body, CampaignLimits(respects_caps=caps))
    try:
        return prepare(replace(_aimed(campaign, body), control=control, conversion=_conversion(body)))
    except (InvalidTemplate, UnknownWebhook) as error:
        raise refused(str(error)) from None


def _aimed(campaign: Campaign, body: Mapping[str, Any]) -> Campaign:
    """Say on which devices a push is to arrive."""
    to_all = body.get("send_to_all_devices", False) is True
    if isinstance(campaign, PushCampaign):
        return replace(campaign, devices=tuple(body.get("devices", ())), to_all_devices=to_all)
    return replace(campaign, to_all_devices=to_all) if isinstance(campaign, WebPushCampaign) else campaign


def _conversion(body: Mapping[str, Any]) -> Conversion | None:
    """Read what a campaign is for. Source: Pipedream's component, whose example is that of the vendor's page."""
    goal = body.get("conversion_goal", body.get("conversion", {}))
    if not isinstance(goal, dict):
        raise refused("Invalid conversion")
    name, revenue = goal.get("event_name", ""), goal.get("revenue_property", "")
    if not isinstance(name, str) or not isinstance(revenue, str):
        raise refused("Invalid conversion")
    within, where = _conversion_time(goal.get("conversion_time")), _conditions(goal.get("filter_type", {}))
    if not name:
        return None
    made = Conversion(event=name, where=where, revenue=revenue)
    return made if within is None else replace(made, within=within)


def _conversion_time(given: Any) -> timedelta | None:
    if given is None:
        return None
    found = _CONVERSION_TIME.fullmatch(given) if isinstance(given, str) else None
    if found is None or not int(found[1]):
        raise refused("Invalid conversion_time")
    return int(found[1]) * _UNITS[found[2].upper()]


def _conditions(given: Any) -> tuple[Where, ...]:
    """Read the conditions on the properties of the event; of the others no source says what they do."""
    wanted = given.get("event_property", []) if isinstance(given, dict) else None
    if not isinstance(wanted, list) or not all(isinstance(each, dict) for each in wanted):
        raise refused("Invalid filter_type")
    conditions = []
    for each in wanted:
        name, operator = each.get("property_name"), each.get("operator", "equals")
        if not isinstance(name, str) or not isinstance(operator, str) or operator not in OPERATORS:
            raise refused("Invalid filter_type")
        conditions.append(Where(name, each.get("property_value"), operator))
    return tuple(conditions)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _needed(content: Content, *keys: str) -> list[str]:
    """Give texts that must be there."""
    for key in keys:
        if not _is_text(content.get(key)):
            raise refused(f"{key} is mandatory in content")
    return [content[key] for key in keys]


def _specific(content: Content, body: Content, platforms: tuple[str, ...]) -> dict[str, Any]:
    """Put together what the content says for single platforms; the first one that says a thing has its way."""
    found: dict[str, Any] = {}
    for where in (content, body):
        by_platform = where.get("platform_specific", {})
        if not isinstance(by_platform, dict):
            raise refused("platform_specific needs to be an object")
        for platform in platforms:
            inside = by_platform.get(platform, {})
            if not isinstance(inside, dict):
                raise refused(f"platform_specific of {platform} needs to be an object")
            found = inside | found
    return found


def _link(content: Content, specific: Content) -> str:
    links = (specific.get("deep_link"), content.get("deepLink"), content.get("wzrk_dl"))
    return next((link for link in links if isinstance(link, str)), "")


def _push(name: str, content: Content, body: Content, limits: CampaignLimits) -> Campaign:
    title, text = _needed(content, "title", "body")
    specific = _specific(content, body, _MOBILE)
    hook = body.get("pa_webhook_name", "")
    if not isinstance(hook, str):
        raise refused("pa_webhook_name needs to be a text")
    pairs = {
        key: value for key, value in specific.items() if isinstance(value, str) and key not in _NOT_PAIRS
    }
    link = _link(content, specific)
    return PushCampaign(
        name=name,
        title=title,
        text=text,
        link=link,
        key_values=pairs,
        post_action_webhook=hook,
        limits=limits,
    )


def _web_push(name: str, content: Content, body: Content, limits: CampaignLimits) -> Campaign:
    title, text = _needed(content, "title", "body")
    link = _link(content, _specific(content, body, _BROWSERS))
    return WebPushCampaign(name=name, title=title, text=text, link=link, limits=limits)


def _sms(name: str, content: Content, _body: Content, limits: CampaignLimits) -> Campaign:
    [text] = _needed(content, "body")
    return SmsCampaign(name=name, text=text, limits=limits)


def _email(name: str, content: Content, _body: Content, limits: CampaignLimits) -> Campaign:
    subject, html, sender = _needed(content, "subject", "body", "sender_name")
    address = content.get("from_email", _SENDER)
    sender = formataddr((sender, address if _is_text(address) and address.isascii() else _SENDER))
    return EmailCampaign(name=name, subject=subject, text=html, sender=sender, limits=limits)


def _whatsapp(name: str, content: Content, body: Content, limits: CampaignLimits) -> Campaign:
    """Make a WhatsApp campaign: a freeform text, or the name of a template with what fills its body."""
    number = body.get("message_id")
    if number is not None and (not isinstance(number, str) or not 1 <= len(number) <= _LONGEST_MESSAGE_ID):
        raise refused("message_id needs to have at most 8 characters")
    if _is_text(content.get("msg")):
        return WhatsAppCampaign(name=name, text=content["msg"], limits=limits)
    [template] = _needed(content, "template_name")
    inside = content.get("body", {})
    fills = inside.get("replacements", []) if isinstance(inside, dict) else None
    if not isinstance(fills, list) or not all(isinstance(fill, str) for fill in fills):
        raise refused("replacements need to be a list of texts")
    return WhatsAppCampaign(name=name, text=" | ".join([template, *fills]), limits=limits)


def _webhook(name: str, content: Content, body: Content, limits: CampaignLimits) -> Campaign:
    """Make a webhook campaign.

    Source: Pipedream's component for the words beside the content, which stand for the default body; those in the content
    are a guess, as is which variables belong to a field.
    """
    hook = content.get("webhook_name", body.get("provider_nick_name"))
    hook = body.get("webhook_endpoint_name", hook)
    if not isinstance(hook, str) or not hook:
        raise refused("webhook_endpoint_name is mandatory")
    custom = content.get("body")
    if custom is not None and not isinstance(custom, str | dict):
        raise refused("body needs to be a text or an object")
    pairs = body.get("webhook_key_value", content.get("key_values", {}))
    if not isinstance(pairs, dict) or not all(isinstance(value, str) for value in pairs.values()):
        raise refused("webhook_key_value needs to hold texts")
    return WebhookCampaign(
        name=name, webhook=hook, body=custom, key_values=pairs, variables=_ticked(body), limits=limits
    )


def _ticked(body: Content) -> tuple[str, ...] | None:
    fields = body.get("webhook_fields")
    if fields is None:
        return None
    if not isinstance(fields, list) or not all(
        isinstance(field, str) and field in _FIELDS for field in fields
    ):
        raise refused("Invalid webhook_fields")
    return (*(name for field in fields for name in _FIELDS[field]), "key_values")


_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "identities": ("identity", "all_identities", "objectId", "email", "phone"),
    "profile-attributes": ("name", "profileData", "systemProfileData"),
    "tokens": ("push_token",),
}
_MAKERS: Final[Mapping[str, Callable[[str, Content, Content, CampaignLimits], Campaign]]] = {
    "push": _push,
    "email": _email,
    "sms": _sms,
    "webpush": _web_push,
    "whatsapp": _whatsapp,
    "webhook": _webhook,
    "notificationinbox": _push,
}
_WITH_PROVIDER: Final = ("email", "sms", "whatsapp")
MODES: Final = tuple(_MAKERS)
"""What `target_mode` may be. The inbox of an app reaches nobody, because no app fetches it."""
