"""A survey run as the simulator would record it, without a world: what tests of journal and reports start from.

CleverTap launches a webhook campaign; the bridge triggers Mailmodo; people open, answer, ignore, bounce,
unsubscribe and complain; activity goes back through the bridge to CleverTap; silent people get an SMS.
"""

from __future__ import annotations

import base64
import heapq
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from contracts import Violation
from fakes.kit import draw_uuid
from fakes.kit.exchange import Exchange, Fact
from simulator.journal import Journal
from simulator.result import ExpectationResult, Finding, FindingKind, LedgerResult, LedgerRule, RunResult

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
API_KEY = "QW12ER3-TY45UI6-OP78AS9-DF01GH2"
PASSCODE = "AXA-YZB-CLTP"
PATH_SECRET = "s3cret-of-the-path"
SECRETS = {"mailmodo.api_key": API_KEY, "clevertap.passcode": PASSCODE, "bridge.path_secret": PATH_SECRET}
_NAMES = [
    "Asha",
    "Ravi",
    "Meera",
    "Kabir",
    "Ishaan",
    "Diya",
    "Anika",
    "Vihaan",
    "Saanvi",
    "Arjun",
    "Zoya",
    "Rohan",
    "Tara",
    "Neel",
    "Priya",
    "Dev",
    "Leela",
    "Omar",
    "Nina",
    "Kiran",
]
_HTML = """<!doctype html><html><body style="font-family:Georgia,serif;background:#f4f1ea;padding:24px">
<h1 style="color:#5a3fc0">How are we doing, {name}?</h1><p>Hello {name}, one question, one minute.</p>
<p><a href="https://links.mailmodo.com/c/{ref}" style="background:#5a3fc0;color:#fff;padding:10px 18px">Read more</a></p>
<p><a href="https://links.mailmodo.com/u/{ref}">Unsubscribe</a></p>
<img src="https://pixel.mailmodo.com/o/{ref}" width="1" height="1"></body></html>"""
_AMP = """<!doctype html><html ⚡4email><body><h1>How are we doing, {name}?</h1>
<form method="post" action-xhr="https://forms.mailmodo.com/f/{ref}"><input name="score"><input name="why"></form></body></html>"""


@dataclass
class SampleRun:
    """A run that happened: its journal and what came of it."""

    journal: Journal
    result: RunResult
    emails: tuple[str, ...]


