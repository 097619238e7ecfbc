"""Looks for whatever would keep a bridge from working: settings, store, clock, and each vendor.

Nothing is changed, and nothing is sent that stays with a vendor unless it is asked for.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp

from bridge.destinations import make_destinations
from bridge.errors import SettingsInvalid, StoreUnavailable
from bridge.event_types import NEARLY_FULL
from bridge.probes import make_probes
from bridge.routing import load_table
from bridge.sending import USER_AGENT
from bridge.sources import make_sources
from bridge.store import OPEN, Pause, file_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from bridge.probes import Probe
    from bridge.settings import Settings
    from bridge.store import Store

__all__ = ["Finding", "Grade", "examine"]

_LARGEST_SKEW_S: Final = 30.0
"""Signatures are taken within minutes, and events of the future are refused; half a minute is a sick clock."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=10)
_PROBE: Final = "doctor"
_SAFE_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


class Grade(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        grade: How bad it is.
        what: What was looked at.
        words: What was found, and what to do about it.
    """

    grade: Grade
    what: str
    words: str


async def examine(
    settings: Settings, store: Store, *, now: Callable[[], datetime], sends_events: bool = False
) -> AsyncIterator[Finding]:
    """Look at everything, and give each finding as soon as it is there.

    Args:
        settings: What the bridge would be told.
        store: Its store; not open.
        now: The machine's clock.
        sends_events: Whether to send the vendors' documented sample events.
    """
    for finding in _examine_settings(settings):
        yield finding
    for finding in await _examine_store(settings, store):
        yield finding
    skews: dict[str, float] = {}
    async with aiohttp.ClientSession(timeout=_TIMEOUT, headers={"User-Agent": USER_AGENT}) as session:
        for probe in make_probes(settings, now=now(), sends_events=sends_events):
            yield await _examine_vendor(session, probe, now=now, skews=skews)
    yield _judge_clock(skews)


def _examine_settings(settings: Settings) -> Sequence[Finding]:
    findings = []
    sources = [str(name) for name, source in make_sources(settings).items() if source.is_on]
    destinations = list(make_destinations(settings))
    for what, names, hint in (
        ("sources", sources, "none is on: give at least one its secret, as in mailmodo_webhook_secret"),
        ("destinations", destinations, "none is on: give at least one its key, as in mailmodo_api_key"),
    ):
        findings.append(Finding(Grade.OK if names else Grade.PROBLEM, what, ", ".join(names) or hint))
    for name in ("clevertap_url", "mailmodo_url", "segment_url"):
        parts = urlsplit(getattr(settings, name))
        if parts.scheme == "http" and parts.hostname not in _SAFE_HOSTS:
            words = f"{parts.scheme}://{parts.netloc} is not encrypted: keys and addresses could be read on the way"
            findings.append(Finding(Grade.PROBLEM, name, words))
    findings += _examine_routing(settings)
    if not settings.admin_token:
        words = "the admin API is off; admin_token turns it on"
        findings.append(Finding(Grade.NOTE, "admin_token", words))
    return findings


def _examine_routing(settings: Settings) -> Sequence[Finding]:
    """Read a routing table of one's own; the shipped one is always well."""
    if not settings.routing_file:
        return []
    try:
        rows = load_table(settings.routing_file).rows
    except SettingsInvalid as error:
        first, *others = error.problems
        more = f"; {len(others)} more: `python -m bridge routing` says all" if others else ""
        return [Finding(Grade.PROBLEM, "routing", f"{first}{more}")]
    if not rows:
        return [
            Finding(Grade.PROBLEM, "routing", f"{settings.routing_file} has no row: nobody is told anything")
        ]
    return [Finding(Grade.OK, "routing", f"{settings.routing_file} has {len(rows):,} rows")]


async def _examine_store(settings: Settings, store: Store) -> Sequence[Finding]:
    file = file_of(settings)
    if file is not None and not file.exists():
        return _examine_folder(settings, file)
    try:
        await store.open(is_serving=False)
        try:
            await store.set_pause(_PROBE, Pause(reason="written by doctor"))
            await store.set_pause(_PROBE, None)
            damage, counts = await store.check(), await store.counts()
            waiting = sum([each.number for each in await store.standings(*OPEN)])
            names = await store.count_names()
        finally:
            await store.close()
    except StoreUnavailable as error:
        return [Finding(Grade.PROBLEM, "store", str(error))]
    if damage:
        return [Finding(Grade.PROBLEM, "store", f"damaged: {'; '.join(damage)}")]
    if not counts.is_balanced:
        return [Finding(Grade.PROBLEM, "store", "the books do not balance; look with `conserve`")]
    if settings.store_path == ":memory:" and not store.is_shared:
        return [Finding(Grade.PROBLEM, "store", "store_path is :memory: and loses everything at a restart")]
    words = f"can be written, no damage, books balanced, {waiting:,} deliveries wait"
    return [Finding(Grade.OK, "store", words), *_judge_event_types(settings, names)]


def _examine_folder(settings: Settings, file: Path) -> Sequence[Finding]:
    """Look where a store is going to be; to make it here would make it this user's."""
    if not file.parent.is_dir():
        words = f"there is no folder {file.parent} for {file.name}; make it, or change store_path"
        return [Finding(Grade.PROBLEM, "store", words)]
    if not os.access(file.parent, os.W_OK | os.X_OK):
        return [Finding(Grade.PROBLEM, "store", f"{file.parent} cannot be written by this user")]
    words = f"{file} is not there yet; the bridge makes it when it starts"
    return [Finding(Grade.OK, "store", words), *_judge_event_types(settings, {})]


def _judge_event_types(settings: Settings, names: Mapping[str, int]) -> Sequence[Finding]:
    """Compare the types of event that were sent with what the account may have."""
    findings = []
    for name, destination in make_destinations(settings).items():
        used, limit = names.get(name, 0), destination.limits.event_types
        if not limit:
            continue
        grade = Grade.OK
        words = f"{used:,} of {limit:,} event types were sent"
        if used >= limit:
            grade = Grade.PROBLEM
            words += "; whatever has a new name is dead: send fewer names, or have the vendor allow more"
        elif used >= limit * NEARLY_FULL:
            grade = Grade.NOTE
            words += "; beyond, whatever has a new name is dead"
        findings.append(Finding(grade, f"{name} events", words))
    return findings


async def _examine_vendor(
    session: aiohttp.ClientSession, probe: Probe, *, now: Callable[[], datetime], skews: dict[str, float]
) -> Finding:
    call = probe.call
    try:
        async with session.request(
            call.method, call.url, data=call.body or None, headers=call.headers, allow_redirects=False
        ) as response:
            body, status = await response.read(), response.status
            skew_s = _skew_s(response.headers.get("Date", ""), now())
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Finding(Grade.PROBLEM, probe.destination, f"{probe.url} cannot be reached: {_why(error)}")
    if skew_s is not None:
        skews[probe.url] = skew_s
    if 200 <= status < 300 and _is_good(body):
        return Finding(Grade.OK, probe.destination, f"{probe.url} {probe.proves}")
    words = f"{probe.url} answered {status}{_quoted(body)}"
    if status in (401, 403):
        words += "; check the credentials, and that the URL is that of the account's region"
    return Finding(Grade.PROBLEM, probe.destination, words)


def _is_good(body: bytes) -> bool:
    """Judge a 2xx by its body: vendors say `success: false` or `status: fail` in one."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if isinstance(answer, dict):
        return answer.get("success") is not False and answer.get("status") not in ("fail", "partial")
    return isinstance(answer, list)


def _quoted(body: bytes) -> str:
    """Quote what a vendor says about itself; what names an address is left out."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ", not with JSON"
    fields = answer if isinstance(answer, dict) else {}
    said = next((fields[name] for name in ("message", "error") if isinstance(fields.get(name), str)), "")
    return f": {said[:120]}" if said and "@" not in said else ""


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    inner = getattr(error, "os_error", None) or error
    return getattr(inner, "strerror", None) or str(inner) or type(error).__name__


def _skew_s(date: str, now: datetime) -> float | None:
    try:
        return (now - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return None


def _judge_clock(skews: dict[str, float]) -> Finding:
    """Compare this machine's clock with the vendors': each answer says what time it was there, in whole seconds."""
    if not skews:
        return Finding(Grade.NOTE, "clock", "no vendor answered, so that it could not be compared")
    url, skew_s = max(skews.items(), key=lambda each: abs(each[1]))
    direction = "ahead of" if skew_s > 0 else "behind"
    if abs(skew_s) > _LARGEST_SKEW_S:
        words = f"{abs(skew_s):.0f} s {direction} {url}; have it set by NTP"
        return Finding(Grade.PROBLEM, "clock", words)
    return Finding(Grade.OK, "clock", "agrees with the vendors'")
