"""A campaign that is published, and somebody who qualified for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from liquid.exceptions import LiquidError

from fakes.clevertap.campaigns import Campaign, CampaignStatistics, ContentFormat, WebhookCampaign
from fakes.clevertap.errors import InvalidTemplate
from fakes.clevertap.liquid_text import LiquidText, has_liquid, json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.webhooks import WebhookTemplate

    Outcome = Callable[[Profile, str], None]

__all__ = ["Qualification", "RunningCampaign"]


@dataclass(slots=True, eq=False)
class RunningCampaign:
    """A published campaign: its texts compiled, its people counted.

    Attributes:
        id: `targetId` of the dashboard.
        campaign: As it was published.
        template: The webhook it calls; None for other channels.
        statistics: What became of everybody who qualified.
        published_at: Since when it is there.
        is_stopped: Whether nobody qualifies for it any more.
        lead: What it is counted in; None for itself. Sends by API to named people are one campaign for each tag group.
        escapes_json: Whether values inside the JSON strings of its body are escaped.
        text: What it says, or the Custom Body.
        title: Of a push; the subject of an e-mail.
        link: Where a push leads.
        url: Of the webhook.
        url_values: Query parameters of that.
        key_values: The custom pairs.
        linked: Names of the linked content that its texts read.
    """

    id: int
    campaign: Campaign
    has_dollar_names: bool
    template: WebhookTemplate | None = None
    statistics: CampaignStatistics = field(default_factory=CampaignStatistics)
    published_at: datetime | None = None
    is_stopped: bool = False
    lead: RunningCampaign | None = None
    escapes_json: bool = True
    text: LiquidText = field(init=False)
    title: LiquidText = field(init=False)
    link: LiquidText = field(init=False)
    url: LiquidText = field(init=False)
    url_values: dict[str, LiquidText] = field(init=False, default_factory=dict)
    key_values: dict[str, LiquidText] = field(init=False, default_factory=dict)
    linked: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        try:
            self._compile()
        except (LiquidError, RecursionError, ValueError) as error:
            why = str(error).partition("\n")[0]
            raise InvalidTemplate(f"campaign {self.campaign.name!r}: {why}") from error
        self.linked = tuple(sorted({name for text in self._all_texts() for name in text.linked}))

    def _compile(self) -> None:
        campaign = self.campaign
        if not isinstance(campaign, WebhookCampaign):
            self.text = self._text(campaign.text)
            self.title = self._text(getattr(campaign, "title", "") or getattr(campaign, "subject", ""))
            self.link = self._text(getattr(campaign, "link", ""))
            self.key_values = self._texts(getattr(campaign, "key_values", {}))
            return
        body = campaign.body or ""
        self.text = LiquidText(
            body if isinstance(body, str) else json_text(body),
            is_json=campaign.content_format is ContentFormat.JSON and self.escapes_json,
            has_dollar_names=self.has_dollar_names,
        )
        url = self.template.url if self.template else ""
        self.url = LiquidText(url, is_url=True, has_dollar_names=self.has_dollar_names)
        self.url_values = self._texts(campaign.url_values)
        self.key_values = self._texts(campaign.key_values)

    def _all_texts(self) -> Iterator[LiquidText]:
        yield self.text
        if isinstance(self.campaign, WebhookCampaign):
            yield self.url
        else:
            yield from (self.title, self.link)
        yield from self.url_values.values()
        yield from self.key_values.values()

    def _text(self, text: str) -> LiquidText:
        return LiquidText(text, has_dollar_names=self.has_dollar_names)

    def _texts(self, texts: Mapping[str, str]) -> dict[str, LiquidText]:
        return {key: self._text(value) for key, value in texts.items()}

    def join(self, lead: RunningCampaign) -> None:
        """Be counted in another campaign, as one of its messages."""
        self.id, self.statistics, self.lead = lead.id, lead.statistics, lead

    @property
    def is_broadcast(self) -> bool:
        """Whether several profiles go in one request. Source: user docs, "response formats"."""
        campaign, template = self.campaign, self.template
        if not isinstance(campaign, WebhookCampaign) or template is None:
            return False
        addresses = (template.url, *campaign.url_values.values())
        return (
            campaign.body is None
            and campaign.content_format is ContentFormat.JSON
            and not any(self._is_personalised(value) for value in addresses)
            and not any(has_liquid(value) for value in campaign.key_values.values())
        )

    def _is_personalised(self, address: str) -> bool:
        return has_liquid(address) or "@" in address or (self.has_dollar_names and "${" in address)


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
        outcome: Is told, for each person, what became of it: `sent`, `delivered`, `failed`, `unreachable`,
            `viewed`, `clicked`.
        is_journey: Whether a node of a journey sends it.
        is_unthrottled: Whether the throttle does not hold for it.
        linked: What linked content says for the person, once it was asked.
    """

    running: RunningCampaign
    profiles: tuple[Profile, ...]
    event: StoredEvent | None = None
    external: Mapping[str, Any] = field(default_factory=dict)
    constant: Any = None
    cause: str = ""
    outcome: Outcome | None = None
    is_journey: bool = False
    is_unthrottled: bool = False
    linked: Mapping[str, Any] = field(default_factory=dict)

    def tell(self, profile: Profile, outcome: str) -> None:
        """Say what became of it for one person."""
        if self.outcome is not None:
            self.outcome(profile.current, outcome)
