"""The `accounts` of a scenario: what is set up at each vendor before the story begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from simulator import quantities
from simulator.scenario import Accounts, MailSpec, TemplateSpec, TriggeredCampaignSpec
from simulator.scenario_clevertap import CleverTapBuilder, utc_offset_s

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from simulator.problem_collector import Path, ProblemCollector
    from simulator.scenario import Vendor

__all__ = ["VENDORS", "build_accounts", "messages_of"]

VENDORS: Final[tuple[Vendor, ...]] = ("clevertap", "customerio", "mailjet", "mailmodo", "segment")
"""Every vendor, in alphabetical order."""


def build_accounts(
    data: Mapping[str, Any], journey: Iterable[Mapping[str, Any]], collector: ProblemCollector
) -> Accounts:
    """Build the accounts.

    Args:
        data: What stands under `accounts`.
        journey: The steps: a vendor that a step speaks of takes part, even with nothing set up.
        collector: Told what is wrong.
    """
    of = {vendor: data.get(vendor) or {} for vendor in VENDORS}
    stepped = {vendor for step in journey for vendor in VENDORS if vendor in step}
    used = tuple(vendor for vendor in VENDORS if vendor in data or vendor in stepped)
    templates, triggered = _mailmodo(of["mailmodo"], collector)
    clevertap = CleverTapBuilder(of["clevertap"], triggered, collector)
    campaigns = clevertap.campaigns()
    mailjet, segment = of["mailjet"], of["segment"]
    has_destination = segment.get("destination") == "Mailmodo"
    if has_destination and "mailmodo" not in used:
        path = ("accounts", "segment", "destination")
        collector.note(path, "mailmodo takes no part in this scenario", "add it under `accounts`")
    return Accounts(
        used=used,
        templates=templates,
        triggered_campaigns=triggered,
        clevertap_region=of["clevertap"].get("region", "in1"),
        uploads_profiles=of["clevertap"].get("profiles", "everyone") == "everyone",
        campaigns=campaigns,
        clevertap_utc_offset_s=utc_offset_s(of["clevertap"].get("utc_offset", "+00:00")),
        control_groups=clevertap.control_groups(),
        segments=clevertap.segments(),
        journeys=clevertap.journeys(campaigns),
        channel_limits=clevertap.limits(),
        mailjet_messages=_messages("mailjet", mailjet, collector),
        mailjet_event_version=mailjet.get("event_version", 2),
        mailjet_track_opens=mailjet.get("track_opens", True),
        mailjet_track_clicks=mailjet.get("track_clicks", True),
        customerio_messages=_messages("customerio", of["customerio"], collector),
        identifies_people=of["customerio"].get("people", "everyone") == "everyone",
        segment_region=segment.get("region", "us"),
        segment_sources=tuple(segment.get("sources") or ()),
        has_mailmodo_destination=has_destination,
    )


def messages_of(accounts: Accounts, vendor: str) -> tuple[MailSpec, ...]:
    """Give the messages that a vendor can send."""
    return {"mailjet": accounts.mailjet_messages, "customerio": accounts.customerio_messages}.get(vendor, ())


def _mailmodo(
    data: Mapping[str, Any], collector: ProblemCollector
) -> tuple[tuple[TemplateSpec, ...], tuple[TriggeredCampaignSpec, ...]]:
    at: Path = ("accounts", "mailmodo")
    templates = tuple(
        _template((*at, "templates", index), item, collector)
        for index, item in enumerate(data.get("templates") or ())
    )
    triggered = tuple(
        TriggeredCampaignSpec(
            item["name"], item["template"], item["subject"], item.get("trigger_app", "Rest API")
        )
        for item in data.get("campaigns") or ()
    )
    names = [template.name for template in templates]
    for index, campaign in enumerate(triggered):
        collector.known(
            (*at, "campaigns", index, "template"),
            campaign.template,
            among=names,
            what="a template",
            add_under="accounts.mailmodo.templates",
        )
    collector.unique((*at, "templates"), names)
    collector.unique((*at, "campaigns"), [campaign.name for campaign in triggered])
    return templates, triggered


def _template(path: Path, data: Mapping[str, Any], collector: ProblemCollector) -> TemplateSpec:
    form = data.get("form") or {}
    return TemplateSpec(
        name=data["name"],
        email_type=data.get("email_type", "AMP"),
        type=data.get("type", "Promotional"),
        body=data.get("body", ""),
        form_name=form.get("name", ""),
        questions={
            name: _question((*path, "form", "questions", name), question, collector)
            for name, question in (form.get("questions") or {}).items()
        },
        links=dict(data.get("links") or {}),
    )


def _question(
    path: Path, question: str | Sequence[object], collector: ProblemCollector
) -> tuple[int, int] | str | tuple[str, ...]:
    if not isinstance(question, str):
        return tuple(str(choice) for choice in question)
    if question == "text":
        return "text"
    return collector.quantity(path, quantities.parse_scale, text=question, default=(0, 10))


def _messages(vendor: str, data: Mapping[str, Any], collector: ProblemCollector) -> tuple[MailSpec, ...]:
    messages = tuple(
        MailSpec(item["name"], item["subject"], item.get("body", ""), dict(item.get("links") or {}))
        for item in data.get("messages") or ()
    )
    collector.unique(("accounts", vendor, "messages"), [message.name for message in messages])
    return messages
