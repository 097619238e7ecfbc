"""Small scenarios as text: what tests of the reader, the builder and worlds start from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulator.run import Options, play_scenario
from simulator.scenario_reader import read_scenario

if TYPE_CHECKING:
    from simulator.journal import Journal
    from simulator.result import RunResult
    from simulator.scenario import Scenario

SURVEY: dict[str, Any] = {
    "scenario": "A survey",
    "starts": "2026-03-02T09:00:00+05:30",
    "lasts": "2 days",
    "accounts": {
        "mailmodo": {
            "templates": [
                {
                    "name": "NPS",
                    "form": {
                        "name": "nps",
                        "questions": {"score": "0..10", "why": "text", "plan": ["free", "pro"]},
                    },
                    "links": {"Shop": "https://shop.example"},
                }
            ],
            "campaigns": [
                {
                    "name": "nps",
                    "template": "NPS",
                    "subject": "Hello ${first_name}",
                    "trigger_app": "CleverTap",
                }
            ],
        },
        "clevertap": {
            "campaigns": [
                {
                    "name": "ask",
                    "channel": "webhook",
                    "calls": "mailmodo/nps",
                    "body": {
                        "email": "{{ Profile.Email }}",
                        "clevertap_id": "{{ Profile.objectId }}",
                        "data": {},
                    },
                },
                {
                    "name": "nudge",
                    "channel": "sms",
                    "text": "Hi",
                    "when": {"did_not": "MM Email Form Submitted", "within": "1 day", "after": "ask"},
                },
            ]
        },
    },
    "people": {
        "count": 3,
        "habits": {"open": {"share": "60 %", "after": "1 h"}},
        "named": [{"name": "Asha", "email": "asha@example.com", "opens": "after 2 h"}],
    },
    "journey": [{"at": "0 h", "clevertap": "launch ask"}],
    "expect": [{"clevertap.profile": "Asha", "has": "MM Email Opened"}],
}
"""CleverTap launches a webhook campaign that triggers a Mailmodo survey."""

RECEIPT: dict[str, Any] = {
    "scenario": "A receipt",
    "starts": "2026-03-02T08:00:00Z",
    "lasts": "1 day",
    "accounts": {
        "mailjet": {"messages": [{"name": "receipt", "subject": "Thanks, ${first_name}"}]},
        "segment": {},
    },
    "people": {"named": [{"name": "Ada", "opens": "after 1 h"}, {"name": "Ben", "opens": "never"}]},
    "journey": [{"at": "0 h", "mailjet": "send receipt"}],
}
"""Mailjet sends a receipt to two people; one opens it."""


def changed(story: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Copy a story with other values at dotted paths: `people__count=5`; None takes the key away."""
    copy: dict[str, Any] = json.loads(json.dumps(story))
    for path, value in changes.items():
        *parents, last = path.split("__")
        target: Any = copy
        for key in parents:
            target = target[int(key)] if isinstance(target, list) else target.setdefault(key, {})
        if isinstance(target, list):
            target[int(last)] = value
        elif value is None:
            target.pop(last, None)
        else:
            target[last] = value
    return copy


def text_of(story: dict[str, Any]) -> str:
    """Write a story as YAML; JSON is YAML."""
    return json.dumps(story, indent=2, ensure_ascii=False)


def scenario_of(story: dict[str, Any], **changes: Any) -> Scenario:
    """Read a story, with changes, as a scenario."""
    return read_scenario(text_of(changed(story, **changes)), "story.yaml")


def played(
    story: dict[str, Any], options: Options | None = None, **changes: Any
) -> tuple[RunResult, Journal]:
    """Play a story, with changes; give the result and the journal, which stays readable."""
    journals: list[Journal] = []
    scenario = scenario_of(story, **changes)
    result = play_scenario(
        scenario, options or Options(), then=lambda _result, journal: journals.append(journal)
    )
    return result, journals[0]
