"""The routing table as a file: what it may say, what is refused and where, and that nothing gets out of its sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bridge import Settings, SettingsInvalid, SourceName
from bridge.cli import main
from bridge.destinations import make_destinations
from bridge.ingest import make_intakes, read_pieces
from bridge.routing import (
    DEFAULT_NAME,
    Router,
    Table,
    default_text,
    explain,
    load_table,
    read_table,
    table_schema,
)
from bridge.sources import Incoming, make_sources
from bridge.store import Plan, State
from tests.bridge.rig import SETTINGS, START, activity, customerio_event, identify, mailjet_event, rig

RECORDED = Path(__file__).parent / "data" / "outcomes.jsonl"
SMALL = """\
gates:
  known:
    says: somebody known
    checks:
      - {needs: "{{ recipient.email }}", else: nobody}
templates:
  plain:
    call: track
    body:
      type: track
      event: "{{ event }}"
      anonymousId: "{{ recipient.email }}"
      messageId: "{{ id }}"
      timestamp: "{{ occurred_at | iso }}"
      properties: {comment: "{{ extras.get('comment') }}", fixed: [1, true, "two"], ...with: }
rows:
  - {source: mailjet, kind: bounced, destination: segment/mailjet, event: Bounced, body: plain, gate: known}
"""
DEEP = f"{{{{ {'(' * 900}id{')' * 900} }}}}"
LONG = f"{{{{ id{' + id' * 500} }}}}"


class Somebody:
    """Identities as the recorded outcomes have them: some are known, by the length of their names."""

    def user_of(self, email: str) -> str | None:
        return None if len(email) % 3 == 0 else f"user of {email}"

    def address_of(self, user_id: str) -> str | None:
        return None if len(user_id) % 4 == 3 else f"{len(user_id)}@Example.com"


def plans(table: Table, source: SourceName, body: object, *, where: str = "", **changes: Any) -> list[Plan]:
    made = Settings.from_mapping({**SETTINGS, **changes})
    router = Router(made, make_destinations(made), table=table)
    reader = make_sources(Settings.from_mapping(SETTINGS))[source]
    incoming = Incoming(headers={}, body=json.dumps(body).encode(), received_at=START, where=where)
    intakes = make_intakes(reader, incoming, read_pieces(reader, incoming))
    return [router.plan(intake, Somebody()) for intake in intakes]


def sent(table: Table, source: SourceName, body: object, **more: Any) -> list[Any]:
    return [
        json.loads(outcome.body)
        for plan in plans(table, source, body, **more)
        for outcome in plan.outcomes
        if outcome.state is State.PENDING
    ]


def refused(text: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        read_table(text, "routing.yaml")
    return [str(problem) for problem in caught.value.problems]


# The shipped table


def test_the_shipped_table_makes_byte_for_byte_what_was_recorded_before_it_was_data():
    """The lines were recorded from the mapping in Python that the table replaced: odd values of every kind."""
    table = load_table("")
    lines = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]

    assert len(lines) > 100
    for line in lines:
        (plan,) = plans(
            table, SourceName(line["source"]), line["body"], where=line["where"], **line["settings"]
        )
        made = [
            {
                "state": outcome.state,
                "destination": outcome.destination,
                "operation": outcome.operation,
                "path": outcome.path,
                "body": outcome.body.decode(),
                "lane": outcome.lane,
                "reason": outcome.reason,
                "match_key": outcome.match_key,
            }
            for outcome in plan.outcomes
        ]
        assert made == line["outcomes"]
        assert (plan.identity and [plan.identity.user_id, plan.identity.email]) == line["identity"]
        assert [[each.match_key, each.at_ms] for each in plan.evidence] == line["evidence"]


def test_the_shipped_table_keeps_its_schema_and_the_schema_is_one():
    Draft202012Validator.check_schema(table_schema())

    Draft202012Validator(table_schema()).validate(yaml.safe_load(default_text()))


def test_every_row_says_in_which_line_it_stands():
    lines = default_text().splitlines()

    for row in load_table("").rows:
        file, _, number = row.at.partition(":")
        assert file == DEFAULT_NAME
        assert f"source: {row.source}" in lines[int(number) - 1]


# A table of one's own


def test_a_file_takes_the_place_of_the_shipped_table():
    table = read_table(SMALL, "routing.yaml")

    (record,) = sent(table, SourceName.MAILJET, mailjet_event("bounce", comment="full"))
    (opened,) = plans(table, SourceName.MAILJET, mailjet_event("open"))

    assert (record["event"], record["timestamp"]) == ("Bounced", "2023-11-14T22:14:20.000Z")
    assert record["properties"] == {"comment": "full", "fixed": [1, True, "two"]}
    assert [outcome.reason for outcome in opened.outcomes] == ["no_route"]


def test_a_file_that_extends_replaces_rows_of_the_same_subject_and_leaves_the_others():
    text = "extends: default\n" + SMALL.replace("templates:", "templates:", 1)
    table = read_table(text, "routing.yaml")

    (own,) = sent(table, SourceName.MAILJET, mailjet_event("bounce"))
    (shipped,) = sent(table, SourceName.MAILJET, mailjet_event("open"))

    assert (own["event"], shipped["event"]) == ("Bounced", "Email Opened")
    assert len(table.rows) == len(load_table("").rows)


def test_a_file_that_extends_turns_rows_off_and_changes_what_shipped_rows_use():
    table = read_table(
        """\
