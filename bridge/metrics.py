"""Publishes what was counted, in the text format that Prometheus scrapes.

The library `prometheus-client` writes the format; it is an extra, because a bridge works without being scraped. What
stands in the store is counted when it is asked for, so that several bridges on one store agree.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from bridge.errors import ExtraMissing
from bridge.store import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bridge.store import Standing
    from bridge.tally import Spread, Tally

__all__ = ["CONTENT_TYPE", "METRICS", "expose"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

METRICS: Final[Mapping[str, tuple[str, tuple[str, ...], str]]] = {
    "bridge_ingest_total": (
        "counter",
        ("source", "verdict"),
        "Webhooks by what became of them: stored, known, or why they were not taken.",
    ),
    "bridge_commit_seconds": ("histogram", (), "Seconds until a webhook was committed."),
    "bridge_duplicates_total": ("counter", ("source",), "Pieces of webhooks that had come before."),
    "bridge_rows": ("gauge", ("destination", "state"), "Deliveries in the store."),
    "bridge_oldest_pending_seconds": (
        "gauge",
        ("destination",),
        "Age of the oldest delivery that is pending: the one to raise an alarm on.",
    ),
    "bridge_uncertain_rows": (
        "gauge",
        ("destination",),
        "Deliveries that may have had their effect and wait for a person.",
    ),
    "bridge_delivery_seconds": ("histogram", ("destination",), "Seconds that a call took."),
    "bridge_deliveries_total": (
        "counter",
        ("destination", "verdict"),
        "Attempts at deliveries, by verdict.",
    ),
    "bridge_partial_records_total": (
        "counter",
        ("destination",),
        "Records that were not taken in a call that took others.",
    ),
    "bridge_pauses_total": (
        "counter",
        ("destination", "cause"),
        "How often a destination was left alone: its credentials were refused, or it asked for time.",
    ),
    "bridge_event_types": (
        "gauge",
        ("destination",),
        "Types of event that were sent, of a vendor that allows so many.",
    ),
    "bridge_event_types_refused_total": (
        "counter",
        ("destination",),
        "Deliveries that are dead because they would have been an event type too many.",
    ),
    "bridge_reloads_total": (
        "counter",
        ("verdict",),
        "How often settings were read again: taken up, or refused.",
    ),
    "bridge_reload_refused": (
        "gauge",
        (),
        "1 when the settings that were read last were refused, and those before them hold on; else 0.",
    ),
    "bridge_last_reload_seconds": (
        "gauge",
        (),
        "When settings were read again last, in UNIX seconds; absent when they were not.",
    ),
}
"""Kind, labels and help of every metric, by name."""


def expose(
    tally: Tally, standings: Sequence[Standing], *, event_types: Mapping[str, int], now_ms: int
) -> bytes:
    """Write every metric.

    Args:
        tally: What this process counted.
        standings: What stands in the store.
        event_types: How many types of event were sent, by destination.
        now_ms: The instant.

    Raises:
        ExtraMissing: The library is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing("/metrics", extra="metrics") from error
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(tally, standings, event_types, now_ms))
    return generate_latest(registry)


class _Collector:
    """What the library asks for the metrics."""

    def __init__(
        self, tally: Tally, standings: Sequence[Standing], event_types: Mapping[str, int], now_ms: int
    ) -> None:
        self._event_types = event_types
        self._tally = tally
        self._standings = standings
        self._now_ms = now_ms

    def collect(self) -> Iterator[Any]:
        tally = self._tally
        yield from _counter("bridge_ingest_total", tally.ingest)
        yield _histogram("bridge_commit_seconds", {(): tally.commits})
        yield from _counter("bridge_duplicates_total", _alone(tally.duplicates))
        rows: Counter[tuple[str, ...]] = Counter()
        uncertain: Counter[tuple[str, ...]] = Counter()
        oldest_ms: dict[tuple[str, ...], int] = defaultdict(lambda: self._now_ms)
        for each in self._standings:
            rows[each.destination, each.state] = each.number
            key = (each.destination,)
            if each.state is State.UNCERTAIN:
                uncertain[key] = each.number
            elif each.state in (State.PENDING, State.CLAIMED):
                oldest_ms[key] = min(oldest_ms[key], each.oldest_ms)
        yield from _gauge("bridge_rows", rows)
        ages = {key: max(0, self._now_ms - oldest) / 1000 for key, oldest in oldest_ms.items()}
        yield from _gauge("bridge_oldest_pending_seconds", ages)
        yield from _gauge("bridge_uncertain_rows", uncertain)
        yield _histogram("bridge_delivery_seconds", {(name,): each for name, each in tally.calls.items()})
        yield from _counter("bridge_deliveries_total", tally.records)
        yield from _counter("bridge_partial_records_total", _alone(tally.partial))
        yield from _counter("bridge_pauses_total", tally.pauses)
        yield from _gauge("bridge_event_types", _alone(self._event_types))
        yield from _counter("bridge_event_types_refused_total", _alone(tally.refused_types))
        yield from _counter("bridge_reloads_total", _alone(tally.reloads))
        last = tally.last_reload
        yield from _gauge("bridge_reload_refused", {(): int(bool(last and last.problems))})
        yield from _gauge("bridge_last_reload_seconds", {(): last.at.timestamp()} if last else {})


def _alone(counts: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    return {(name,): number for name, number in counts.items()}


def _counter(name: str, values: Mapping[Any, float]) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - an extra, there by now

    yield _filled(CounterMetricFamily, name, values)


def _gauge(name: str, values: Mapping[Any, float]) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - an extra, there by now

    yield _filled(GaugeMetricFamily, name, values)


def _filled(family: Any, name: str, values: Mapping[Any, float]) -> Any:
    _kind, labels, text = METRICS[name]
    metric = family(name, text, labels=labels)
    for key in sorted(values):
        metric.add_metric([str(part) for part in key], values[key])
    return metric


def _histogram(name: str, spreads: Mapping[tuple[str, ...], Spread]) -> Any:
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415 - an extra, there by now

    _kind, labels, text = METRICS[name]
    metric = HistogramMetricFamily(name, text, labels=labels)
    for key, spread in sorted(spreads.items()):
        so_far = 0
        buckets = []
        for bound, number in zip((*spread.bounds, "+Inf"), spread.buckets, strict=True):
            so_far += number
            buckets.append((str(bound), so_far))
        metric.add_metric(list(key), buckets=buckets, sum_value=spread.total_s)
    return metric
