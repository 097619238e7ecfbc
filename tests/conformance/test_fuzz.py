"""Every operation of the two fakes that others build against, fuzzed from its own contract on real sockets.

Whatever comes, the answer is one that the contract knows: never a failure of the fake, never silence.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts import load_contract
from fakes.clevertap import CleverTapSettings, FakeCleverTap
from fakes.mailmodo import FakeMailmodo, MailmodoSettings
from simulator.loop import LiveLoop, run
from tests.support.fakes import Recorder, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakes.kit import Fake, Surroundings

EXAMPLES: Final = 10
ANSWERS_WITHIN_S: Final = 10
CLEVERTAP: Final = CleverTapSettings(upload_takes_s=0, query_takes_s=0)
MAILMODO: Final = MailmodoSettings()
CREDENTIALS: Final = {
    "clevertap": {
        "X-CleverTap-Account-Id": CLEVERTAP.account_id,
        "X-CleverTap-Passcode": CLEVERTAP.passcode,
    },
    "mailmodo": {"mmApiKey": MAILMODO.api_key},
}


def make(vendor: str, surroundings: Surroundings) -> Fake:
    if vendor == "clevertap":
        return FakeCleverTap(surroundings, CLEVERTAP)
    return FakeMailmodo(surroundings, MAILMODO)


@contextmanager
def served(vendor: str) -> Iterator[tuple[str, Recorder]]:
    """Serve a fake on a thread of its own; give its URL and what is recorded."""
    started: list[tuple[str, Recorder]] = []
    is_up, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with stage(lambda surroundings: make(vendor, surroundings)) as made:
            started.append((made.url(load_contract(vendor).hosts[0]), made.recorder))
            is_up.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: run(serve(), loop_factory=LiveLoop))
    thread.start()
    assert is_up.wait(ANSWERS_WITHIN_S)
    try:
        yield started[0]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()


def operations(vendor: str) -> list[Any]:
    schema: Any = schemathesis.openapi.from_dict(dict(load_contract(vendor).document))
    return [
        pytest.param(vendor, found.ok(), id=f"{vendor}-{found.ok().label}")
        for found in schema.get_all_operations()
    ]


@pytest.mark.long
@pytest.mark.parametrize(("vendor", "operation"), [*operations("clevertap"), *operations("mailmodo")])
def test_every_operation_answers_whatever_comes_as_its_contract_says(vendor: str, operation: Any) -> None:
    with served(vendor) as (url, recorder), requests.Session() as session:

        @given(
            case=st.one_of(
                operation.as_strategy(),
                operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
            ),
            is_known=st.booleans(),
        )
        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def send(case: Any, *, is_known: bool) -> None:
            headers = CREDENTIALS[vendor] if is_known else {}
            answer = case.call(base_url=url, session=session, headers=headers, timeout=ANSWERS_WITHIN_S)
            assert answer.status_code < 500
            recorder.check(sent=False)

        send()
        assert len(recorder.exchanges) >= EXAMPLES // 2
