"""A campaign that is published, and somebody who qualified for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from liquid.exceptions import LiquidError

from fakes.clevertap.campaigns import (
    Campaign,
    CampaignStatistics,
    ContentFormat,
    WebhookCampaign,
    WebhookTemplate,
)
from fakes.clevertap.errors import InvalidTemplate
from fakes.clevertap.liquid_text import LiquidText, has_liquid, json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.clevertap.profiles import Profile, StoredEvent

__all__ = ["Qualification", "RunningCampaign"]


@dataclass(slots=True, eq=False)
class RunningCampaign:
    """A published campaign: its texts compiled, its people counted.

    Attributes:
        id: `targetId` of the dashboard.
        campaign: As it was published.
        template: The webhook it calls; None for other channels.
        statistics: What became of everybody who qualified.
    """

    id: int
    campaign: Campaign
    has_dollar_names: bool
    template: WebhookTemplate | None = None
    statistics: CampaignStatistics = field(default_factory=CampaignStatistics)
    text: LiquidText = field(init=False)
    url: LiquidText = field(init=False)
    key_values: dict[str, LiquidText] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self._compile()
        except LiquidError as error:
            raise InvalidTemplate(f"campaign {self.campaign.name!r}: {error}") from error

    def _compile(self) -> None:
        campaign = self.campaign
        if not isinstance(campaign, WebhookCampaign):
            self.text = LiquidText(campaign.text, has_dollar_names=self.has_dollar_names)
            return
        body = campaign.body or ""
        self.text = LiquidText(
            body if isinstance(body, str) else json_text(body),
            is_json=campaign.content_format is ContentFormat.JSON,
            has_dollar_names=self.has_dollar_names,
        )
        url = self.template.url if self.template else ""
        self.url = LiquidText(url, is_url=True, has_dollar_names=self.has_dollar_names)
        self.key_values = {
            key: LiquidText(value, has_dollar_names=self.has_dollar_names)
            for key, value in campaign.key_values.items()
        }

    @property
    def is_broadcast(self) -> bool:
        """Whether several profiles go in one request. Source: user docs, "response formats"."""
        campaign, template = self.campaign, self.template
        return (
            isinstance(campaign, WebhookCampaign)
            and template is not None
            and campaign.body is None
            and campaign.content_format is ContentFormat.JSON
            and not has_liquid(template.url)
            and "@" not in template.url
            and not any(has_liquid(value) for value in campaign.key_values.values())
        )


@dataclass(frozen=True, slots=True)
class Qualification:
    """Somebody is to get a campaign, and why.

    Attributes:
        running: The campaign.
        profiles: Mostly one; several for a broadcast.
        event: The triggering event of a live campaign.
        external: Parameters of the API call that triggered it.
        constant: Value of the constant event property.
        cause: Id of the journal entry that led to it.
    """

    running: RunningCampaign
    profiles: tuple[Profile, ...]
    event: StoredEvent | None = None
    external: Mapping[str, Any] = field(default_factory=dict)
    constant: Any = None
    cause: str = ""