extends: default
templates:
  mailmodo_contact:
    call: addToList
    body: {email: "{{ recipient.email }}", listName: Mine}
gates:
  from_clevertap:
    says: any trigger of a person that CleverTap knows
    checks: [{needs: "{{ recipient.clevertap_id }}", else: no_clevertap_id}]
rows:
  - {source: mailmodo, kind: opened, where: activity, destination: segment/mailmodo, off: true}
""",
        "routing.yaml",
    )

    opened = activity("Email Opened", properties={"campaign_trigger_source": "Rest API"})
    records = sent(table, SourceName.MAILMODO, opened)
    (contact,) = sent(table, SourceName.SEGMENT, identify("u-1", email="a@b.co", plan="pro"))

    assert [record["evtName"] for record in records] == ["MM Email Opened"]
    assert contact == {"email": "a@b.co", "listName": "Mine"}


def test_clevertaps_limits_hold_whatever_a_table_makes():
    """An event beyond them is refused, or kept under a name that nobody asked for."""
    table = read_table(
        """\
extends: default
templates:
  raw:
    call: upload
    body:
      type: event
      ...profile: "{{ clevertap_profile() }}"
      evtName: "{{ event }}"
      evtData: {...all: "{{ form.answers }}", subject: "{{ message.subject }}"}
      ts: "{{ occurred_at | unix }}"
gates: {anybody: {says: anybody, checks: [{needs: "{{ true }}", else: nobody}]}}
rows:
  - source: mailmodo
    kind: sent
    where: activity
    destination: clevertap
    event: "{{ message.template_name }}"
    body: raw
    gate: anybody
""",
        "routing.yaml",
    )
    answers = {
        "k" * 200: [1, 2],
        "a.b": {"x": 1},
        "ab": None,
        **{f"n{number}": number for number in range(120)},
    }

    def named(template: str, answers: dict[str, Any]) -> dict[str, Any]:
        made = activity("Email Sent", answers=answers)
        made["properties"] |= {"template_name": template, "email_subject": "é" * 500}
        return made

    long = named("NPS: 'Q1' " + "w" * 600, answers)
    purchase = named("Charged", {"Items": [{"sku": "a"}]})
    nameless = named("'%'", {})

    (record,) = [each for each in sent(table, SourceName.MAILMODO, long) if "evtName" in each]
    (bought,) = [each for each in sent(table, SourceName.MAILMODO, purchase) if "evtName" in each]
    (plan,) = plans(table, SourceName.MAILMODO, nameless)

    assert record["evtName"] == "NPS Q1 " + "w" * 505
    assert len(record["evtData"]) == 100
    assert record["evtData"]["k" * 120] == "1, 2"
    assert record["evtData"]["ab"] == '{"x":1}'
    assert all(isinstance(value, (str, int)) for value in record["evtData"].values())
    assert bought["evtData"]["Items"] == [{"sku": "a"}]
    assert len(bought["evtData"]["subject"].encode()) <= 512
    assert {each.reason for each in plan.outcomes if each.destination == "clevertap"} == {
        "mapping: no evtName"
    }


def test_a_row_may_start_a_campaign_that_the_file_names_and_its_path_is_quoted():
    table = read_table(
        """\
