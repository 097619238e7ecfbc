from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from multidict import CIMultiDict

from contracts import Violation
from fakes.kit.exchange import Exchange, Fact
from simulator.journal import Entry, EntryKind, Journal, Step
from tests.support.sample_run import START, sample_run

ASHA = "asha@example.com"


def made_journal(**settings: Any) -> Journal:
    return Journal(lambda: START, **settings)


def tell(journal: Journal, **changes: Any) -> str:
    identity = changes.pop("id", "") or journal.open_entry()
    journal.exchange(made_exchange(identity, **changes))
    return identity


def made_exchange(identity: str, **changes: Any) -> Exchange:
    settings: dict[str, Any] = {
        "sender": "bridge",
        "receiver": "mailmodo",
        "contract": "mailmodo",
        "operation": "triggerCampaign",
        "kind": "operation",
        "method": "POST",
        "url": "https://api.mailmodo.com/api/v1/triggerCampaign/1",
        "request_headers": {"Content-Type": "application/json"},
        "request_body": b"{}",
        "status": 200,
        "response_headers": {},
        "response_body": b"{}",
        "started_at": START,
        "ended_at": START,
    }
    return Exchange(id=identity, **(settings | changes))


def fact(
    kind: str = "email_opened", subject: str = ASHA, *, vendor: str = "mailmodo", **changes: Any
) -> Fact:
    return Fact(vendor=vendor, kind=kind, subject=subject, at=START, **changes)


def test_ids_are_reserved_in_order_across_every_kind_of_entry() -> None:
    journal = made_journal()

    first = journal.open_entry()
    journal.fact(fact())
    step = journal.step("open", ASHA)
    note = journal.note("the bridge was started")
    tell(journal, id=first)

    assert [first, step, note] == ["e000001", "e000003", "e000004"]
    assert [(entry.id, entry.kind) for entry in journal] == [
        ("e000001", "exchange"),
        ("e000002", "fact"),
        ("e000003", "step"),
        ("e000004", "note"),
    ]
    assert len(journal) == 4


@pytest.mark.parametrize("identity", ["e000009", "e1x", "", "e000000", "x000001"])
def test_exchange_under_an_id_that_was_not_reserved_is_refused(identity: str) -> None:
    journal = made_journal()
    journal.open_entry()

    with pytest.raises(ValueError, match="open_entry"):
        journal.exchange(made_exchange(identity))


def test_same_id_cannot_be_recorded_twice() -> None:
    journal = made_journal()
    identity = tell(journal)

    with pytest.raises(ValueError, match="not a free id"):
        tell(journal, id=identity)


def test_journal_is_incomplete_while_an_exchange_is_under_way() -> None:
    journal = made_journal()
    pending = journal.open_entry()
    journal.fact(fact())

    assert not journal.is_complete
    assert journal.unfinished == (pending,)

    tell(journal, id=pending)

    assert journal.is_complete
    assert journal.unfinished == ()


def test_headers_are_kept_as_they_were_when_the_exchange_ended() -> None:
    journal = made_journal()
    headers = CIMultiDict({"Content-Type": "application/json"})
    identity = tell(journal, response_headers=headers)

    headers["Date"] = "later"

    entry = journal.by_id(identity)
    assert entry is not None
    assert isinstance(entry.payload, Exchange)
    assert dict(entry.payload.response_headers) == {"Content-Type": "application/json"}


def test_receivers_verdict_is_added_to_webhooks_only() -> None:
    wrong = Violation("request.body", "$", "{}", "an email")
    journal = made_journal(
        judges_for_receiver=lambda exchange: (wrong,) if exchange.receiver == "bridge.test" else ()
    )

    tell(journal, kind="webhook", sender="mailmodo", receiver="bridge.test", operation="activity")
    tell(journal, kind="operation", receiver="bridge.test")

    broken = journal.violations()
    assert [(b.entry, b.operation, b.wanted) for b in broken] == [("e000001", "activity", "an email")]


