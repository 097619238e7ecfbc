"""The official Python library, unmodified, against the fake on real sockets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from segment.analytics.client import Client
from segment.analytics.request import APIError

from fakes.segment import FakeSegment
from tests.support.serving import Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakes.segment import Source


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(FakeSegment) as up:
        yield up
        up.recorder.check()


@pytest.fixture
def source(served: Served) -> Source:
    (fake,) = served.fakes
    assert isinstance(fake, FakeSegment)
    return fake.state.add_source("Python")


def host(served: Served) -> str:
    return served.url("api.segment.io")


def call_everything(client: Client) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    client.identify("u1", {"email": "asha@example.com", "name": "Asha ü"})
    client.track(
        "u1", "Email Opened", {"email_id": "e1", "at": at}, timestamp=at, integrations={"Mailmodo": False}
    )
    client.page("u1", "Docs", "Home", {"url": "https://example.com"})
    client.screen("u1", "App", "Start")
    client.group("u1", "g1", {"plan": "Pro"})
    client.alias("u1", "u2")
    client.track(None, "Email Bounced", anonymous_id="ravi@example.com")


def accepted(served: Served) -> list[dict[str, Any]]:
    return [dict(fact.details) for fact in served.recorder.facts_of("message_accepted")]


def check_everything(found: list[dict[str, Any]]) -> None:
    kinds = ["identify", "track", "page", "screen", "group", "alias", "track"]
    assert [each["type"] for each in found] == kinds
    assert found[0]["traits"] == {"email": "asha@example.com", "name": "Asha ü"}
    assert found[1]["event"] == "Email Opened"
    assert found[1]["properties"]["email_id"] == "e1"
    assert found[1]["integrations"] == {"Mailmodo": False}
    assert (found[2]["name"], found[4]["group_id"], found[5]["previous_id"]) == ("Home", "g1", "u1")
    assert (found[6]["user_id"], found[6]["anonymous_id"]) == (None, "ravi@example.com")
    assert {each["context"]["library"]["name"] for each in found} == {"analytics-python"}
    assert len({each["message_id"] for each in found}) == len(kinds)


@pytest.mark.parametrize("gzip", [False, True])
def test_library_in_sync_mode_gets_everything_through(served: Served, source: Source, gzip: bool) -> None:  # noqa: FBT001
    client = Client(source.write_key, host=host(served), sync_mode=True, gzip=gzip)

    call_everything(client)

    check_everything(accepted(served))
    assert {exchange.status for exchange in served.recorder.exchanges} == {200}


@pytest.mark.parametrize("gzip", [False, True])
def test_library_with_its_queue_gets_everything_through(served: Served, source: Source, gzip: bool) -> None:  # noqa: FBT001
    failures: list[tuple[Any, ...]] = []
    client = Client(
        source.write_key,
        host=host(served),
        gzip=gzip,
        on_error=lambda *about: failures.append(about),
        upload_interval=0.05,
    )

    call_everything(client)
    client.flush()
    client.join()

    check_everything(accepted(served))
    assert failures == []


def test_library_sends_through_a_key_nobody_has_and_never_learns(served: Served, source: Source) -> None:
    client = Client("x" * 32, host=host(served), sync_mode=True)

    client.track("u1", "Email Opened")

    assert accepted(served) == []
    (lost,) = served.recorder.facts_of("message_discarded")
    assert lost.details["code"] == "unknown_source"


def test_library_understands_the_error_body() -> None:
    with serving(FakeSegment) as up:
        client = Client("abc123", host=host(up), sync_mode=True)

        with pytest.raises(APIError) as refusal:
            client.track("u1", "Email Opened")

        assert (refusal.value.status, refusal.value.code) == (400, "invalid_write_key")
        assert refusal.value.message == "Invalid writeKey"
        up.recorder.check(sent=False)
