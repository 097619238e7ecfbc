"""What mail points to: the open pixel, tracked links, the unsubscribe page, and the complaint address.

Source: public mails, as worked out in the vendor notes; the page's words and the complaint address are ours.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from aiohttp import web

from fakes.customerio.answers import track_answer
from fakes.customerio.errors import TrackRefused
from fakes.customerio.reading import read_json
from fakes.customerio.tracking import PIXEL, read_click, read_open, visitor

if TYPE_CHECKING:
    from fakes.customerio.reporter import Reporter
    from fakes.customerio.state import State
    from fakes.kit import Call

__all__ = ["Visits"]

_UNCACHED: Final = {"Cache-Control": "no-cache, no-store, must-revalidate, max-age=0"}
_UNFIT: Final = re.compile(r"[^\x21-\x7e]+")
_PAGE: Final = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Unsubscribed</title></head>'
    "<body><h1>{title}</h1><p>{text}</p></body></html>"
)


class Visits:
    """Handlers of what people, their mail programs and their mail hosts fetch."""

    def __init__(self, state: State, reporter: Reporter) -> None:
        self._state = state
        self._reporter = reporter

    async def open(self, call: Call) -> web.Response:
        """Answer with the pixel, and count an open; an unknown delivery gets the pixel all the same."""
        delivery = self._state.deliveries.get(read_open(call.path["payload"]) or "")
        if delivery is not None:
            self._reporter.opened(delivery, visitor(call.headers.get("User-Agent", "")))
        return web.Response(body=PIXEL, content_type="image/gif", headers=_UNCACHED)

    async def click(self, call: Call) -> web.Response:
        """Lead on to the link's target, and count a click; a link with a wrong signature leads nowhere."""
        link = read_click(call.path["payload"], call.path["signature"], key=self._state.settings.tracking_key)
        delivery = self._state.deliveries.get(link.delivery_id) if link else None
        if link is None or delivery is None:
            return _page(404, "Not found", "This link is not valid.")
        self._reporter.clicked(
            delivery, visitor(call.headers.get("User-Agent", "")), href=link.href, link_id=link.link_id
        )
        # A header holds visible ASCII only; the rest is escaped, as Go's redirect does.
        location = _UNFIT.sub(lambda found: quote(found[0]), link.href)
        return web.Response(status=302, headers={**_UNCACHED, "Location": location})

    async def show_unsubscribe(self, call: Call) -> web.Response:
        """Unsubscribe whoever follows the link in a mail, and say so."""
        delivery = self._state.deliveries.get(call.path["deliveryId"])
        if delivery is None:
            return _page(404, "Not found", "This unsubscribe link is not valid.")
        self._reporter.unsubscribed(delivery)
        address = delivery.recipient.partition(",")[0]
        return _page(200, "You have been unsubscribed", f"{address} will not get further messages.")

    async def unsubscribe(self, call: Call) -> web.Response:
        """Unsubscribe by JSON, as a custom page does, or by RFC 8058 one-click, as a mail program does."""
        if call.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json":
            try:
                said = read_json(call.body)
            except ValueError:
                said = None
            is_asked = isinstance(said, dict) and said.get("unsubscribe") is True
        else:
            is_asked = call.form().get("List-Unsubscribe") == "One-Click"
        if not is_asked:
            raise TrackRefused("unsubscribe must be true")
        delivery = self._state.deliveries.get(call.path["deliveryId"])
        if delivery is not None:
            self._reporter.unsubscribed(delivery)
        return track_answer()

    async def complain(self, call: Call) -> web.Response:
        """Take a spam mark from the recipient's mail host."""
        delivery = self._state.deliveries.get(call.path["deliveryId"])
        if delivery is not None:
            self._reporter.spammed(delivery)
        return web.Response(status=204)


def _page(status: int, title: str, text: str) -> web.Response:
    return web.Response(
        status=status, text=_PAGE.format(title=escape(title), text=escape(text)), content_type="text/html"
    )