templates:
  welcome:
    call: triggerCampaign
    campaign: "{{ extras.traits.plan }}"
    body: {email: "{{ recipient.email }}", data: {plan: "{{ extras.traits.plan }}"}}
rows:
  - {source: segment, kind: contact_identified, destination: mailmodo, body: welcome}
""",
        "routing.yaml",
    )

    (plan,) = plans(table, SourceName.SEGMENT, identify("u-1", email="a@b.co", plan="a/../b?c"))

    assert plan.outcomes[0].path == "/api/v1/triggerCampaign/a%2F..%2Fb%3Fc"


def test_kinds_that_the_shipped_table_leaves_aside_can_be_sent():
    text = SMALL.replace("kind: bounced", "kind: other")

    (record,) = sent(read_table(text, "routing.yaml"), SourceName.MAILJET, mailjet_event("blocked"))

    assert record["event"] == "Bounced"


# Expressions


NASTY = st.text() | st.sampled_from(
    ['","evil":"', "}}{{ 7 * 7 }}", "{% raw %}", "\\", "\u2028", "<&>'\"", "\ud800"]
)


@given(comment=NASTY)
@settings(max_examples=200, deadline=None)
def test_nothing_that_a_webhook_says_becomes_structure_or_is_evaluated(comment: str):
    table = read_table(
        SMALL.replace("extras.get('comment') }}\"", "extras.get('comment') }} is said\""), "r.yaml"
    )

    (record,) = sent(table, SourceName.MAILJET, mailjet_event("bounce", comment=comment))

    clean = comment.encode("utf-8", "replace").decode()
    assert record["properties"] == {"comment": f"{clean} is said", "fixed": [1, True, "two"]}


@pytest.mark.parametrize("value", [None, True, 7, 1.5, "text", [1, None], {"a": {"b": None}}])
def test_an_expression_alone_keeps_the_type_of_its_value(value: object):
    (record,) = sent(read_table(SMALL, "r.yaml"), SourceName.MAILJET, mailjet_event("bounce", comment=value))

    assert record["properties"] == {
        **({} if value is None else {"comment": value}),
        "fixed": [1, True, "two"],
    }


@pytest.mark.parametrize(
    "expression",
    [
        "extras.__class__.__mro__",
        "recipient.email.__class__",
        "extras.get.__self__",
        "''.__class__.__base__.__subclasses__()",
        "user_of.__globals__",
        "extras.update({'a': 1})",
        "extras.nothing",
        "[extras.nothing]",
        "1e999",
        "1 / 0",
        "extras.keys()",
        "extras.get('comment').b.c",
        "'%s' % extras.nothing",
        "'a' * 1000000000000",
        "[1] * 1000000000000",
    ],
)
def test_what_reaches_out_of_the_sandbox_or_is_not_there_quarantines_the_webhook(expression: str):
    text = SMALL.replace("extras.get('comment')", expression)

    (plan,) = plans(read_table(text, "r.yaml"), SourceName.MAILJET, mailjet_event("bounce"))

    (outcome,) = plan.outcomes
    assert outcome.state is State.QUARANTINED
    assert outcome.reason.startswith("mapping: ")


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("rows:", "rowz:", "routing.yaml:16:1: rowz: found a key that is not known here; did you mean rows?"),
        (
            "rows:",
            "rows: [",
            "routing.yaml:17:3: YAML: found it broken: did not find expected node content, want",
        ),
        (
            "kind: bounced",
            "kind: bounce",
            "routing.yaml:17:23: rows.0.kind: found 'bounce'; did you mean bounced?",
        ),
        (
            "kind: bounced",
            "kind: bounced, kind: opened",
            "routing.yaml:17:38: kind: found it again (first in line 17)",
        ),
        ("source: mailjet, ", "", "routing.yaml:17:5: rows.0: found no source, wanted one"),
        (", body: plain", "", "routing.yaml:17:5: rows.0: found no body, wanted one"),
        ("body: plain", "body: plein", "rows.0.body: found the unknown template plein; did you mean plain?"),
        ("gate: known", "gate: knows", "rows.0.gate: found the unknown gate knows; did you mean known?"),
        ("else: nobody", "else: No Body", "gates.known.checks.0.else: found 'No Body', wanted small letters"),
        ("segment/mailjet", "clevertap", "rows.0.destination: found clevertap, wanted segment/mailmodo or "),
        ("call: track", "call: trak", "templates.plain.call: found 'trak'; did you mean track?"),
        ("call: track", "call: track\n    campaign: c", "templates.plain: found a campaign, wanted none"),
        ("event: Bounced, ", "", "rows.0: found no event, wanted one, because the body plain asks for it"),
        (
            "messageId: ",
            "message_id: ",
            "routing.yaml:9:5: templates.plain.body: found no messageId, wanted one, because track rests on it",
        ),
        (
            "{{ recipient.email }}",
            "{{ recipient.mail }}",
            "routing.yaml:5:10: gates.known.checks.0.needs: found the unknown field of recipient mail; did you mean email?",
        ),
        (
            "{{ occurred_at | iso }}",
            "{{ ocurred_at | iso }}",
            "routing.yaml:14:7: templates.plain.body.timestamp: found the unknown name ocurred_at; did you mean occurred_at?",
        ),
        ("| iso", "| isso", "found the unknown filter isso; did you mean iso?"),
        ("{{ id }}", "{{ id }", "templates.plain.body.messageId: found `{{ id }`"),
        ("{{ id }}", "{{ id is adress }}", "found the unknown test adress; did you mean address?"),
        ("{{ id }}", "{% set a = 1 %}", "found `{% set a = 1 %}`, wanted only {{ … }}, no statements"),
        ("{{ id }}", "{{ settings.mailmodo_api_key }}", "found the unknown setting mailmodo_api_key"),
        ("{{ id }}", "{{ here }}", "found the unknown name here"),
        (
            "{{ recipient.email }}",
            "recipient.email",
            "found 'recipient.email', wanted an expression, {{ … }}",
        ),
        (
            ", gate: known}",
            ", gate: known, with: {a: '{{ nope }}'}}",
            "rows.0.with.a: found the unknown name nope",
        ),
        (
            "{{ id }}",
            "{{ 9 ** 9 ** 9 }}",
            "routing.yaml:13:7: templates.plain.body.messageId: found `{{ 9 ** 9 ** 9 }}` with **, which may",
        ),
        ("{{ id }}", "{# id #}", "found `{# id #}`, which says nothing, wanted an expression, {{ … }}"),
        pytest.param("{{ id }}", DEEP, "…`, which is too deep, wanted a simpler one", id="deep"),
        pytest.param("{{ id }}", f"{{{{ 1{' + 1' * 3000} }}}}", "…`, which is too deep", id="many ones"),
        pytest.param(
            "{{ id }}",
            LONG,
            "routing.yaml:9:5: templates.plain.body: found an expression too deep to be compiled, wanted a simpler",
            id="long body",
        ),
        pytest.param(
            "{{ recipient.email }}",
            LONG,
            "routing.yaml:4:5: gates.known.checks: found an expression too deep to be compiled, wanted a simpler",
            id="long gate",
        ),
        (
            '"{{ id }}"',
            "!!python/object/apply:os.system [id]",
            "routing.yaml:13:18: messageId: found the tag !!python/object/apply:os.system, wanted none",
        ),
        ('"{{ id }}"', "{!!binary aWQ=: 1}", "routing.yaml:13:19: aWQ=: found the tag !!binary, wanted none"),
        (
            "type: track",
            "<<: {type: track}",
            "routing.yaml:10:7: <<: found a merge of mappings, wanted the entries themselves",
        ),
        (
            'messageId: "{{ id }}"',
            "messageId:",
            "routing.yaml:13:7: templates.plain.body.messageId: found no messa",
        ),
        (
            '"{{ id }}"',
            "fixed",
            "templates.plain.body.messageId: found 'fixed', wanted an expression, {{ … }}, because it tells one",
        ),
        (
            "type: track",
            "type: identify",
            "templates.plain.body.type: found 'identify', wanted track, because",
        ),
        (
            "comment: ",
            '"{{ id }}": ',
            "properties.{{ id }}: found a key that is an expression, wanted a text",
        ),
        ("fixed: ", "fixed: 'id }}', more: ", "properties.fixed: found 'id }}', wanted {{ before }}"),
        (
            "kind: bounced",
            "kind: bounced, where: activity",
            "routing.yaml:17:38: rows.0.where: found 'activity', wanted none, because mailjet has one inlet",
        ),
        (
            "source: mailjet, kind: bounced",
            "source: mailmodo, kind: bounced, where: activty",
            "routing.yaml:17:39: rows.0.where: found 'activty'; did you mean activity?",
        ),
        (
            "gate: known}",
            "gate: known, off: true}",
            "rows.0.off: found a file that does not extend the shipped table, wanted extends: default",
        ),
        ("\n  known:", "\n  Known-One:", "routing.yaml:2:3: gates: found 'Known-One', wanted small letters"),
        (
            "gates:\n  known:",
            "gates:\nmore:\n  known:",
            "routing.yaml:1:1: gates: found nothing, wanted a map",
        ),
        ("\nrows:", "\n--- {}\nrows:", "YAML: found another document, wanted it well-formed"),
        (
            "fixed: ",
            "...more: ",
            "templates.plain.body.properties....more: found [1, True, 'two'], wanted an object",
        ),
    ],
)
def test_a_bad_file_is_refused_with_its_place_what_was_found_and_what_was_wanted(
    old: str, new: str, wanted: str
):
    text = SMALL.replace(old, new, 1)
    assert text != SMALL

    assert wanted in "\n".join(refused(text))


def test_all_keys_that_are_unknown_or_missing_are_said():
    unknown = refused(SMALL.replace("gates:", "gatez:").replace("rows:", "rowz:"))
    missing = refused("rows: [{source: mailjet}]")

    assert [problem.split(": ")[1] for problem in unknown] == ["gatez", "rowz"]
    assert [problem.split(": ")[2] for problem in missing] == [
        f"found no {key}, wanted one" for key in ("kind", "destination", "body")
    ]


ROW = SMALL.splitlines()[-1]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            ROW,
            "routing.yaml:18:5: rows.1: found what the row at routing.yaml:17 says already, wanted each row",
        ),
        (ROW.replace("bounced", "bounced, where: '*'"), "found what the row at routing.yaml:17 says already"),
        (
            ROW.replace("event: Bounced", "event: Other"),
            "rows.1: found a second track with the messageId of the row at routing.yaml:17, of which Segment keeps",
        ),
        (ROW.replace(", gate: known", ""), "rows.1: found a second track with the messageId of the row at"),
    ],
)
def test_what_would_be_sent_twice_or_lost_at_segment_is_refused(more: str, problem: str):
    (found,) = refused(f"{SMALL}{more}\n")

    assert problem in found


def test_a_row_that_forgets_the_inlet_of_the_shipped_one_is_refused_beside_it():
    row = "{source: mailmodo, kind: opened, destination: segment/mailmodo, event: Seen, body: mailmodo_track}"

    (found,) = refused(f"extends: default\nrows: [{row}]")

    assert found.startswith(
        "routing.yaml:2:8: rows.0: found a second track with the messageId of the row at bridge/"
    )


def test_several_rows_for_the_same_thing_are_taken_where_each_has_an_effect_of_its_own():
    gate = SMALL.split("templates:", maxsplit=1)[0].removeprefix("gates:\n").replace("known", "unknown")
    own = SMALL.split("rows:", maxsplit=1)[0].split("templates:\n")[1].replace("plain:", "second:")
    text = SMALL.replace("templates:\n", f"{gate}templates:\n{own.replace('{{ id }}', '{{ id }}-2')}")
    rows = [ROW.replace("gate: known", "gate: unknown"), ROW.replace("body: plain", "body: second")]

    table = read_table("\n".join([text.rstrip(), *rows]), "routing.yaml")

    assert len(table.rows) == 3


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("kind: opened, destination: clevertap", "wanted where: activity"),
        (
            "kind: form_submitted, destination: segment/mailmodo",
            "wanted where: activity or where: form or where",
        ),
        (
            "kind: delivered, destination: clevertap",
            "wanted the subject of a row that `python -m bridge routing",
        ),
    ],
)
def test_a_row_that_takes_nothing_away_is_refused(row: str, wanted: str):
    (found,) = refused(f"extends: default\nrows: [{{source: mailmodo, {row}, off: true}}]")

    assert "rows.0: found no shipped row for it to take away" in found
    assert wanted in found


@pytest.mark.parametrize(
    ("event", "with_", "wanted"),
    [
        (
            "'100% Read.'",
            "{}",
            "rows.0.event: found '100% Read.', wanted a name that CleverTap keeps as it is, like",
        ),
        ("E" * 513, "{}", f"as it is, like '{'E' * 512}'"),
        (
            "Read",
            "{a.b: 1}",
            "rows.0.with.a.b: found 'a.b', wanted a name that CleverTap keeps as it is, like 'ab'",
        ),
        ("Read", f"{{{'k' * 121}: 1}}", f"as it is, like '{'k' * 120}'"),
    ],
)
def test_names_that_clevertap_would_change_are_refused(event: str, with_: str, wanted: str):
    row = f"{{source: mailmodo, kind: sent, destination: clevertap, event: {event}, body: clevertap_event, with: {with_}}}"

    (found,) = refused(f"extends: default\nrows: [{row}]")

    assert wanted in found


def test_a_body_without_what_its_guarantee_rests_on_is_quarantined_alone():
    text = SMALL.replace('"{{ id }}"', "\"{{ extras.get('nothing') }}\"") + ROW.replace("bounced", "opened")

    (plan,) = plans(read_table(text, "r.yaml"), SourceName.MAILJET, mailjet_event("bounce"))

    assert [(each.state, each.reason) for each in plan.outcomes] == [
        (State.QUARANTINED, "mapping: no messageId")
    ]


def test_a_few_lines_that_stand_for_billions_of_values_are_refused_soon():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]

    (problem,) = refused("\n".join(lines))

    assert "found more than 50,000 values, aliases followed, wanted fewer" in problem


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("/dev/zero", "routing_file: found what is not a plain file, wanted one"),
        ("large.yaml", "routing_file: found a file of 1,048,577 bytes, wanted at most 1,048,576"),
        ("latin.yaml", "routing_file: found not text in UTF-8, wanted a readable file"),
        ("none.yaml", "routing_file: found No such file or directory, wanted a readable file"),
        (".", "routing_file: found what is not a plain file, wanted one"),
    ],
)
def test_a_file_that_cannot_be_a_table_is_not_read(tmp_path: Path, name: str, wanted: str):
    (tmp_path / "large.yaml").write_text("#" * 1_048_577)
    (tmp_path / "latin.yaml").write_bytes("# é".encode("latin-1"))

    with pytest.raises(SettingsInvalid) as caught:
        load_table(str(tmp_path / name))

    assert wanted in str(caught.value)


def test_everything_that_is_wrong_is_said_at_once():
    text = SMALL.replace("recipient.email", "recipient.mail").replace("{{ id }}", "{{ ids }}")

    assert [problem.split(": ")[0] for problem in refused(text)] == [
        "routing.yaml:5:10",
        "routing.yaml:12:7",
        "routing.yaml:13:7",
    ]


def test_what_a_row_adds_needs_a_place_in_its_body():
    text = SMALL.replace(", ...with: }", "}").replace("gate: known}", "gate: known, with: {a: 1}}")

    assert "rows.0.with: found a body, plain, without ...with" in refused(text)[0]


@pytest.mark.parametrize("text", ["", "{}", "rows: []", "# nothing\n"])
def test_an_empty_table_routes_nothing(text: str):
    (plan,) = plans(read_table(text, "r.yaml"), SourceName.CUSTOMERIO, customerio_event())

    assert [outcome.reason for outcome in plan.outcomes] == ["no_route"]


@pytest.mark.parametrize("text", ["[]", "a", "a: &a [*a]", "? [a]\n: b", "[" * 200, "\x00", "a: *b", "\t- a"])
def test_what_is_no_table_is_refused_and_never_raises_anything_else(text: str):
    assert refused(text)


# In a bridge


async def test_a_reload_takes_a_changed_file_up_and_a_wrong_one_changes_nothing(tmp_path: Path):
    file = tmp_path / "routing.yaml"
    file.write_text(SMALL)
    async with rig(routing_file=str(file)) as made:
        await made.mailjet(mailjet_event("bounce", time=1))
        file.write_text(SMALL.replace("event: Bounced", "event: Sent Back"))
        await made.bridge.reload(made.bridge.settings)
        await made.mailjet(mailjet_event("bounce", time=2))
        file.write_text(SMALL.replace("body: plain", "body: nothing"))
        with pytest.raises(SettingsInvalid, match=f"{file}:17"):
            await made.bridge.reload(made.bridge.settings)
        await made.mailjet(mailjet_event("bounce", time=3))
        await made.settle()

        assert [record["event"] for record in made.segment.records] == ["Bounced", "Sent Back", "Sent Back"]


def test_a_bridge_is_not_made_with_a_wrong_table(tmp_path: Path):
    file = tmp_path / "routing.yaml"
    file.write_text("rows: 1")

    for name, problem in (
        (file.name, "routing.yaml:1:1: rows: found 1, wanted a list"),
        ("none", "No such file"),
    ):
        settings_file = tmp_path / "bridge.toml"
        settings_file.write_text(f'port = 0\nstore_path = ":memory:"\nrouting_file = "{name}"\n')

        result = CliRunner().invoke(main, ["--settings", str(settings_file)])

        assert result.exit_code == 2
        assert problem in result.stderr


def test_explain_and_routing_name_the_rows_of_the_file(tmp_path: Path):
    (tmp_path / "routing.yaml").write_text(SMALL)
    (tmp_path / "bridge.toml").write_text('routing_file = "routing.yaml"\n')
    (tmp_path / "webhook.json").write_text(json.dumps(mailjet_event("bounce")))
    base = ["--settings", str(tmp_path / "bridge.toml")]

    explained = CliRunner().invoke(main, [*base, "explain", str(tmp_path / "webhook.json")])
    listed = CliRunner().invoke(main, [*base, "routing"])

    row = f"row mailjet bounced * ({tmp_path}/routing.yaml:17) -> segment/mailjet as 'Bounced', if somebody known"
    assert explained.stdout.splitlines()[1] == f"  {row}"
    assert explained.stdout.splitlines()[2].startswith('     track {"type":"track","event":"Bounced"')
    assert listed.stdout == f"{row}\n"


def test_the_shipped_table_and_the_schema_are_printed_to_begin_with():
    assert CliRunner().invoke(main, ["routing", "--default"]).stdout == default_text()
    assert json.loads(CliRunner().invoke(main, ["routing", "--schema"]).stdout) == table_schema()


def test_explain_shows_a_mapping_that_fails():
    table = read_table(SMALL.replace("extras.get('comment')", "extras.nothing"), "r.yaml")
    made = Settings.from_mapping(SETTINGS)
    reader = make_sources(made)[SourceName.MAILJET]
    body = json.dumps(mailjet_event("bounce")).encode()
    incoming = Incoming(headers={}, body=body, received_at=START)
    (intake,) = make_intakes(reader, incoming, read_pieces(reader, incoming))

    lines = explain(Router(made, make_destinations(made), table=table), intake, Somebody())

    assert lines[-1] == "     quarantined: mapping: UndefinedError: 'dict object' has no attribute 'nothing'"


def test_the_file_on_the_reference_page_is_taken():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "bridge-routing.md").read_text("utf-8")
    (text,) = [block.partition("```")[0] for block in page.split("```yaml\n")[1:]]
    table = read_table(text, "page.yaml")

    (plan,) = plans(table, SourceName.SEGMENT, identify("u-1", email="a@b.co", plan="pro", firstName="A"))
    (free,) = plans(table, SourceName.SEGMENT, identify("u-1", email="a@b.co"))

    assert plan.outcomes[0].path == "/api/v1/triggerCampaign/welcome-pro"
    assert [outcome.reason for outcome in free.outcomes] == ["not_paying"]
