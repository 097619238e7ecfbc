"""The HTTP face of the fake: tracking routes, pixel, browser settings, and pages to look inside."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from aiohttp import web

from fakes.kit import Fake
from fakes.segment import edge
from fakes.segment.edge import Arrival
from fakes.segment.errors import (
    LARGEST_BATCH_BYTES,
    LARGEST_MESSAGE_BYTES,
    LONGEST_BATCH,
    DiscardCode,
    TrackingRefused,
    UnknownSource,
)
from fakes.segment.message import Defect, MessageType
from fakes.segment.pipeline import Pipeline
from fakes.segment.settings import REGION_OF_HOST, TRACKING_HOSTS, Region, SegmentSettings
from fakes.segment.state import SegmentState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contracts.catalog import Match
    from fakes.kit import Call, Surroundings, VendorError
    from fakes.kit.server import Handler

__all__ = ["FakeSegment"]

_CORS: Final = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT: Final = {
    **_CORS,
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, x-retry-count",
    "Access-Control-Max-Age": "86400",
}
_SUCCESS: Final = b'{"success": true}'
_GIF: Final = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


class FakeSegment(Fake):
    """A Segment workspace: takes tracking calls in, and hands enriched events to destinations.

    Attributes:
        settings: As given.
        state: Sources, destinations, debugger and counts; for a world to set up and to look at.
    """

    vendor: ClassVar[str] = "segment"

    def __init__(self, surroundings: Surroundings, settings: SegmentSettings | None = None) -> None:
        self.settings = replace(settings or SegmentSettings())  # its own: the control API may change them
        self.state = SegmentState(self.settings, random=surroundings.random)
        self._pipeline = Pipeline(self, self.state, self.settings)
        self._second = 0
        self._calls_this_second = 0
        super().__init__(surroundings)

    @property
    def host(self) -> str:
        """The tracking host of the workspace's region."""
        return TRACKING_HOSTS[Region(self.settings.region)]

    def handlers(self) -> Mapping[str, Handler]:
        """Bind every operation."""
        bound: dict[str, Handler] = {}
        for kind in MessageType:
            bound[kind] = bound[f"{kind}Short"] = partial(self._take_single, kind)
        return {
            **bound,
            "batch": self._take_batch,
            "batchShort": self._take_batch,
            "import": self._take_batch,
            "metrics": self._take_metrics,
            "pixel": self._take_pixel,
            "preflight": self._answer_preflight,
            "browserSettings": self._give_browser_settings,
            "sourceDebugger": self._show_debugger,
            "deliveryOverview": self._show_overview,
        }

    def locate(self, method: str, raw_path: str) -> Match | None:
        """Find the operation; one trailing slash makes no difference (Java and old PHP libraries send it)."""
        return super().locate(method, raw_path.removesuffix("/") or "/")

    def answer_unknown(self, call: Call, *, methods: tuple[str, ...]) -> web.Response:  # noqa: ARG002 - all paths answer alike
        """Answer 404, or 405 where the path takes another method."""
        if methods:
            headers = {"Allow": ", ".join(methods)}
            return self.render_error(
                TrackingRefused(405, "method_not_allowed", "Method Not Allowed", headers=headers)
            )
        return self.render_error(TrackingRefused(404, "not_found", "Not Found"))

    def rate_limit_error(self) -> VendorError:
        """Make the refusal of a call beyond the source's rate."""
        return TrackingRefused(429, "too_many_requests", "Too Many Requests")

    def malformed_error(self) -> VendorError:
        """Make the refusal of what is no HTTP. Its code is a guess: the vendor's text alone is known, of bad JSON."""
        return TrackingRefused(400, "bad_request", "Bad Request")

    def render_error(self, error: VendorError) -> web.Response:
        """Put an error into one object with every field that an official library looks for."""
        code = error.code if isinstance(error, TrackingRefused) else "internal"
        body = {"success": False, "code": code, "message": error.message, "error": error.message}
        return web.json_response(body, status=error.status, headers={**_CORS, **error.headers})

    async def _take_single(self, kind: MessageType, call: Call) -> web.Response:
        self._count_call()
        edge.check_size(call.body, LARGEST_MESSAGE_BYTES)
        fields = edge.read_object(call.body)
        key = edge.own_write_key(fields) or self._header_key(call)
        edge.check_write_key(key, shortest=self.settings.shortest_write_key)
        fields["type"] = kind.value
        self._refuse_if_told(self._ingest([Arrival(fields=fields, write_key=key)], call, is_batch=False))
        return _succeed()

    async def _take_batch(self, call: Call) -> web.Response:
        self._count_call()
        edge.check_size(call.body, LARGEST_BATCH_BYTES)
        envelope = edge.read_object(call.body)
        header_key = self._header_key(call)
        arrivals = edge.read_batch(envelope, call.body, header_key=header_key)
        key = (
            edge.own_write_key(envelope)
            or header_key
            or next((a.write_key for a in arrivals if a.write_key), "")
        )
        edge.check_write_key(key, shortest=self.settings.shortest_write_key)
        if not arrivals or len(arrivals) > LONGEST_BATCH:
            defects = [self._pipeline.drop_batch(arrivals, write_key=key)]
        else:
            defects = self._ingest(arrivals, call, is_batch=True)
        self._refuse_if_told(defects)
        return _succeed()

    async def _take_metrics(self, call: Call) -> web.Response:
        edge.read_object(call.body)
        return _succeed()

    async def _take_pixel(self, call: Call) -> web.Response:
        try:
            fields = edge.read_pixel(call.request.query.items())
            key = edge.own_write_key(fields)
            edge.check_write_key(key, shortest=self.settings.shortest_write_key)
        except TrackingRefused as refusal:
            # A pixel is answered with an image even when it is wrong, so the refusal becomes a discard.
            defect = Defect(DiscardCode.BAD_REQUEST, refusal.message)
            self._pipeline.drop(Arrival(fields=None, write_key=""), defect)
        else:
            fields["type"] = call.path["type"]
            self._ingest([Arrival(fields=fields, write_key=key)], call, is_batch=False)
        return web.Response(
            body=_GIF, content_type="image/gif", headers={"Cache-Control": "no-cache, no-store"}
        )

    async def _answer_preflight(self, call: Call) -> web.Response:  # noqa: ARG002 - every preflight is answered alike
        return web.Response(status=204, headers=_PREFLIGHT)

    async def _give_browser_settings(self, call: Call) -> web.Response:
        source = self.state.source_of_key(call.path["writeKey"])
        if source is None:
            return web.Response(status=404, text="Not Found", headers=_CORS)
        api_host = self.surroundings.url_of(self.host).partition("://")[2] + "/v1"
        default = {"__default": {"enabled": True, "integrations": {}}}
        body = {
            "integrations": {
                "Segment.io": {
                    "apiKey": source.write_key,
                    "apiHost": api_host,
                    "unbundledIntegrations": [],
                    "addBundledMetadata": True,
                    "maybeBundledConfigIds": {},
                    "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
                }
            },
            "plan": {"track": default, "identify": default, "group": default},
            "edgeFunction": {},
            "analyticsNextEnabled": True,
            "middlewareSettings": {},
            "enabledMiddleware": {},
            "metrics": {"sampleRate": 0},
            "legacyVideoPluginsEnabled": False,
            "remotePlugins": [],
        }
        return web.json_response(body, headers=_CORS)

    async def _show_debugger(self, call: Call) -> web.Response:
        source = self._source_of_page(call)
        return _show({"source": source, "events": self.state.debugger(source)})

    async def _show_overview(self, call: Call) -> web.Response:
        source = self._source_of_page(call)
        counts = [
            {
                "destination": tally.destination or None,
                "stage": tally.stage,
                "code": tally.code or None,
                "count": count,
            }
            for tally, count in self.state.tallies(source)
        ]
        return _show({"source": source, "counts": counts})

    def _source_of_page(self, call: Call) -> str:
        if call.path["workspace"] != self.settings.workspace:
            raise TrackingRefused(404, "not_found", f"no workspace {call.path['workspace']!r}")
        try:
            return self.state.source(call.path["slug"]).slug
        except UnknownSource as error:
            raise TrackingRefused(404, "not_found", str(error)) from error

    def _header_key(self, call: Call) -> str:
        return edge.basic_write_key(call.headers.get("Authorization", ""))

    def _count_call(self) -> None:
        limit = self.settings.requests_per_second
        if limit is None:
            return
        second = int(self.surroundings.now().timestamp())
        if second != self._second:
            self._second, self._calls_this_second = second, 0
        self._calls_this_second += 1
        if self._calls_this_second > limit:
            headers = {"Retry-After": "1", "X-RateLimit-Reset": "1"}
            raise TrackingRefused(429, "too_many_requests", "Too Many Requests", headers=headers)

    def _refuse_if_told(self, defects: Sequence[Defect]) -> None:
        for defect in defects:
            if defect.code in self.settings.refused_codes:
                raise TrackingRefused(400, defect.code, defect.message)

    def _ingest(self, arrivals: Sequence[Arrival], call: Call, *, is_batch: bool) -> list[Defect]:
        region = REGION_OF_HOST.get(call.request.host.partition(":")[0])
        is_elsewhere = region is not None and region != self.settings.region
        return self._pipeline.run(arrivals, is_batch=is_batch, is_elsewhere=is_elsewhere, address=_ipv4(call))


def _ipv4(call: Call) -> str:
    address = call.request.remote or ""
    return address if address.count(".") == 3 else ""


def _succeed() -> web.Response:
    return web.Response(body=_SUCCESS, content_type="application/json", headers=_CORS)


def _show(page: Mapping[str, object]) -> web.Response:
    return web.Response(
        body=json.dumps(page, ensure_ascii=False, indent=2).encode(),
        content_type="application/json",
        charset="utf-8",
    )