def test_exchanges_are_found_by_contract_operation_kind_sender_and_receiver() -> None:
    journal = made_journal()
    trigger = tell(journal)
    webhook = tell(journal, kind="webhook", sender="mailmodo", receiver="bridge.test", operation="activity")
    upload = tell(journal, contract="clevertap", receiver="clevertap", operation="upload")

    def found(**wanted: Any) -> list[str]:
        return [exchange.id for exchange in journal.exchanges(**wanted)]

    assert found() == [trigger, webhook, upload]
    assert found(contract="mailmodo") == [trigger, webhook]
    assert found(operation="upload") == [upload]
    assert found(kind="webhook") == [webhook]
    assert found(sender="bridge", receiver="clevertap") == [upload]
    assert found(sender="nobody") == []


def test_facts_are_found_by_vendor_kind_and_subject_in_order() -> None:
    journal = made_journal()
    journal.fact(fact("email_sent", "ravi@example.com"))
    journal.fact(fact("email_opened"))
    journal.fact(fact("event_stored", vendor="clevertap", details={"name": "MM Email Opened"}))
    journal.fact(fact("email_sent"))

    assert [f.subject for f in journal.facts("mailmodo", "email_sent")] == ["ravi@example.com", ASHA]
    assert [f.kind for f in journal.facts("mailmodo")] == ["email_sent", "email_opened", "email_sent"]
    assert [f.kind for f in journal.facts(subject=ASHA)] == ["email_opened", "event_stored", "email_sent"]
    assert [f.vendor for f in journal.facts("clevertap", subject=ASHA)] == ["clevertap"]
    assert [entry.id for entry in journal.fact_entries(kind="email_sent")] == ["e000001", "e000004"]
    assert journal.facts("segment") == []


def test_counts_name_stored_events_and_keep_a_fixed_order() -> None:
    journal = made_journal()
    tell(journal)
    journal.fact(fact("email_sent"))
    for name in ("MM Email Opened", "MM Email Opened", "MM Email Sent"):
        journal.fact(fact("event_stored", vendor="clevertap", details={"name": name}))
    journal.fact(fact("message_accepted", vendor="segment", details={"type": "identify", "event": None}))

    assert [(count.vendor, count.event, count.kind, count.count) for count in journal.counts()] == [
        ("clevertap", "event_stored: MM Email Opened", "fact", 2),
        ("clevertap", "event_stored: MM Email Sent", "fact", 1),
        ("mailmodo", "email_sent", "fact", 1),
        ("mailmodo", "triggerCampaign", "operation", 1),
        ("segment", "message_accepted: identify", "fact", 1),
    ]


def test_chain_leads_back_to_the_root() -> None:
    journal = made_journal()
    launch = journal.step("launch")
    webhook = tell(journal, kind="webhook", sender="clevertap", cause=launch)
    trigger = tell(journal, cause=webhook)
    journal.fact(fact("email_sent", cause=trigger))

    assert [entry.id for entry in journal.chain("e000004")] == ["e000004", trigger, webhook, launch]
    assert [entry.id for entry in journal.caused_by(webhook)] == [trigger]
    assert journal.caused_by("e000004") == []
    assert journal.chain("e999999") == []


def test_cause_that_is_still_under_way_ends_the_chain_for_now() -> None:
    journal = made_journal()
    pending = journal.open_entry()
    journal.fact(fact(cause=pending))

    assert [entry.id for entry in journal.chain("e000002")] == ["e000002"]

    tell(journal, id=pending)

    assert [entry.id for entry in journal.chain("e000002")] == ["e000002", pending]


def test_causes_in_a_circle_do_not_hang() -> None:
    journal = made_journal()
    first, second = journal.open_entry(), journal.open_entry()
    tell(journal, id=first, cause=second)
    tell(journal, id=second, cause=first)

    assert [entry.id for entry in journal.chain(first)] == [first, second]


