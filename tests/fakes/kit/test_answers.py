"""Answers that are given again and again are written and judged once, and are the same answers."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import format_datetime
from random import Random
from typing import TYPE_CHECKING

from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from fakes.clevertap import CleverTapSettings, FakeCleverTap
from fakes.kit import Surroundings
from fakes.kit.answers import AnswerWriter, FixedAnswer
from fakes.kit.heads import Heads
from fakes.kit.request import Request
from tests.support.fakes import START, Recorder, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fakes.kit import Call

AT_ONCE = CleverTapSettings(upload_takes_s=0)
KEYS = {"X-CleverTap-Account-Id": AT_ONCE.account_id, "X-CleverTap-Passcode": AT_ONCE.passcode}
PROFILE = {"identity": "u1", "type": "profile", "profileData": {"Plan": "free"}}


class Talkative(FakeCleverTap):
    """A fake that answers what its contract does not know."""

    def handlers_at_once(self) -> Mapping[str, Callable[[Call], web.Response | FixedAnswer]]:
        answer = FixedAnswer(web.json_response({"status": "splendid"}, status=200))
        return {"upload": lambda _call: answer}


@given(
    st.lists(
        st.tuples(
            st.integers(min_value=-3_000_000, max_value=3_000_000), st.sampled_from([200, 204, 304, 429])
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_fixed_answer_has_the_bytes_of_one_that_is_new(given: list[tuple[int, int]]) -> None:
    """Whatever the clock does, backwards too: the date is that of the answer's own second."""
    writer = AnswerWriter(lambda: START)
    fixed: dict[int, FixedAnswer] = {}
    for us, status in given:
        at = START + timedelta(microseconds=us)
        body = b"" if status in (204, 304) else b'{"a":1}'
        answer = fixed.setdefault(
            status, FixedAnswer(web.Response(status=status, body=body, headers={"X-A": "1"}))
        )
        fresh = AnswerWriter(lambda: START).write(
            web.Response(status=status, body=body, headers={"X-A": "1"}), at
        )

        assert writer.write_fixed(answer, at) == fresh == writer.write(answer.response, at)
        assert f"Date: {format_datetime(at, usegmt=True)}\r\n".encode() in fresh


async def test_an_upload_that_is_answered_at_once_is_answered_and_kept_like_any_other() -> None:
    async def upload(settings: CleverTapSettings) -> tuple[list[tuple[object, ...]], list[str]]:
        async with stage(lambda given: FakeCleverTap(given, settings)) as made:
            answers: list[tuple[object, ...]] = []
            for records in ([], [PROFILE], [PROFILE] * 3, [PROFILE], [PROFILE, {"type": "event"}], [PROFILE]):
                url = f"{made.url('in1.api.clevertap.com')}/1/upload"
                async with made.session.post(url, json={"d": records}, headers=KEYS) as answer:
                    answers.append((answer.status, answer.content_type, await answer.read()))
            made.recorder.check(sent=False)
            kept = [
                (e.operation, e.status, e.request_body, e.response_body, e.response_headers, e.violations)
                for e in made.recorder.exchanges
            ]
            return [*answers, *kept], [fact.kind for fact in made.recorder.facts]

    assert await upload(AT_ONCE) == await upload(CleverTapSettings())


async def test_every_giving_of_a_fixed_answer_is_judged() -> None:
    async with stage(lambda given: Talkative(given, AT_ONCE)) as made:
        for _ in range(3):
            url = f"{made.url('in1.api.clevertap.com')}/1/upload"
            async with made.session.post(url, json={"d": [PROFILE]}, headers=KEYS) as answer:
                assert await answer.json() == {"status": "splendid"}

        assert len(made.recorder.exchanges) == 3
        for exchange in made.recorder.exchanges:
            assert {violation.where for violation in exchange.violations} == {"response.body"}
            assert "splendid" in str(exchange.violations)


async def test_what_an_upload_sets_off_names_it_and_what_comes_after_does_not() -> None:
    recorder = Recorder()
    surroundings = Surroundings(
        now=lambda: START,
        random=Random(7),
        observer=recorder,
        mail_host=recorder,
        phone_network=recorder,
        url_of=lambda host: f"https://{host}",
    )
    fake = FakeCleverTap(surroundings, AT_ONCE)
    body = json.dumps({"d": [PROFILE]}).encode()
    lines = {"Host": "127.0.0.1", "Content-Type": "application/json", **KEYS, "Content-Length": len(body)}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    head = Heads("https").read(f"POST /1/upload?dryRun=0 HTTP/1.1\r\n{text}\r\n".encode())
    assert head is not None

    for _ in range(2):
        written = fake.answer_at_once(Request(head, None), body)
        assert written is not None
        assert written.startswith(b"HTTP/1.1 200 OK\r\n")
    fake.tell("later", "u1")

    first, second = (exchange.id for exchange in recorder.exchanges)
    assert [fact.cause for fact in recorder.facts] == [first, second, ""]
    assert {exchange.url for exchange in recorder.exchanges} == {"https://127.0.0.1/1/upload?dryRun=0"}
