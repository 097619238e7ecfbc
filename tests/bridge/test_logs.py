"""What a bridge logs: machine-readable lines with a delivery's number, and nothing personal or secret, whatever happens."""

from __future__ import annotations

import io
import json
import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from bridge.engagement import SourceName
from bridge.housekeeping import Housekeeper
from bridge.logs import LineFormatter, configure
from bridge.settings import Settings, table
from bridge.store import SqliteStore
from tests.bridge.rig import (
    OBJECT_ID,
    SETTINGS,
    START,
    activity,
    clevertap_answer,
    customerio_event,
    identify,
    mailjet_event,
    rig,
    track,
)
from tests.bridge.stores import add, claim
from tests.bridge.test_delivery import cut_off

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bridge.rig import Rig

ADDRESS = re.compile(r"[\w.+-]+(?:@|%40)[\w-]+")
SECRETS = [
    *(SETTINGS[row.name] for row in table() if row.is_secret and row.type == "str" and row.name in SETTINGS),
    *SETTINGS["customerio_signing_keys"],
    "wrong-secret",
]
PERSONAL = [OBJECT_ID, "u-77", "k-1", "Asha", "asha", "198.51.100.7", "order-17", "Fast"]


@contextmanager
def logged(**changes: Any) -> Iterator[io.StringIO]:
    """Have everything down to the last detail written as the settings say."""
    sink = io.StringIO()
    handler = logging.StreamHandler(sink)
    handler.setFormatter(LineFormatter(Settings.from_mapping({**SETTINGS, **changes})))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield sink
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