@dataclass
class _Teller:
    """Records what would happen, at the instant at which it would."""

    journal: Journal
    random: Random
    clock: list[datetime]
    emails: list[str] = field(default_factory=list)
    broken: bool = False
    order: int = 0
    queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        at = (self.clock[0] - START).total_seconds() + delay_s
        self.order += 1
        heapq.heappush(self.queue, (at, self.order, act))

    def play(self) -> None:
        while self.queue:
            at, _order, act = heapq.heappop(self.queue)
            self.clock[0] = START + timedelta(seconds=at)
            act()

    def send(
        self,
        sender: str,
        receiver: str,
        operation: str,
        *,
        url: str,
        body: Any = None,
        answer: Any = None,
        kind: str = "operation",
        contract: str = "",
        cause: str = "",
        headers: dict[str, str] | None = None,
        violations: tuple[Violation, ...] = (),
        facts: tuple[Fact, ...] = (),
        status: int = 200,
    ) -> str:
        identity = self.journal.open_entry()
        for fact in facts:
            self.journal.fact(
                Fact(
                    vendor=fact.vendor,
                    kind=fact.kind,
                    subject=fact.subject,
                    at=fact.at,
                    details=fact.details,
                    cause=identity,
                )
            )
        request_body = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        response_body = (
            answer if isinstance(answer, bytes) else json.dumps(answer or {"success": True}).encode()
        )
        self.journal.exchange(
            Exchange(
                id=identity,
                sender=sender,
                receiver=receiver,
                contract=contract or receiver,
                operation=operation,
                kind="webhook" if kind == "webhook" else "operation",
                method="GET" if body is None else "POST",
                url=url,
                request_headers={
                    "Host": url.split("/")[2],
                    "Accept": "*/*",
                    "User-Agent": "Python/3.11 aiohttp/3.12",
                    "Content-Type": "application/json",
                    "Content-Length": str(len(request_body)),
                    **(headers or {}),
                },
                request_body=request_body,
                status=status,
                response_headers={
                    "Content-Type": "image/gif"
                    if isinstance(answer, bytes)
                    else "application/json; charset=utf-8",
                    "Date": "Mon, 02 Mar 2026 03:30:00 GMT",
                    "Server": "Python/3.11 aiohttp/3.12",
                },
                response_body=response_body,
                started_at=self.clock[0],
                ended_at=self.clock[0] + timedelta(milliseconds=self.random.randint(2, 40)),
                cause=cause,
                violations=violations,
            )
        )
        return identity

    def ask(self, index: int, launch: str) -> None:
        name, email = _NAMES[index % len(_NAMES)], self.emails[index]
        ref, clevertap_id = draw_uuid(self.random), f"_{self.random.getrandbits(80):x}"
        webhook = self.send(
            "clevertap",
            "bridge.test",
            "campaignWebhook",
            kind="webhook",
            contract="clevertap",
            url=f"https://bridge.test/sources/clevertap/{PATH_SECRET}/campaigns/6f6d",
            body={"email": email, "clevertap_id": clevertap_id, "data": {"first_name": name}},
            cause=launch,
        )
        sent = Fact(
            vendor="mailmodo",
            kind="email_bounced" if index == 3 else "email_sent",
            subject=email,
            at=self.clock[0],
            details={"ref": ref, "campaign_name": "nps-march", "clevertap_id": clevertap_id},
        )
        trigger = self.send(
            "bridge",
            "mailmodo",
            "triggerCampaign",
            url="https://api.mailmodo.com/api/v1/triggerCampaign/6f6d",
            headers={"mmApiKey": API_KEY},
            body={"email": email, "data": {"first_name": name, "clevertap_id": clevertap_id}},
            answer={"success": True, "message": "", "ref": ref},
            cause=webhook,
            facts=(sent,),
        )
        if index == 3:
            self.later(
                4, lambda: self.activity("Email Bounced", email, cause=trigger, ref=ref, ct=clevertap_id)
            )
            return
        self.later(1, lambda: self.activity("Email Sent", email, cause=trigger, ref=ref, ct=clevertap_id))
        self.later(
            2, lambda: self.read(index, name=name, email=email, ref=ref, ct=clevertap_id, cause=trigger)
        )

    def read(self, index: int, *, name: str, email: str, ref: str, ct: str, cause: str) -> None:
        arrived = self.journal.step(
            "receive mail",
            email,
            details={
                "vendor": "mailmodo",
                "subject": f"How are we doing, {name}?",
                "html": _HTML.format(name=name, ref=ref),
                "amp": _AMP.format(name=name, ref=ref),
            },
            cause=cause,
        )
        if index == 1 or (index > 5 and self.random.random() < 0.4):
            self.later(2 * 86_400, lambda: self.nudge(email, arrived))
            return
        wait = self.random.lognormvariate(9.2, 1.0)
        self.later(wait, lambda: self.act(index, email, ref=ref, ct=ct, cause=arrived))

    def act(self, index: int, email: str, *, ref: str, ct: str, cause: str) -> None:
        step = self.journal.step(
            "open", email, details={"part": "amp" if index != 2 else "html"}, cause=cause
        )
        pixel = self.send(
            email,
            "mailmodo",
            "openPixel",
            url=f"https://pixel.mailmodo.com/o/{ref}?to={quote(email)}",
            answer=b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01",
            cause=step,
            facts=(
                Fact(
                    vendor="mailmodo",
                    kind="email_opened",
                    subject=email,
                    at=self.clock[0],
                    details={"ref": ref},
                ),
            ),
        )
        self.later(0.5, lambda: self.activity("Email Opened", email, cause=pixel, ref=ref, ct=ct))
        if index == 2 or self.random.random() < 0.3:
            self.later(2 * 86_400, lambda: self.nudge(email, step))
            return
        event, fact, verb, path = {
            4: ("Email Unsubscribed", "unsubscribed", "unsubscribe", "u"),
            5: ("Email Marked as Spam", "marked_as_spam", "mark as spam", "spam"),
        }.get(index, ("Email Form Submitted", "form_submitted", "submit", "f"))
        score = self.random.randint(0, 10)

        def finish() -> None:
            done = self.journal.step(verb, email, details={"score": score} if path == "f" else {}, cause=step)
            post = self.send(
                email,
                "mailmodo",
                "submitForm" if path == "f" else verb.replace(" ", "_"),
                url=f"https://forms.mailmodo.com/{path}/{ref}",
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                body=f"score={score}&why=Fast&email={quote(email)}".encode(),
                cause=done,
                facts=(
                    Fact(vendor="mailmodo", kind=fact, subject=email, at=self.clock[0], details={"ref": ref}),
                ),
            )
            answers = {"score": score, "why": "Fast"} if path == "f" else {}
            self.later(0.4, lambda: self.activity(event, email, cause=post, ref=ref, ct=ct, answers=answers))

        self.later(self.random.uniform(120, 1200), finish)

    def activity(
        self, event: str, email: str, *, cause: str, ref: str, ct: str, answers: dict[str, Any] | None = None
    ) -> None:
        webhook = self.send(
            "mailmodo",
            "bridge.test",
            "activity",
            kind="webhook",
            contract="mailmodo",
            url=f"https://bridge.test/sources/mailmodo/{PATH_SECRET}",
            body={"event": event, "email": email, "ref": ref, "clevertap_id": ct, "answers": answers or {}},
            cause=cause,
        )
        name = "MM NPS Survey Form Submitted" if answers else event.replace("Email ", "MM Email ")
        stored = Fact(
            vendor="clevertap",
            kind="event_stored",
            subject=email,
            at=self.clock[0],
            details={"name": name, "object_id": ct, "properties": answers or {}},
        )
        is_bad = self.broken and event in ("Email Opened", "Email Bounced")
        self.send(
            "bridge",
            "clevertap",
            "upload",
            url="https://in1.api.clevertap.com/1/upload",
            headers={
                "X-CleverTap-Passcode": PASSCODE,
                "Authorization": "Basic " + base64.b64encode(f"acc:{PASSCODE}".encode()).decode(),
            },
            body={
                "d": [
                    {
                        "objectId": ct,
                        "type": "event",
                        "evtName": name,
                        "ts": "soon" if is_bad else int(self.clock[0].timestamp()),
                        "evtData": answers or {"campaign_name": "nps-march"},
                    }
                ]
            },
            answer={"status": "success", "processed": 1, "unprocessed": []},
            cause=webhook,
            facts=(stored,),
            violations=(
                (
                    Violation(
                        "request.body", "$.d[0].ts", '"soon"', "type integer", "CleverTap docs, Upload Events"
                    ),
                )
                if is_bad
                else ()
            ),
        )

    def nudge(self, email: str, cause: str) -> None:
        self.journal.fact(
            Fact(
                vendor="clevertap",
                kind="sms_sent",
                subject=email,
                at=self.clock[0],
                details={"campaign": "nudge", "text": "We miss your answer!"},
                cause=cause,
            )
        )
        self.journal.step(
            "receive sms", email, details={"vendor": "clevertap", "text": "We miss your answer!"}, cause=cause
        )


