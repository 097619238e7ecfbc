"""A scenario as typed values: what one run does and what must come of it.

`simulator.scenario_reader` makes one from YAML. All durations are seconds; all delays are `Delay`s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fakes.kit import FaultRule
    from simulator.clevertap_specs import (
        CampaignSpec,
        ChannelLimitsSpec,
        ControlGroupSpec,
        JourneySpec,
        SegmentSpec,
    )
    from simulator.documents import Position
    from simulator.quantities import Delay, Moment, Share

__all__ = [
    "Deed",
    "Expectation",
    "FaultSpec",
    "Habit",
    "MailSpec",
    "NamedPerson",
    "PeopleSpec",
    "Scenario",
    "Step",
    "TemplateSpec",
    "TriggeredCampaignSpec",
    "Vendor",
]

Vendor = Literal["clevertap", "customerio", "mailjet", "mailmodo", "segment"]
HABITS = ("open", "click", "submit", "unsubscribe", "mark_as_spam")
"""What people do with mail, in the order in which they are drawn."""

PHONE_HABITS = ("view", "tap")
"""What people do with what arrives on their phone or in their browser, in the order in which they are drawn."""


@dataclass(frozen=True, slots=True)
class TemplateSpec:
    """A Mailmodo template.

    Attributes:
        questions: By name: a scale `(0, 10)`, `text`, or a tuple of choices; empty without a form.
        links: Addresses by name.
    """

    name: str
    email_type: str
    type: str
    body: str
    form_name: str
    questions: Mapping[str, tuple[int, int] | str | tuple[str, ...]]
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TriggeredCampaignSpec:
    """A Mailmodo campaign that is triggered."""

    name: str
    template: str
    subject: str
    trigger_app: str


@dataclass(frozen=True, slots=True)
class MailSpec:
    """A message that Mailjet or Customer.io sends."""

    name: str
    subject: str
    body: str
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Accounts:
    """What is set up at the vendors before the story begins. `used` names the vendors that take part."""

    used: tuple[Vendor, ...]
    templates: tuple[TemplateSpec, ...] = ()
    triggered_campaigns: tuple[TriggeredCampaignSpec, ...] = ()
    clevertap_region: str = "in1"
    uploads_profiles: bool = True
    campaigns: tuple[CampaignSpec, ...] = ()
    clevertap_utc_offset_s: int = 0
    control_groups: tuple[ControlGroupSpec, ...] = ()
    segments: tuple[SegmentSpec, ...] = ()
    journeys: tuple[JourneySpec, ...] = ()
    channel_limits: Mapping[str, ChannelLimitsSpec] = field(default_factory=dict)
    mailjet_messages: tuple[MailSpec, ...] = ()
    mailjet_event_version: int = 2
    mailjet_track_opens: bool = True
    mailjet_track_clicks: bool = True
    customerio_messages: tuple[MailSpec, ...] = ()
    identifies_people: bool = True
    segment_region: str = "us"
    segment_sources: tuple[str, ...] = ()
    has_mailmodo_destination: bool = False


@dataclass(frozen=True, slots=True)
class Habit:
    """How many do something, and how long it takes them."""

    share: Share
    after: Delay


@dataclass(frozen=True, slots=True)
class Deed:
    """What a named person does with every mail or message: when (after it arrives), and with what.

    Attributes:
        after: None means never.
        link: Which link is clicked; empty for the first.
        answers: What is answered, by question; drawn when empty.
        on: Name of the campaign whose messages are meant; empty for all.
    """

    after: Delay | None
    link: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    on: str = ""


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """Somebody the story speaks of. `deeds` holds only what is scripted; the rest is habit.

    Attributes:
        push: Whether they have the app; None leaves it to chance.
        web_push: Whether their browser takes notifications; None leaves it to chance.
    """

    name: str
    email: str
    phone: str
    user_id: str | None
    client: str
    bounces: str
    deeds: Mapping[str, Deed]
    properties: Mapping[str, Any]
    push: bool | None = None
    web_push: bool | None = None


@dataclass(frozen=True, slots=True)
class PeopleSpec:
    """The people: how many, from where, with which habits, and who of them is named.

    Attributes:
        push: Share of people with the app on their phone, which takes notifications.
        web_push: Share of people with a browser that takes notifications.
    """

    count: int
    locale: str
    user_ids: float
    clients: Mapping[str, float]
    hard_bounces: float
    soft_bounces: float
    habits: Mapping[str, Habit]
    named: tuple[NamedPerson, ...]
    push: float = 0.0
    web_push: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the scenario does at one vendor.

    Attributes:
        at_s: Seconds after the start.
        verb: `launch`, `event`, `trigger`, `send`, `identify` or `track`.
        noun: Campaign, event or message; empty for `identify`.
        audience: `everyone`, `named`, `others`, a share `30 %` or `30 % of others`, or addresses.
        values: Properties or traits that go with it.
        without: Names of what is left out of it, such as `email`.
        over_s: Seconds over which the people are spread.
    """

    at_s: float
    vendor: Vendor
    verb: str
    noun: str
    audience: str | tuple[str, ...]
    values: Mapping[str, Any]
    without: tuple[str, ...]
    over_s: float
    where: Position


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that must hold at the end.

    Attributes:
        text: As written, for reports.
        subject: `clevertap.profile`, `segment.user`, `mailmodo.contact` or `person`; empty for an expression.
        person: Address of the person.
        predicate: `has`, `lacks`, `got`, `got_no` or `took`.
        what: The event, `sms NAME`, or `JOURNEY/NODE PATH`.
        times: How often exactly; None for at least once.
        within_s: No later than this after the start.
        moment: When, with a tolerance.
        values: Properties that the event must have.
        source: Segment source it must have come from.
        expression: A Jinja2 expression that must be true.
    """

    text: str
    where: Position
    subject: str = ""
    person: str = ""
    predicate: str = ""
    what: str = ""
    times: int | None = None
    within_s: float | None = None
    moment: Moment | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    expression: str = ""


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """Something that goes wrong at a vendor.

    Attributes:
        rule: What, and with which messages; its times are set when the story begins.
        at_s: Seconds after the start at which it begins.
        lasts_s: How long it lasts; None for the rest of the story.
    """

    vendor: Vendor
    rule: FaultRule
    at_s: float
    lasts_s: float | None
    where: Position


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story.

    Attributes:
        title: Its name.
        file: The file it was read from, as the user gave it.
        proves: What the file's first comment says it proves.
        starts: An aware instant.
        lasts_s: How long it goes on.
        seed: The seed it is played with unless the command line says otherwise.
    """

    title: str
    file: str
    proves: str
    starts: datetime
    lasts_s: float
    seed: int
    accounts: Accounts
    people: PeopleSpec
    journey: tuple[Step, ...]
    expect: tuple[Expectation, ...]
    faults: tuple[FaultSpec, ...] = ()