async def everything_happens(made: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a bridge log all that it can: good and bad webhooks, and every way in which a delivery can end."""
    made.mailmodo.script += [cut_off, 404, 404, 503, 401]
    made.clevertap.script += [clevertap_answer(1, (1, 512)), 429, 400]
    made.segment.script += [500, 403]
    person = {"email": "asha@example.com", "clevertap_id": OBJECT_ID}
    for number in range(6):
        await made.trigger(**person, data={"first_name": "Asha", "number": number})
    await made.from_segment(identify("u-77", email="asha@example.com", name="Asha"))
    await made.from_segment(track("u-77"))
    await made.from_segment({"type": "page", "messageId": "p", "userId": "u-77"})
    await made.activity(activity("Email Form Submitted"))
    await made.activity(activity("Email Form Submitted"))
    await made.activity(
        activity("Email Bounced", id_="a-2", properties={"reason": "no asha@example.com here"})
    )
    await made.mailjet([mailjet_event("click", ip="198.51.100.7"), mailjet_event("blocked")])
    await made.customerio(customerio_event(customer_id="u-77"))
    await made.customerio(customerio_event("clicked"), key="wrong-secret")
    await made.mailjet([mailjet_event("click")])
    await made.post("/sources/mailmodo/wrong-secret", activity())
    await made.post("/sources/mailjet", mailjet_event(), user="mailjet:wrong-secret")
    await made.activity(b'{"email": "asha@example.com"')
    await made.activity(activity(id_="odd", occurred_at="asha@example.com"))
    await made.trigger(email="${user_email}")
    await made.post("/sources/mailjet", b'"asha@example.com"' * 1_000, user="mailjet:mj-secret")

    def stumble(*_args: object, **_fields: object) -> None:
        raise ValueError("asha@example.com is not what mj-secret said of u-77")

    with monkeypatch.context() as patch:
        patch.setattr(made.bridge._sources[SourceName.MAILJET], "read", stumble)
        await made.mailjet([mailjet_event("spam")])
        patch.setattr(made.bridge._destinations["clevertap"], "judge", stumble)
        await made.activity(activity(id_="a-3"))
        await made.settle(seconds=3)
    await made.settle(seconds=7200)


@pytest.mark.slow
async def test_a_whole_run_logs_no_address_no_key_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    with logged(log_format="json") as sink:
        async with rig(max_body_bytes=10_000) as made:
            await everything_happens(made, monkeypatch)

    text = sink.getvalue()
    events = {json.loads(line)["event"] for line in text.splitlines()}
    assert events >= {
        "a webhook was answered",
        "a webhook is quarantined",
        "a webhook could not be read",
        "a delivery was attempted",
        "a delivery is dead",
        "a delivery is uncertain",
        "a destination is paused; check its credentials",
        "a destination takes deliveries again",
        "an answer could not be judged",
    }
    assert not ADDRESS.findall(text)
    assert not [secret for secret in SECRETS + PERSONAL if secret in text]
    # The words themselves are clean: nothing had to be struck out, but for the texts of exceptions.
    for record in caplog.records:
        if record.name.startswith("bridge"):
            fields = {
                key: value for key, value in vars(record).items() if key not in ("exc_info", "exc_text")
            }
            assert not ADDRESS.findall(str(fields)), record
            assert not [secret for secret in SECRETS + PERSONAL if secret in str(fields)], record


async def test_a_delivery_is_named_by_its_number_from_attempt_to_end():
    with logged(log_format="json") as sink:
        async with rig() as made:
            made.mailmodo.script += [503, 404]
            await made.trigger(email="asha@example.com")
            await made.settle()
            (stored,) = await made.bridge._store.deliveries()

    lines = [json.loads(line) for line in sink.getvalue().splitlines()]
    about = [(line["event"], line["reason"]) for line in lines if line.get("delivery_id") == stored.seq]
    assert about[0] == ("a delivery was attempted", "http_503")
    assert about[-1][0] == "a delivery is dead"


@pytest.mark.parametrize("status", [200, 400])
async def test_what_a_vendor_says_about_a_person_is_in_the_store_and_not_in_the_log(status: int):
    said = "Asha Rao with +4479460000 is on the block list"
    with logged(log_format="json") as sink:
        async with rig() as made:
            made.mailmodo.script.append(web.json_response({"success": False, "message": said}, status=status))
            await made.trigger(email="asha@example.com")
            await made.settle()
            (stored,) = await made.bridge._store.deliveries()

    lines = [json.loads(line) for line in sink.getvalue().splitlines()]
    code = "refused" if status == 200 else "http_400"
    assert stored.reason == f"{code} {said}"
    assert {line["reason"] for line in lines if line.get("delivery_id") == stored.seq} == {code}


def record(**fields: Any) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "bridge", "levelname": "INFO", "msg": "it happened", "created": 1_772_422_200.25, **fields}
    )


def test_text_is_key_and_value_quoted_where_it_must_be():
    line = LineFormatter(Settings()).format(
        record(
            delivery_id=7, reason='http_400 "no\nway"', destination="segment/mailjet", is_new=True, left=None
        )
    )

    assert line == (
        "at=2026-03-02T03:30:00.250+00:00 level=info logger=bridge "
        'event="it happened" delivery_id=7 reason="http_400 \\"no\\nway\\"" destination=segment/mailjet '
        "is_new=true left=None"
    )


@pytest.mark.parametrize(
    ("name", "msg", "args", "event"),
    [
        (
            "aiohttp.server",
            "Error handling request from %s",
            ("203.0.113.9",),
            "Error handling request from …",
        ),
        ("other", "%(who)s paid %.2f of 100%%", ({"who": "Asha"},), "… paid … of 100%%"),
        ("other", "100 % of it", (), "100 % of it"),
        ("bridge.delivery", "%d of them", (3,), "3 of them"),
    ],
)
def test_what_a_library_fills_in_is_left_out(name: str, msg: str, args: tuple[object, ...], event: str):
    settings = Settings.from_mapping({"log_format": "json"})

    line = LineFormatter(settings).format(record(name=name, msg=msg, args=args))

    assert json.loads(line)["event"] == event


def test_json_is_one_object_a_line_with_numbers_as_numbers():
    settings = Settings.from_mapping({"log_format": "json"})

    line = LineFormatter(settings).format(record(delivery_id=7, reason="a\nb"))

    assert "\n" not in line
    assert json.loads(line) == {
        "at": "2026-03-02T03:30:00.250+00:00",
        "level": "info",
        "logger": "bridge",
        "event": "it happened",
        "delivery_id": 7,
        "reason": "a\nb",
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_slips_in_is_struck_out_and_an_exception_keeps_its_text_for_itself(form: str):
    settings = Settings.from_mapping({"log_format": form, "mailmodo_api_key": "hush-hush"})
    try:
        int("asha@example.com")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)

    line = LineFormatter(settings).format(
        record(msg="GET /x?to=asha%40example.com key hush-hush", who="Asha <asha@example.com>", exc_info=info)
    )

    assert "asha" not in line
    assert "hush" not in line
    assert "ValueError" in line
    assert re.search(r"test_logs\.py:\d+ test_what_slips_in", line)


def test_the_password_inside_a_dsn_is_struck_out_alone_too():
    settings = Settings.from_mapping({"store_dsn": "postgresql://bridge:hush-hush@db/bridge"})

    line = LineFormatter(settings).format(record(reason='password "hush-hush" is wrong'))

    assert "hush" not in line


def test_the_level_is_what_the_settings_say_and_can_change(monkeypatch: pytest.MonkeyPatch):
    root = logging.Logger("root")  # noqa: LOG001 - one of its own, so that nobody else's is changed
    monkeypatch.setattr(logging, "getLogger", lambda name="": logging.Logger(name) if name else root)  # noqa: LOG001 - as above

    configure(Settings.from_mapping({"log_level": "warning"}))
    configure(Settings.from_mapping({"log_level": "debug", "log_format": "json"}))

    (handler,) = root.handlers
    assert root.level == logging.DEBUG
    assert isinstance(handler.formatter, LineFormatter)
    assert json.loads(handler.format(record()))["event"] == "it happened"


async def test_what_a_dead_process_had_claimed_is_told_with_its_number_as_a_field(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """The message is always the same words, so that it can be searched for."""
    path = str(tmp_path / "bridge.sqlite3")
    dead = SqliteStore(path)
    await dead.open()
    await add(dead, "k-1", "k-2")
    await claim(dead)
    await dead.close()
    store = SqliteStore(path)
    await store.open()
    keeper = Housekeeper(store, settings=Settings, never_twice=tuple, now=lambda: START, wake=lambda: None)

    await keeper.start()
    await store.close()
    await keeper.stop()

    first, second = caplog.records
    assert (first.getMessage(), vars(first)["deliveries"]) == (
        "deliveries had been claimed by a process that is gone or too slow",
        2,
    )
    assert (second.getMessage(), vars(second)["reason"]) == (
        "claims could not be handed back",
        f"{path} is not open",
    )