def sample_run(
    *, seed: int = 7, people: int = 20, broken: bool = False, memory_entries: int = 50_000
) -> SampleRun:
    """Tell a run of four days; a broken one has violations, a failed expectation and ledger findings."""
    clock = [START]
    journal = Journal(lambda: clock[0], SECRETS, memory_entries=memory_entries)
    teller = _Teller(journal, Random(seed), clock, broken=broken)
    teller.emails = [
        f"{_NAMES[i % len(_NAMES)].lower()}{i // len(_NAMES) or ''}@example.com" for i in range(people)
    ]
    launch = journal.step("launch", details={"vendor": "clevertap", "campaign": "ask"})
    for index in range(people):
        teller.later(0.02 * index, lambda index=index: teller.ask(index, launch))  # type: ignore[misc]
    teller.play()
    clock[0] = START + timedelta(days=4)
    return SampleRun(journal, _result(journal, seed, people, broken=broken), tuple(teller.emails))


def _result(journal: Journal, seed: int, people: int, *, broken: bool) -> RunResult:
    asha = journal.fact_entries("mailmodo", "form_submitted", subject="asha@example.com")
    ravi = journal.fact_entries("clevertap", "sms_sent", subject="ravi@example.com")
    submitted = len(journal.facts("mailmodo", "form_submitted"))
    opened = journal.facts("mailmodo", "email_opened")
    (asha_opened,) = journal.fact_entries("mailmodo", "email_opened", subject="asha@example.com")
    expectations = (
        ExpectationResult(
            text="clevertap.profile asha@example.com has MM Email Form Submitted once within 2 h 6 min",
            where="scenarios/survey_follow_up.yaml:41:5",
            passed=not broken,
            message="it came 2 h 41 min after the launch, 35 min late" if broken else "",
            evidence=tuple(entry.id for entry in asha),
        ),
        ExpectationResult(
            text="clevertap.profile ravi@example.com got sms nudge at 2 days ± 1 min",
            where="scenarios/survey_follow_up.yaml:42:5",
            passed=True,
            evidence=tuple(entry.id for entry in ravi),
        ),
        ExpectationResult(
            text="{{ sms('nudge').count == people.count - submitted.count }}",
            where="scenarios/survey_follow_up.yaml:43:5",
            passed=True,
        ),
    )
    findings = (
        Finding(
            kind=FindingKind.LOST,
            subject="asha@example.com",
            text="Mailmodo says she opened; CleverTap has no MM Email Opened for her",
            at=asha_opened.at,
            evidence=(asha_opened.id,),
        ),
        Finding(
            kind=FindingKind.DOUBLED,
            subject="kabir@example.com",
            text="MM Email Bounced is on the profile twice, 4.2 s apart",
            at=START + timedelta(seconds=9),
            evidence=(),
        ),
    )
    rules = (
        LedgerRule(
            name="Mailmodo Email Opened → CleverTap MM Email Opened",
            expected=len(opened),
            met=len(opened) - broken,
        ),
        LedgerRule(
            name="Mailmodo Email Form Submitted → CleverTap MM NPS Survey Form Submitted",
            expected=submitted,
            met=submitted,
        ),
    )
    return RunResult(
        scenario_title="Survey with an SMS to non-respondents",
        scenario_path="scenarios/survey_follow_up.yaml",
        seed=seed,
        started_at=START,
        ended_at=START + timedelta(days=4),
        virtual_s=4 * 86_400.0,
        real_s=0.84,
        people=people,
        expectations=expectations,
        ledger=LedgerResult(rules=rules, findings=findings if broken else ()),
        violations=tuple(journal.violations()),
        counts=journal.counts(),
        exchanges=len(journal.exchanges()),
        is_complete=journal.is_complete,
    )
