"""The fake itself: who may call what on which host, and how refusals look."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from aiohttp import web

from fakes.customerio.answers import with_headers
from fakes.customerio.app_api import AppApi
from fakes.customerio.errors import AppRefused, CustomerIoError, Envelope, SendRefused, Unauthorized
from fakes.customerio.reporter import Reporter
from fakes.customerio.reporting import Reporting
from fakes.customerio.sending import Sending
from fakes.customerio.settings import CustomerIoSettings, Region
from fakes.customerio.state import State
from fakes.customerio.track import Track
from fakes.customerio.visits import Visits
from fakes.kit import Fake

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fakes.kit import Call, Surroundings, VendorError

    Handler = Callable[[Call], Awaitable[web.Response]]

__all__ = ["FakeCustomerIo"]

_TRACK_HOSTS: Final = {Region.US: "track.customer.io", Region.EU: "track-eu.customer.io"}
_APP_HOSTS: Final = {Region.US: "api.customer.io", Region.EU: "api-eu.customer.io"}
_LINK_HOST: Final = "e.customeriomail.com"


class FakeCustomerIo(Fake):
    """Customer.io: Track API v1, transactional e-mail, App API, tracked mail, signed Reporting Webhooks.

    Facts: the metrics' words (`sent`, `opened`, …) with the webhook's `data` and `event_id`;
    `customer_subscribed`, `customer_unsubscribed`; `person_stored`, `event_stored`.
    """

    vendor: ClassVar[str] = "customerio"

    def __init__(self, surroundings: Surroundings, settings: CustomerIoSettings | None = None) -> None:
        self.settings = replace(settings or CustomerIoSettings())  # its own: the control API may change them
        self.state = State(self.settings, now=surroundings.now, random=surroundings.random)
        reporter = Reporter(self, self.state)
        self._track = Track(self, self.state, reporter)
        self._visits = Visits(self.state, reporter)
        self._app_api = AppApi(self.state)
        self._reporting = Reporting(self.state)
        self._sending = Sending(
            self, self.state, reporter, track_host=_TRACK_HOSTS[self.settings.region], link_host=_LINK_HOST
        )
        self._recent: dict[int, deque[float]] = {}
        super().__init__(surroundings)

    def handlers(self) -> Mapping[str, Handler]:
        """Bind operations: with Basic credentials on the track host, a bearer on the App host, or for anybody."""
        track, visits, app, reporting = self._track, self._visits, self._app_api, self._reporting
        basic = {
            "testCredentials": track.test_credentials,
            "identifyPerson": track.identify,
            "deletePerson": track.delete_person,
            "suppressPerson": track.suppress,
            "unsuppressPerson": track.unsuppress,
            "trackEvent": track.add_event,
            "trackAnonymousEvent": track.add_anonymous_event,
            "addDevice": track.add_device,
            "deleteDevice": track.delete_device,
            "mergePeople": track.merge,
        }
        bearer = {
            "findPeople": app.find_people,
            "showPersonAttributes": app.show_attributes,
            "listPersonMessages": app.list_person_messages,
            "listMessages": app.list_messages,
            "showMessage": app.show_message,
            "listTransactionalMessages": app.list_transactional,
            "showTransactionalMessage": app.show_transactional,
            "createReportingWebhook": reporting.create,
            "listReportingWebhooks": reporting.list_all,
            "showReportingWebhook": reporting.show,
            "updateReportingWebhook": reporting.update,
            "deleteReportingWebhook": reporting.delete,
        }
        return {
            **{name: self._with_basic(handler) for name, handler in basic.items()},
            **{
                name: self._with_bearer(handler, Envelope.JSON_API, most=10)
                for name, handler in bearer.items()
            },
            "findRegion": self._with_basic(track.find_region, redirects=False),
            "sendEmail": self._with_bearer(self._sending.send_email, Envelope.META_ERROR, most=100),
            "reportMetric": track.report_metric,
            "unsubscribe": visits.unsubscribe,
            "showUnsubscribePage": visits.show_unsubscribe,
            "openPixel": visits.open,
            "clickLink": visits.click,
            "complain": visits.complain,
        }

    def answer_unknown(self, call: Call, *, methods: tuple[str, ...]) -> web.Response:
        """Answer a misspelt path: 405 below `/v1/send/`, else 404 in the envelope of that API."""
        path = call.request.path
        if path.startswith("/v1/send/"):
            raise SendRefused(405, "method not allowed")
        allow = {"Allow": ", ".join(sorted(methods))} if methods else {}
        if path.startswith("/v1/"):
            error: CustomerIoError = AppRefused(
                405 if methods else 404, "method not allowed" if methods else "not found"
            )
        else:
            error = SendRefused(405 if methods else 404, "method not allowed" if methods else "not found")
        error.headers |= allow
        raise error

    def render_error(self, error: VendorError) -> web.Response:
        """Put an error into the envelope that it names."""
        if not isinstance(error, CustomerIoError):
            error = SendRefused(error.status, error.message)
        is_app = error.envelope is Envelope.JSON_API
        return with_headers(error.body(), status=error.status, is_app=is_app, headers=error.headers)

    def rate_limit_error(self) -> VendorError:
        """Make the refusal of a call beyond the limit."""
        return SendRefused(429, "too many requests")

    def _with_basic(self, handler: Handler, *, redirects: bool = True) -> Handler:
        async def checked(call: Call) -> web.Response:
            _refuse_host(call, _APP_HOSTS)
            self._check_basic(call)
            elsewhere = self._other_region(call) if redirects else None
            return elsewhere if elsewhere is not None else await handler(call)

        return checked

    def _with_bearer(self, handler: Handler, envelope: Envelope, *, most: int) -> Handler:
        async def checked(call: Call) -> web.Response:
            if envelope is Envelope.JSON_API:
                _refuse_host(call, _TRACK_HOSTS)
            self._check_bearer(call, envelope)
            self._check_rate(most)
            return await handler(call)

        return checked

    def _check_basic(self, call: Call) -> None:
        scheme, _, encoded = call.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            given = b""
        wanted = f"{self.settings.site_id}:{self.settings.track_api_key}".encode()
        if scheme.lower() != "basic" or not hmac.compare_digest(given, wanted):
            raise Unauthorized(Envelope.META_ERROR)

    def _check_bearer(self, call: Call, envelope: Envelope) -> None:
        scheme, _, given = call.headers.get("Authorization", "").partition(" ")
        # A key means nothing in the other region, whose hosts do not redirect.
        wrong_region = {host for region, host in _APP_HOSTS.items() if region is not self.settings.region}
        is_known = hmac.compare_digest(
            given.strip().encode("utf-8", "replace"), self.settings.app_api_key.encode()
        )
        if scheme.lower() != "bearer" or not is_known or _host(call) in wrong_region:
            raise Unauthorized(envelope)

    def _check_rate(self, most: int) -> None:
        if not self.settings.has_rate_limits:
            return
        recent = self._recent.setdefault(most, deque(maxlen=most))
        now = self.surroundings.now().timestamp()
        if len(recent) == most and now - recent[0] < 1:
            raise SendRefused(429, "too many requests", headers={"Retry-After": "1"})
        recent.append(now)

    def _other_region(self, call: Call) -> web.Response | None:
        """Send a call for the other region's host to the right one; 307, so that method and body are kept."""
        right = _TRACK_HOSTS[self.settings.region]
        if _host(call) == right or _host(call) not in _TRACK_HOSTS.values():
            return None
        return web.Response(
            status=307, headers={"Location": self.surroundings.url_of(right) + call.request.path_qs}
        )


def _host(call: Call) -> str:
    """Say under which name the fake was called; a loopback address is any of them."""
    return (call.request.host or "").partition(":")[0].lower()


def _refuse_host(call: Call, hosts: Mapping[Region, str]) -> None:
    if _host(call) in hosts.values():
        is_app = hosts is _APP_HOSTS
        raise AppRefused(404, "not found") if is_app else SendRefused(404, "not found")
