"""The control API of a fake: a server of its own, never on a vendor's path, and only where it is asked for.

Serve `app` on a network under `host`. Each request is judged by `contracts/control.yaml` before anything is done, so
that what is wrong is said in one way and nothing is half done.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from contracts import Judge, load_contract
from fakes.kit.control_page import render_page
from fakes.kit.errors import (
    ControlRefused,
    FakeError,
    FaultInvalid,
    SnapshotImpossible,
    SnapshotInvalid,
    UnboundOperation,
    UnknownFault,
)
from fakes.kit.fault_words import read_rule, show_rule
from fakes.kit.request_log import RequestLog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from contracts import Operation
    from contracts.catalog import Match
    from fakes.kit.vendor_control import Collection, VendorControl

    Handler = Callable[["_Asked"], Awaitable[web.Response]]

__all__ = ["Control", "control_host"]

_LARGEST_BODY: Final = 256 * 1024 * 1024
_SHOWN: Final = {"limit": "50"}
_STATUS: Final[Mapping[type[FakeError], tuple[int, str]]] = {
    FaultInvalid: (400, "fault_invalid"),
    SnapshotInvalid: (400, "snapshot_invalid"),
    SnapshotImpossible: (500, "snapshot_impossible"),
    UnknownFault: (404, "unknown_fault"),
}


def control_host(vendor: str) -> str:
    """Give the host name of a vendor's control API."""
    return f"control.{vendor}.test"


class _Asked:
    """A request that keeps the contract."""

    def __init__(self, query: Mapping[str, str], path: Mapping[str, str], body: Any) -> None:
        self.query = query
        self.path = path
        self.body = body


