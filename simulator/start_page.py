"""The start page of `serve`: every server on one page, with URLs, keys, set-up steps and a first call to copy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from fakes.kit.control_page import TITLES, page_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fakes.kit import Control

__all__ = ["StartPage"]

_TEMPLATES: Final = Path(__file__).parent / "templates"
_FIRST_CALLS: Final[Mapping[str, str]] = {
    "clevertap": (
        "curl {url}/1/upload -H 'X-CleverTap-Account-Id: {account_id}' -H 'X-CleverTap-Passcode: {passcode}' "
        "-H 'Content-Type: application/json' "
        """-d '{{"d": [{{"type": "profile", "identity": "u1", "profileData": {{"Email": "ada@example.com"}}}}]}}'"""
    ),
    "mailmodo": "curl {url}/api/v1/campaigns -H 'mmApiKey: {api_key}'",
    "mailjet": "curl {url}/v3/REST/contact -u '{api_key}:{secret_key}'",
    "customerio": "curl {url}/v1/transactional -H 'Authorization: Bearer {app_api_key}'",
    "segment": (
        "curl {url}/v1/identify -u '{write_key}:' -H 'Content-Type: application/json' "
        """-d '{{"userId": "u1", "traits": {{"email": "ada@example.com"}}}}'"""
    ),
}
"""A call that each vendor answers, in a shell's words."""


class StartPage:
    """Shows all servers.

    Args:
        controls: Of the fakes, by vendor, in the order of the page; looked at whenever somebody asks.
        links: Gives every server's page by name: `start`, the vendors, `bridge`.
        proxy: Its URL and the file of its certificate, when there is one.

    Attributes:
        app: To be served: `/`, and its JSON twin `/index.json`.
    """

    def __init__(
        self,
        controls: Mapping[str, Control],
        *,
        links: Callable[[], Mapping[str, str]],
        proxy: Mapping[str, str] | None = None,
    ) -> None:
        self._controls = controls
        self._links = links
        self._proxy = proxy
        self.app = web.Application()
        self.app.router.add_get("/", self._show)
        self.app.router.add_get("/index.json", self._give)

    def overview(self) -> dict[str, Any]:
        """Give all that the page shows."""
        links = dict(self._links())
        vendors = [_about(one, links) for one in self._controls.values()]
        return {"links": links, "vendors": vendors, "proxy": self._proxy}

    async def _show(self, _request: web.Request) -> web.Response:
        template = page_template("start_page.html.j2", _TEMPLATES)
        page = template.render(self.overview(), titles=TITLES, vendor="start")
        return web.Response(text=page, content_type="text/html")

    async def _give(self, _request: web.Request) -> web.Response:
        return web.json_response(self.overview())


def _about(control: Control, links: Mapping[str, str]) -> dict[str, Any]:
    part = control.vendor
    account = part.account()
    keys = {"write_key": next(iter(account["credentials"].get("write_keys", {}).values()), "")}
    return {
        "vendor": account["vendor"],
        "control_url": links[account["vendor"]],
        "url": account["url"],
        "hosts": list(account["hosts"]),
        "credentials": account["credentials"],
        "first_call": _FIRST_CALLS[account["vendor"]].format(
            url=account["url"], **keys, **account["credentials"]
        ),
        "collections": {name: len(one.show()) for name, one in part.collections().items()},
        "seen": control.requests.seen,
        "faults": [installed.rule.describe() for installed in part.fake.faults.installed],
        "setup_steps": part.setup_steps(),
    }