def test_several_causes_of_what_the_bridge_sent_come_from_the_hook() -> None:
    journal = made_journal(
        cause_of=lambda exchange: ("e000001", "e000002") if exchange.sender == "bridge" else ()
    )
    first = tell(journal, kind="webhook", sender="mailmodo")
    second = tell(journal, kind="webhook", sender="mailmodo")
    upload = tell(journal)

    assert journal.causes(upload) == (first, second)
    assert [entry.id for entry in journal.caused_by(second)] == [upload]


def test_causes_that_become_known_later_are_asked_for_again() -> None:
    journal = made_journal()
    upload = tell(journal)
    webhook = tell(journal, kind="webhook", sender="mailmodo", request_body=b'{"email": "asha@example.com"}')
    journal.step("open", ASHA)
    journal.cause_of = lambda exchange: (webhook,) if exchange.id == upload else ()

    assert journal.causes(upload) == (webhook,)
    assert [entry.id for entry in journal.caused_by(webhook)] == [upload]


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": "Asha@Example.com"},
        {"request_body": b'{"email": "Asha@Example.com"}'},
        {"response_body": b'{"email":"asha@example.com"}'},
        {"url": "https://pixel.test/o?to=asha%40example.com"},
        {
            "request_body": b"email=asha%40example.com&score=9",
            "request_headers": {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
        },
        {"cause": "e000001"},
    ],
    ids=["as sender", "in the body", "in the answer", "in the URL", "in a form", "through its cause"],
)
def test_exchange_concerns_the_person_whom_it_names(changes: dict[str, Any]) -> None:
    journal = made_journal()
    journal.step("open", ASHA)
    journal.step("open", "ravi@example.com")
    identity = tell(journal, **changes)

    assert [entry.id for entry in journal.of_person("ASHA@example.com")] == ["e000001", identity]
    assert journal.people_of(identity) == (ASHA,)


def test_exchange_concerns_the_person_about_whom_it_made_a_fact_true() -> None:
    journal = made_journal()
    upload = journal.open_entry()
    journal.fact(fact("event_stored", vendor="clevertap", cause=upload))
    tell(journal, id=upload, request_body=b'{"d": [{"objectId": "_1"}]}')

    assert [entry.id for entry in journal.of_person(ASHA)] == [upload, "e000002"]


def test_addresses_that_nobody_acts_under_are_no_people() -> None:
    journal = made_journal()
    journal.step("open", ASHA)
    tell(journal, request_body=b'{"from": "news@brand.example", "to": "asha@example.com"}')

    assert journal.people() == (ASHA,)


def test_people_keep_up_with_what_is_recorded_between_questions() -> None:
    journal = made_journal()
    journal.step("open", ASHA)
    assert len(journal.of_person(ASHA)) == 1

    pending = journal.open_entry()
    journal.step("click", ASHA)
    assert len(journal.of_person(ASHA)) == 2

    tell(journal, id=pending, sender=ASHA)
    assert [entry.id for entry in journal.of_person(ASHA)] == ["e000001", "e000002", "e000003"]


def test_steps_are_found_by_verb_and_person() -> None:
    journal = made_journal()
    journal.step("launch", details={"campaign": "ask"})
    journal.step("open", ASHA, cause="e000001")

    assert [(step.actor, step.verb) for step in journal.steps()] == [("scenario", "launch"), (ASHA, "open")]
    assert [step.cause for step in journal.steps("open")] == ["e000001"]
    assert journal.steps(person="ravi@example.com") == []


def test_failure_inside_a_fake_is_kept_and_noted() -> None:
    journal = made_journal()
    error = KeyError("template")

    journal.failed(error)

    assert journal.errors == [error]
    (note,) = journal.entries(EntryKind.NOTE)
    assert "KeyError" in str(note.payload)


async def test_waiting_ends_with_the_entry_that_satisfies() -> None:
    journal = made_journal()

    def is_open(entry: Entry) -> bool:
        return isinstance(entry.payload, Step) and entry.payload.verb == "open"

    waiting = asyncio.create_task(journal.wait_for(is_open))
    await asyncio.sleep(1)
    journal.step("receive mail", ASHA)
    await asyncio.sleep(1)
    assert not waiting.done()

    journal.step("open", ASHA)

    assert (await waiting).id == "e000002"
    assert (await journal.wait_for(is_open)).id == "e000002"