class Control:
    """The control API of one fake. From the moment it is made the fake keeps the requests that it sees.

    Attributes:
        app: To be served.
        host: The name to serve it under.
        vendor: What it shows and does.
        requests: What the fake saw.
    """

    def __init__(self, vendor: VendorControl, *, links: Callable[[], Mapping[str, str]] = dict) -> None:
        """Make it.

        Args:
            vendor: The vendor's part.
            links: Gives URLs, by name, that the start page leads to: the other vendors' control APIs, the bridge.
        """
        self.vendor = vendor
        self.host = control_host(vendor.fake.vendor)
        self.requests = RequestLog()
        self._links = links
        self._contract = load_contract("control")
        self._judge = Judge(self._contract)
        self._baseline: dict[str, Any] | None = None
        self._handlers = self._bind()
        vendor.fake.keeper = self.requests
        self.app = web.Application(client_max_size=_LARGEST_BODY)
        self.app.router.add_route(
            "*", r"/{path:[\s\S]*}", self._serve
        )  # a path may have an encoded line break

    def keep_baseline(self) -> None:
        """Remember the state as it is now: what `POST /reset` leads back to."""
        self._baseline = self.vendor.take()

    def overview(self) -> dict[str, Any]:
        """Give all that the start page shows."""
        vendor = self.vendor
        return {
            "vendor": vendor.fake.vendor,
            "now": vendor.fake.surroundings.now().isoformat(),
            "links": dict(self._links()),
            "account": vendor.account(),
            "collections": {
                name: list(one.show()) for name, one in vendor.collections().items() if one.is_on_page
            },
            "setup_steps": vendor.setup_steps(),
            "faults": [show_rule(installed) for installed in vendor.fake.faults.installed],
            "requests": self.requests.find(_SHOWN),
        }

    async def reset(self) -> None:
        """Go back to the baseline; forget faults and requests."""
        if self._baseline is None:
            raise ControlRefused(
                409, "no_baseline", "nothing to go back to; call `keep_baseline` when all is set up"
            )
        self.vendor.fake.faults.clear()
        await self.vendor.put(self._baseline)
        self.requests.forget()

    def _bind(self) -> Mapping[str, Handler]:
        handlers: dict[str, Handler] = {
            "showPage": self._show_page,
            "getOverview": self._get_overview,
            "getContract": self._get_contract,
            "getAccount": self._get_account,
            "changeSettings": self._change_settings,
            "listCollection": self._list_collection,
            "createInCollection": self._create,
            "launchCampaign": self._launch,
            "getSetupSteps": self._get_setup_steps,
            "takeSnapshot": self._take,
            "restoreSnapshot": self._restore,
            "reset": self._reset,
            "listRequests": self._list_requests,
            "forgetRequests": self._forget_requests,
            "listFaults": self._list_faults,
            "addFault": self._add_fault,
            "clearFaults": self._clear_faults,
            "removeFault": self._remove_fault,
        }
        if handlers.keys() != self._contract.operations.keys():
            raise UnboundOperation(f"control API: {handlers.keys() ^ self._contract.operations.keys()}")
        return handlers

    async def _serve(self, request: web.Request) -> web.Response:
        try:
            _refuse_strangers(request)
            match = self._match(request)
            asked = _Asked(request.query, match.parameters, await self._read(request, match.operation))
            return await self._handlers[match.operation.id](asked)
        except ControlRefused as error:
            return _refuse(error.status, error.code, str(error))
        except tuple(_STATUS) as error:
            return _refuse(*_STATUS[type(error)], str(error))
        except Exception as error:  # noqa: BLE001 - handed to whoever runs the world, who raises it
            self.vendor.fake.surroundings.observer.failed(error)
            return _refuse(500, "failed", f"{type(error).__name__}: {error}")

    def _match(self, request: web.Request) -> Match:
        path = request.rel_url.raw_path
        match = self._contract.match(request.method, path)
        if match is not None:
            return match
        methods = self._contract.methods(path)
        if methods:
            wanted = " or ".join(methods)
            raise ControlRefused(405, "method_not_allowed", f"{request.method} {path}: wanted {wanted}")
        raise ControlRefused(404, "unknown_path", f"no {path} here; `GET /openapi.json` says what there is")

    async def _read(self, request: web.Request, operation: Operation) -> Any:
        body = await request.read()
        violations = self._judge.request(
            operation, query=request.query, content_type=request.headers.get("Content-Type", ""), body=body
        )
        unknown = sorted(set(request.query) - {each["name"] for each in operation.spec.get("parameters", ())})
        if violations or unknown:
            found = (
                "; ".join(map(str, violations))
                or f"request.query: found {', '.join(unknown)}, which mean nothing"
            )
            raise ControlRefused(400, "bad_request", f"{operation.id}: {found}")
        return json.loads(body) if body else {}

    # What it is about.

    async def _show_page(self, _asked: _Asked) -> web.Response:
        return web.Response(text=render_page(self.overview()), content_type="text/html")

    async def _get_overview(self, _asked: _Asked) -> web.Response:
        return _json(self.overview())

    async def _get_contract(self, _asked: _Asked) -> web.Response:
        return _json(self._contract.document)

    async def _get_account(self, _asked: _Asked) -> web.Response:
        return _json(self.vendor.account())

    async def _change_settings(self, asked: _Asked) -> web.Response:
        self.vendor.change_settings(asked.body["settings"])
        return _json(self.vendor.account())

    # What is in the account.

    def _collection(self, name: str) -> Collection:
        offered = self.vendor.collections()
        if name not in offered:
            known = ", ".join(offered) or "none"
            raise ControlRefused(
                404,
                "not_offered",
                f"{self.vendor.fake.vendor} has no collection {name!r} here; there are {known}",
            )
        return offered[name]

    async def _list_collection(self, asked: _Asked) -> web.Response:
        return _json({"items": list(self._collection(asked.path["collection"]).show())})

    async def _create(self, asked: _Asked) -> web.Response:
        name = asked.path["collection"]
        collection = self._collection(name)
        if collection.create is None:
            raise ControlRefused(405, "method_not_allowed", f"nothing can be created in {name!r}")
        broken = self._judge.value(
            f"/components/schemas/{collection.schema}", asked.body, where="request.body"
        )
        if broken:
            raise ControlRefused(400, "bad_request", f"{collection.schema}: {'; '.join(map(str, broken))}")
        return _json(await collection.create(asked.body), status=201)

    async def _launch(self, asked: _Asked) -> web.Response:
        people = await self.vendor.launch(asked.path["name"], asked.body.get("emails"))
        return _json({"people": people})

    async def _get_setup_steps(self, asked: _Asked) -> web.Response:
        every = self.vendor.setup_steps()
        for steps in reversed(every):
            if steps["campaign"] == asked.path["name"]:
                return _json(steps)
        known = ", ".join(steps["campaign"] for steps in every) or "none"
        raise ControlRefused(
            404, "unknown_campaign", f"no set-up steps for {asked.path['name']!r}; there are some for {known}"
        )

    # What it remembers.

    async def _take(self, _asked: _Asked) -> web.Response:
        return _json(self.vendor.take())

    async def _restore(self, asked: _Asked) -> web.Response:
        await self.vendor.put(asked.body)
        return web.Response(status=204)

    async def _reset(self, _asked: _Asked) -> web.Response:
        await self.reset()
        return web.Response(status=204)

    async def _list_requests(self, asked: _Asked) -> web.Response:
        log = self.requests
        return _json({"seen": log.seen, "kept": len(log), "requests": log.find(asked.query)})

    async def _forget_requests(self, _asked: _Asked) -> web.Response:
        self.requests.forget()
        return web.Response(status=204)

    # What goes wrong.

    async def _list_faults(self, _asked: _Asked) -> web.Response:
        return _json({"faults": [show_rule(installed) for installed in self.vendor.fake.faults.installed]})

    async def _add_fault(self, asked: _Asked) -> web.Response:
        rule = read_rule(asked.body, now=self.vendor.fake.surroundings.now())
        return _json(show_rule(self.vendor.fake.faults.install(rule)), status=201)

    async def _clear_faults(self, _asked: _Asked) -> web.Response:
        self.vendor.fake.faults.clear()
        return web.Response(status=204)

    async def _remove_fault(self, asked: _Asked) -> web.Response:
        self.vendor.fake.faults.by_id(asked.path["id"]).remove()
        return web.Response(status=204)


def _refuse_strangers(request: web.Request) -> None:
    """Refuse pages of other sites: a browser would let them post to this machine."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise ControlRefused(403, "other_origin", f"asked by a page of {origin}, wanted one of this server")


def _refuse(status: int, code: str, message: str) -> web.Response:
    return _json({"error": {"code": code, "message": message}}, status=status)


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)
