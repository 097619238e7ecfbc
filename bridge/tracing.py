"""Spans for webhooks and calls through the OpenTelemetry API, when they are asked for.

Only the API is used: where spans go is the business of the SDK that the operator installs and configures beside the
bridge (`opentelemetry-instrument python -m bridge …`). Without one, spans cost next to nothing and go nowhere. No
attribute holds an address, a URL or anything else that is personal.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final, Protocol

from bridge.errors import ExtraMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NO_SPANS", "Span", "Spans", "open_spans"]


class Span(Protocol):
    """What is set on a span while it is open."""

    def set_attributes(self, attributes: Mapping[str, Any], /) -> None:
        """Set attributes."""
        ...


class Spans(Protocol):
    """Opens spans."""

    def webhook(self, source: str) -> AbstractContextManager[Span | None]:
        """Open the span of a webhook that came in."""
        ...

    def call(self, destination: str) -> AbstractContextManager[Span | None]:
        """Open the span of a call to a destination."""
        ...


class _NoSpans:
    """Spans of a bridge that is not traced; one context does for all."""

    _none: Final[AbstractContextManager[None]] = nullcontext()

    def webhook(self, source: str) -> AbstractContextManager[None]:  # noqa: ARG002 - nothing is recorded
        return self._none

    def call(self, destination: str) -> AbstractContextManager[None]:  # noqa: ARG002 - nothing is recorded
        return self._none


NO_SPANS: Final[Spans] = _NoSpans()


def open_spans() -> Spans:
    """Give spans of the tracer provider that is configured in this process.

    Raises:
        ExtraMissing: OpenTelemetry's API is not installed.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra: only who asks for it needs it
    except ImportError as error:
        raise ExtraMissing("tracing", extra="tracing") from error
    return _OpenTelemetrySpans(trace)


class _OpenTelemetrySpans:
    def __init__(self, trace: Any) -> None:
        self._tracer = trace.get_tracer("bridge")
        self._kinds = trace.SpanKind

    def webhook(self, source: str) -> AbstractContextManager[Span | None]:
        return self._open(f"webhook {source}", self._kinds.SERVER, {"bridge.source": source})

    def call(self, destination: str) -> AbstractContextManager[Span | None]:
        return self._open(f"deliver {destination}", self._kinds.CLIENT, {"bridge.destination": destination})

    def _open(
        self, name: str, kind: Any, attributes: Mapping[str, Any]
    ) -> AbstractContextManager[Span | None]:
        # An exception's text may be personal: a span says that it failed, the log where.
        span: AbstractContextManager[Span | None] = self._tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        )
        return span
