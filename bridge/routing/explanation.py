"""Shows what the routing table makes of an engagement, and which rows of which file decided."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bridge.routing.router import why_nowhere
from bridge.store import State

if TYPE_CHECKING:
    from bridge.routing.router import Router
    from bridge.routing.table import Route
    from bridge.store import Identities, Intake, Outcome

__all__ = ["describe", "explain"]

_EXPRESSION: Final = re.compile(r"\{\{.*?\}\}")


def explain(router: Router, intake: Intake, identities: Identities) -> list[str]:
    """Show which rows match an engagement, what their gates say, and the call that each would make."""
    engagement = intake.engagement
    if engagement is None:
        return [f"quarantined: {intake.problem}"]
    lines = [
        f"{engagement.source} {engagement.kind} at {engagement.occurred_at.isoformat()} id {engagement.id}"
    ]
    routes = router.table.routes_for(engagement)
    outcomes = router.plan(intake, identities).outcomes
    if not routes:
        lines.append(f"  no row matches: filtered, {why_nowhere(engagement)}")
    for index, route in enumerate(routes):
        lines.append(f"  {describe(route)}")
        if len(outcomes) == len(routes):
            lines.append(_show(outcomes[index]))
    if len(outcomes) < len(routes):  # one of the mappings failed, and with it all of them
        lines += [_show(outcome) for outcome in outcomes]
    return lines


def describe(route: Route) -> str:
    """Say in one line what a row does, and where it stands."""
    event = f" as {_EXPRESSION.sub('…', route.event)!r}" if route.event else ""
    gate = f", if {route.gate.says}" if route.gate else ""
    return f"{route} ({route.at}) -> {route.destination}{event}{gate}"


def _show(outcome: Outcome) -> str:
    if outcome.state is not State.PENDING:
        return f"     {outcome.state}: {outcome.reason}"
    where = f" {outcome.path}" if outcome.path else ""
    return f"     {outcome.operation}{where} {outcome.body.decode('utf-8', 'replace')}"
