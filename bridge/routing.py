"""The routing table: which engagement becomes which event where, and why some do not.

A row says: an engagement of this kind from this source goes to that destination, under that name, in that shape, if
the gate lets it. Names and gates are those of the vendors' own pages. `plan` carries the table out, `explain` shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from bridge.destinations import clevertap, mailmodo, segment
from bridge.destinations.values import dump
from bridge.engagement import Kind, SourceName, is_address, unix_ms
from bridge.sources.mailmodo import ACTIVITY
from bridge.sources.mailmodo_forms import FORM, JOURNEY
from bridge.store import Evidence, Identity, Outcome, Plan, State

if TYPE_CHECKING:
    from collections.abc import Collection

    from bridge.engagement import Engagement
    from bridge.settings import Settings
    from bridge.store import Identities, Intake

__all__ = ["ANYWHERE", "ROUTES", "Gate", "Route", "Router", "Shape", "check_gate", "explain", "routes_for"]


ANYWHERE: Final = "*"


class Gate(StrEnum):
    """What must hold for a row to apply."""

    NONE = "always"
    IDENTIFIED = "Segment identified this address before"
    FROM_CLEVERTAP = "a CleverTap trigger that brought a clevertap_id"
    HAS_IDENTITY = "somebody it can be told of"
    GOOD_ADDRESS = "an address that can be written to"
    CONTACT = "an e-mail address, and Mailmodo not switched off"
    KNOWN_USER = "a user that was identified, and Mailmodo not switched off"


class Shape(StrEnum):
    """How the call looks."""

    CLEVERTAP_EVENT = "CleverTap event"
    MAILMODO_TRACK = "Segment track of Mailmodo"
    MAILMODO_FORM = "Segment track of a Mailmodo form"
    MAILJET_TRACK = "Segment track of Mailjet"
    CUSTOMERIO_TRACK = "Segment track of Customer.io"
    TRIGGER = "Mailmodo campaign trigger"
    CONTACT = "Mailmodo contact"
    CUSTOM_EVENT = "Mailmodo custom event"


@dataclass(frozen=True, slots=True)
class Route:
    """One row.

    Attributes:
        source: Who reports.
        kind: What happened.
        destination: Who is told; for Segment, under which source's write key.
        event: The event's name there; empty where the call has none of its own.
        shape: How the call looks.
        gate: What must hold.
        where: Which of the source's webhooks reports it; anything for any.
    """

    source: SourceName
    kind: Kind
    destination: str
    event: str
    shape: Shape
    gate: Gate
    where: str = ANYWHERE

    def __str__(self) -> str:
        return f"row {self.source} {self.kind} {self.where}"


def _mailmodo_rows() -> tuple[Route, ...]:
    source, to_segment = SourceName.MAILMODO, segment.destination_name(SourceName.MAILMODO)
    segment_names = {
        Kind.SENT: "Email Sent",
        Kind.OPENED: "Email Opened",
        Kind.LINK_CLICKED: "Link Clicked",
        Kind.FORM_SUBMITTED: "Email Form Submitted",
        Kind.MARKED_AS_SPAM: "Email Marked as Spam",
        Kind.BOUNCED: "Email Bounced",
        Kind.UNSUBSCRIBED: "Email Unsubscribed",
    }
    clevertap_names = (
        (Kind.OPENED, "MM Email Opened"),
        (Kind.LINK_CLICKED, "MM Email Link Clicked"),
        (Kind.FORM_SUBMITTED, "MM Email Form Submitted"),
        (Kind.FORM_SUBMITTED, "MM <Template Name> Form Submitted"),
        (Kind.BOUNCED, "MM Email Bounced"),
        (Kind.UNSUBSCRIBED, "MM Email Unsubscribed"),
        (Kind.MARKED_AS_SPAM, "MM Email Marked as Spam"),
    )
    return (
        *(
            Route(source, kind, to_segment, name, Shape.MAILMODO_TRACK, Gate.IDENTIFIED, ACTIVITY)
            for kind, name in segment_names.items()
        ),
        *(
            Route(source, kind, clevertap.NAME, name, Shape.CLEVERTAP_EVENT, Gate.FROM_CLEVERTAP, ACTIVITY)
            for kind, name in clevertap_names
        ),
        # An exported form has a name of its own: its submission may be reported as an activity, too.
        *(
            Route(
                source,
                Kind.FORM_SUBMITTED,
                to_segment,
                "Form Submitted",
                Shape.MAILMODO_FORM,
                Gate.IDENTIFIED,
                where,
            )
            for where in (FORM, JOURNEY)
        ),
    )


def _six_events(source: SourceName, shape: Shape) -> tuple[Route, ...]:
    names = {
        Kind.DELIVERED: "Email Delivered",
        Kind.OPENED: "Email Opened",
        Kind.LINK_CLICKED: "Email Link Clicked",
        Kind.UNSUBSCRIBED: "Email Unsubscribed",
        Kind.BOUNCED: "Email Bounced",
        Kind.MARKED_AS_SPAM: "Email Marked as Spam",
    }
    to_segment = segment.destination_name(source)
    return tuple(
        Route(source, kind, to_segment, name, shape, Gate.HAS_IDENTITY) for kind, name in names.items()
    )


ROUTES: Final[tuple[Route, ...]] = (
    *_mailmodo_rows(),
    *_six_events(SourceName.MAILJET, Shape.MAILJET_TRACK),
    *_six_events(SourceName.CUSTOMERIO, Shape.CUSTOMERIO_TRACK),
    Route(SourceName.CLEVERTAP, Kind.CAMPAIGN_TRIGGERED, mailmodo.NAME, "", Shape.TRIGGER, Gate.GOOD_ADDRESS),
    Route(SourceName.SEGMENT, Kind.CONTACT_IDENTIFIED, mailmodo.NAME, "", Shape.CONTACT, Gate.CONTACT),
    Route(SourceName.SEGMENT, Kind.CUSTOM_TRACKED, mailmodo.NAME, "", Shape.CUSTOM_EVENT, Gate.KNOWN_USER),
)


def _index() -> dict[tuple[SourceName, Kind], tuple[Route, ...]]:
    rows: dict[tuple[SourceName, Kind], tuple[Route, ...]] = {}
    for route in ROUTES:
        rows[route.source, route.kind] = (*rows.get((route.source, route.kind), ()), route)
    return rows


_BY_KIND: Final = _index()


def routes_for(engagement: Engagement) -> tuple[Route, ...]:
    """Select the rows of an engagement, gates not yet asked."""
    rows = _BY_KIND.get((engagement.source, engagement.kind), ())
    return tuple([row for row in rows if row.where in (ANYWHERE, engagement.where)])


def check_gate(gate: Gate, engagement: Engagement, identities: Identities) -> str:  # noqa: C901, PLR0912 - one branch a gate
    """Ask a gate; the answer is why it is shut, or nothing."""
    recipient = engagement.recipient
    if gate is Gate.IDENTIFIED:
        if not recipient.email or identities.user_of(recipient.email) is None:
            return "not_identified"
    elif gate is Gate.FROM_CLEVERTAP:
        if (engagement.message.trigger_source or "").strip().lower() != "clevertap":
            return "not_from_clevertap"
        if not recipient.clevertap_id:
            return "no_clevertap_id"
    elif gate is Gate.HAS_IDENTITY:
        if not segment.choose_identity(engagement, identities):
            return "no_identity"
    elif gate is Gate.GOOD_ADDRESS:
        if not is_address(recipient.email):
            return "bad_address"
    elif gate is Gate.CONTACT:
        if not recipient.email:
            return "no_email"
        if not is_enabled(engagement.extras["integrations"]):
            return "integrations_object"
    elif gate is Gate.KNOWN_USER:
        if not is_enabled(engagement.extras["integrations"]):
            return "integrations_object"
        if not recipient.user_id or identities.address_of(recipient.user_id) is None:
            return "unknown_user"
        if not engagement.extras["event"]:
            return "no_event_name"
    return ""


def is_enabled(integrations: dict[str, Any], name: str = "Mailmodo") -> bool:
    """Read an `integrations` object: the destination's own entry, else `All`, else yes.

    Source: Segment docs, "Filtering data: the integrations object".
    """
    if name in integrations:
        return integrations[name] not in (False, None)
    return integrations.get("All", integrations.get("all", True)) is not False


class Router:
    """Carries the table out for one set of settings."""

    def __init__(self, settings: Settings, destinations: Collection[str]) -> None:
        self._settings = settings
        self._destinations = frozenset(destinations)

    def plan(self, intake: Intake, identities: Identities) -> Plan:
        """Decide what becomes of a piece; a mapping that raises quarantines it, with the raw bytes kept."""
        engagement = intake.engagement
        if engagement is None:
            return Plan((Outcome(state=State.QUARANTINED, reason=intake.problem),))
        try:
            return self._plan(engagement, identities)
        except Exception as error:  # noqa: BLE001 - authentic input is kept whatever the mapping thinks of it
            return Plan(
                (Outcome(state=State.QUARANTINED, reason=f"mapping: {type(error).__name__}: {error}"[:300]),)
            )

    def _plan(self, engagement: Engagement, identities: Identities) -> Plan:
        routes = routes_for(engagement)
        if not routes:
            nowhere = Outcome(state=State.FILTERED, reason=_why_nowhere(engagement))
            return Plan((nowhere,), evidence=self._evidence(engagement))
        outcomes = tuple([self._outcome(route, engagement, identities) for route in routes])
        return Plan(outcomes, _identity(engagement), self._evidence(engagement))

    def _evidence(self, engagement: Engagement) -> tuple[Evidence, ...]:
        """Give what an activity proves: that the campaign was sent to the address, at that moment.

        Only what happens once for each send proves one: an open may belong to an earlier one.
        """
        if self._settings.mailmodo_uncertain != "reconcile" or engagement.source is not SourceName.MAILMODO:
            return ()
        campaign, email = engagement.message.campaign_id, engagement.recipient.email
        if engagement.kind not in (Kind.SENT, Kind.BOUNCED) or not campaign or not email:
            return ()
        return (Evidence(mailmodo.match_key(campaign, email), unix_ms(engagement.occurred_at)),)

    def _outcome(self, route: Route, engagement: Engagement, identities: Identities) -> Outcome:
        if shut := check_gate(route.gate, engagement, identities):
            state = (
                State.QUARANTINED
                if shut == "bad_address" and "${" in engagement.recipient.email
                else State.FILTERED
            )
            reason = "placeholder_instead_of_address" if state is State.QUARANTINED else shut
            return Outcome(state=state, destination=route.destination, reason=reason)
        if route.destination not in self._destinations:
            return Outcome(state=State.FILTERED, destination=route.destination, reason="destination_is_off")
        return self.outcome_of(route, engagement, identities)

    def outcome_of(self, route: Route, engagement: Engagement, identities: Identities) -> Outcome:
        """Make the record of a row whose gate is open."""
        settings = self._settings
        match route.shape:
            case Shape.CLEVERTAP_EVENT:
                record = clevertap.event_record(engagement, route.event, id_as=settings.clevertap_id_as)
                return _send(route, clevertap.UPLOAD, record)
            case Shape.MAILMODO_TRACK | Shape.MAILMODO_FORM | Shape.MAILJET_TRACK | Shape.CUSTOMERIO_TRACK:
                outcome = _send(route, segment.TRACK, self._track(route, engagement, identities))
                if len(outcome.body) > segment.LARGEST_EVENT:
                    # Segment refuses it, and with it perhaps the whole batch.
                    return replace(outcome, state=State.QUARANTINED, reason="segment_event_too_large")
                return outcome
            case Shape.TRIGGER:
                path = mailmodo.trigger_path(engagement.where)
                outcome = _send(route, mailmodo.TRIGGER, mailmodo.trigger(engagement), path=path)
                if settings.mailmodo_uncertain == "reconcile":
                    key = mailmodo.match_key(engagement.where, engagement.recipient.email)
                    return replace(outcome, match_key=key)
                return outcome
            case Shape.CONTACT:
                record = mailmodo.contact(engagement, list_name=settings.mailmodo_list_name)
                lane = engagement.recipient.email.lower()
                return _send(route, mailmodo.ADD_TO_LIST, record, path="/api/v1/addToList", lane=lane)
            case Shape.CUSTOM_EVENT:
                address = identities.address_of(engagement.recipient.user_id) or ""
                record = mailmodo.custom_event(engagement, address)
                return _send(route, mailmodo.ADD_EVENT, record, path="/api/v1/addEvent", lane=address.lower())

    def _track(self, route: Route, engagement: Engagement, identities: Identities) -> dict[str, Any]:
        identity = segment.choose_identity(engagement, identities)
        if route.shape is Shape.MAILMODO_TRACK:
            return segment.mailmodo_track(engagement, route.event, identity)
        if route.shape is Shape.MAILMODO_FORM:
            return segment.mailmodo_form_track(engagement, route.event, identity)
        if route.shape is Shape.MAILJET_TRACK:
            return segment.mailjet_track(engagement, route.event, identity)
        names = self._settings.customerio_property_names
        return segment.customerio_track(engagement, route.event, identity, names=names)


def explain(router: Router, intake: Intake, identities: Identities) -> list[str]:
    """Show which rows match an engagement, what their gates say, and the call that each would make."""
    engagement = intake.engagement
    if engagement is None:
        return [f"quarantined: {intake.problem}"]
    lines = [
        f"{engagement.source} {engagement.kind} at {engagement.occurred_at.isoformat()} id {engagement.id}"
    ]
    routes = routes_for(engagement)
    if not routes:
        lines.append(f"  no row matches: filtered, {_why_nowhere(engagement)}")
    for route, outcome in zip(routes, router.plan(intake, identities).outcomes, strict=False):
        lines.append(
            f"  {route} -> {route.destination}{f' as {route.event!r}' if route.event else ''}, if {route.gate}"
        )
        if outcome.state is State.PENDING:
            where = f" {outcome.path}" if outcome.path else ""
            lines.append(f"     {outcome.operation}{where} {outcome.body.decode('utf-8', 'replace')}")
        else:
            lines.append(f"     {outcome.state}: {outcome.reason}")
    return lines


def _send(route: Route, operation: str, record: dict[str, Any], *, path: str = "", lane: str = "") -> Outcome:
    return Outcome(
        state=State.PENDING,
        destination=route.destination,
        operation=operation,
        path=path,
        body=dump(record),
        lane=lane,
    )


def _identity(engagement: Engagement) -> Identity | None:
    """Give what an identify makes known; one that Mailmodo never gets to see makes nothing known."""
    recipient = engagement.recipient
    if engagement.kind is not Kind.CONTACT_IDENTIFIED or not recipient.user_id or not recipient.email:
        return None
    if not is_enabled(engagement.extras["integrations"]):
        return None
    return Identity(recipient.user_id, recipient.email, engagement.occurred_at)


def _why_nowhere(engagement: Engagement) -> str:
    if engagement.extras.get("is_test") is True:
        return "test_call"
    return "unsupported_type" if engagement.source is SourceName.SEGMENT else "no_route"
