"""Carries the routing table out: an engagement becomes outcomes, one for each row that fits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge.destinations import CALLS, clevertap, mailmodo, segment
from bridge.destinations.values import dump
from bridge.engagement import Kind, SourceName, unix_ms
from bridge.routing.expressions import make_context
from bridge.routing.vocabulary import names_of, public_settings
from bridge.store import Evidence, Identity, Outcome, Plan, State
from bridge.texts import LONGEST_KEY, key_of, storable

if TYPE_CHECKING:
    from collections.abc import Collection

    from jinja2.runtime import Context

    from bridge.engagement import Engagement
    from bridge.routing.table import Route, Table
    from bridge.settings import Settings
    from bridge.store import Identities, Intake

__all__ = ["Router", "why_nowhere"]


class Router:
    """Carries a table out for one set of settings.

    Attributes:
        table: The rows.
    """

    def __init__(self, settings: Settings, destinations: Collection[str], *, table: Table) -> None:
        self.table = table
        self._public = public_settings(settings)
        self._is_reconciling = settings.mailmodo_uncertain == "reconcile"
        self._destinations = frozenset(destinations)

    def plan(self, intake: Intake, identities: Identities) -> Plan:
        """Decide what becomes of a piece; a mapping that raises quarantines it, with the raw bytes kept."""
        engagement = intake.engagement
        if engagement is None:
            return Plan((Outcome(state=State.QUARANTINED, reason=intake.problem),))
        try:
            return self._plan(engagement, identities)
        except Exception as error:  # noqa: BLE001 - authentic input is kept whatever the mapping thinks of it
            reason = storable(f"mapping: {type(error).__name__}: {error}")[:300]
            return Plan((Outcome(state=State.QUARANTINED, reason=reason),))

    def _plan(self, engagement: Engagement, identities: Identities) -> Plan:
        routes = self.table.routes_for(engagement)
        if not routes:
            nowhere = Outcome(state=State.FILTERED, reason=why_nowhere(engagement))
            return Plan((nowhere,), evidence=self._evidence(engagement))
        context = make_context(names_of(engagement, identities, self._public))
        outcomes = tuple([self._outcome(route, context) for route in routes])
        return Plan(outcomes, _identity(engagement), self._evidence(engagement))

    def _evidence(self, engagement: Engagement) -> tuple[Evidence, ...]:
        """Give what an activity proves: that the campaign was sent to the address, at that moment.

        Only what happens once for each send proves one: an open may belong to an earlier one.
        """
        if not self._is_reconciling or engagement.source is not SourceName.MAILMODO:
            return ()
        campaign, email = engagement.message.campaign_id, engagement.recipient.email
        if engagement.kind not in (Kind.SENT, Kind.BOUNCED) or not campaign or not email:
            return ()
        return (Evidence(mailmodo.match_key(campaign, email), unix_ms(engagement.occurred_at)),)

    def _outcome(self, route: Route, context: Context) -> Outcome:
        shut = route.gate.shut_by(context) if route.gate else None
        if shut is not None:
            state = State.QUARANTINED if shut.is_quarantine else State.FILTERED
            return Outcome(state=state, destination=route.destination, reason=shut.reason)
        if route.destination not in self._destinations:
            return Outcome(state=State.FILTERED, destination=route.destination, reason="destination_is_off")
        context.parent["event"] = route.name_in(context)
        record = route.body.fill(context)
        return self._sent(route, record, context)

    def _sent(self, route: Route, record: dict[str, Any], context: Context) -> Outcome:
        """Make the outcome of a record: where the call goes, and what keeps it in order and apart from others."""
        if route.call == clevertap.UPLOAD:
            record = clevertap.fitted(record)
        for key in CALLS[route.call].needs:
            if key not in record:  # an expression gave null
                return Outcome(
                    state=State.QUARANTINED, destination=route.destination, reason=f"mapping: no {key}"
                )
        if route.call == mailmodo.TRIGGER:
            campaign = str(route.campaign(context)) if route.campaign else ""
            outcome = _send(route, record, path=mailmodo.trigger_path(campaign))
            if self._is_reconciling:
                return replace(outcome, match_key=mailmodo.match_key(campaign, record["email"]))
            return outcome
        if route.call in mailmodo.PATHS:
            return _send(route, record, path=mailmodo.PATHS[route.call], lane=key_of(record["email"].lower()))
        outcome = _send(route, record)
        if route.call == segment.TRACK and len(outcome.body) > segment.LARGEST_EVENT:
            # Segment refuses it, and with it perhaps the whole batch.
            return replace(outcome, state=State.QUARANTINED, reason="segment_event_too_large")
        return outcome


def why_nowhere(engagement: Engagement) -> str:
    """Say why no row is for an engagement."""
    if engagement.extras.get("is_test") is True:
        return "test_call"
    return "unsupported_type" if engagement.source is SourceName.SEGMENT else "no_route"


def _send(route: Route, record: dict[str, Any], *, path: str = "", lane: str = "") -> Outcome:
    return Outcome(
        state=State.PENDING,
        destination=route.destination,
        operation=route.call,
        path=path,
        body=dump(record),
        lane=lane,
    )


def _identity(engagement: Engagement) -> Identity | None:
    """Give what an identify makes known; one that Mailmodo never gets to see makes nothing known."""
    recipient = engagement.recipient
    if engagement.kind is not Kind.CONTACT_IDENTIFIED or not recipient.user_id or not recipient.email:
        return None
    if not mailmodo.is_enabled(engagement.extras["integrations"]):
        return None
    if max(len(recipient.user_id.encode()), len(recipient.email.encode())) > LONGEST_KEY:
        raise ValueError(f"a user or an address of more than {LONGEST_KEY} bytes")
    return Identity(recipient.user_id, recipient.email, engagement.occurred_at)