async def test_predicate_that_fails_reaches_who_waits_and_nobody_else() -> None:
    journal = made_journal()
    waiting = asyncio.create_task(journal.wait_for(lambda entry: len(entry.id) < 1 / 0))
    await asyncio.sleep(0)

    journal.step("open", ASHA)

    with pytest.raises(ZeroDivisionError):
        await waiting
    journal.step("click", ASHA)
    assert len(journal) == 2


async def test_waiter_who_gives_up_is_forgotten() -> None:
    journal = made_journal()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(journal.wait_for(lambda _entry: False), 5)

    journal.step("open", ASHA)
    assert journal._waiters == []


def test_spooled_journal_answers_as_one_in_memory() -> None:
    whole, spooled = sample_run().journal, sample_run(memory_entries=10).journal

    assert len(whole) - 10 <= spooled.spooled <= len(whole)
    assert list(spooled) == list(whole)
    assert spooled.facts("mailmodo", "email_opened") == whole.facts("mailmodo", "email_opened")
    assert spooled.of_person(ASHA) == whole.of_person(ASHA)
    assert spooled.by_id("e000002") == whole.by_id("e000002")
    assert spooled.chain("e000060") == whole.chain("e000060")
    assert spooled.counts() == whole.counts()
    assert spooled.is_complete
    spooled.close()


def test_closing_removes_the_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with sample_run(memory_entries=5).journal as journal:
        first = journal.by_id("e000001")
        assert first is not None

    assert journal.by_id("e000001") is None
    assert list(tmp_path.iterdir()) == []


def test_entry_in_flight_longer_than_memory_lasts_keeps_its_place() -> None:
    journal = made_journal(memory_entries=3)
    pending = journal.open_entry()
    for _ in range(10):
        journal.step("open", ASHA)
    tell(journal, id=pending)

    assert [entry.id for entry in journal][:2] == ["e000001", "e000002"]
    assert journal.is_complete
    journal.close()


def test_recording_stays_cheap() -> None:
    """The bar is 15 µs for an exchange on a quiet machine; the slack is for a busy one."""
    journal = made_journal(secrets={"key": "a-secret-value"})
    headers = {f"X-Header-{number}": "value" for number in range(8)}
    exchanges = [
        made_exchange(f"e{number:06d}", request_headers=headers, response_headers=headers)
        for number in range(1, 4001)
    ]
    rounds = []
    for start in range(0, 4000, 500):
        began = perf_counter()
        for exchange in exchanges[start : start + 500]:
            journal.open_entry()
            journal.exchange(exchange)
        rounds.append((perf_counter() - began) / 500)

    assert min(rounds) < 30e-6


def test_equal_seeds_tell_equal_stories_in_fresh_processes() -> None:
    program = (
        "import hashlib, json; from tests.support.sample_run import sample_run;"
        "from simulator.reports.records import record; import sys;"
        "j = sample_run(seed=int(sys.argv[1])).journal;"
        "print(hashlib.sha256(''.join(json.dumps(record(j, e)) for e in j).encode()).hexdigest(), j.people())"
    )

    def told(seed: int, hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        root = Path(__file__).parents[2]
        command = [sys.executable, "-c", program, str(seed)]
        return subprocess.run(
            command, env=environment, cwd=root, capture_output=True, text=True, check=True
        ).stdout

    assert told(7, "1") == told(7, "2")
    assert told(7, "1") != told(8, "1")


def test_entry_time_is_when_it_was_learnt_and_the_fact_keeps_its_own() -> None:
    now = START + timedelta(hours=2)
    journal = Journal(lambda: now)
    journal.fact(fact())

    (entry,) = journal.fact_entries()
    assert entry.at == now
    assert isinstance(entry.payload, Fact)
    assert entry.payload.at == START
