"""A fake with its control API beside it, on a stage."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contracts import Judge, load_contract
from fakes.clevertap import CleverTapControl, FakeCleverTap
from fakes.customerio import CustomerIoControl, FakeCustomerIo
from fakes.kit import Control
from fakes.mailjet import FakeMailjet, MailjetControl
from fakes.mailmodo import FakeMailmodo, MailmodoControl
from fakes.segment import FakeSegment, SegmentControl
from tests.support.fakes import Receiver, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fakes.kit import Fake, VendorControl
    from tests.support.fakes import Stage

MADE: dict[str, tuple[Any, Any]] = {
    "clevertap": (FakeCleverTap, CleverTapControl),
    "customerio": (FakeCustomerIo, CustomerIoControl),
    "mailjet": (FakeMailjet, MailjetControl),
    "mailmodo": (FakeMailmodo, MailmodoControl),
    "segment": (FakeSegment, SegmentControl),
}
_JUDGE = Judge(load_contract("control"))


@dataclass
class Controlled:
    """A fake, its control API, and the receiver of its webhooks."""

    stage: Stage
    fake: Any
    vendor: VendorControl
    control: Control
    receiver: Receiver

    async def ask(
        self, method: str, path: str, body: Any = None, *, data: bytes | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Call the control API; its answer must keep its contract."""
        url = self.stage.url(self.control.host) + path
        marked = {"Content-Type": "application/json", **headers} if data is not None else headers
        async with self.stage.session.request(method, url, json=body, data=data, headers=marked) as response:
            text = await response.read()
            match = load_contract("control").match(method, response.url.raw_path)
            if match is not None:
                kind = response.headers.get("Content-Type", "")
                broken = _JUDGE.response(
                    match.operation, status=response.status, content_type=kind, body=text
                )
                assert broken == ()
            is_json = "json" in response.headers.get("Content-Type", "")
            return response.status, await response.json() if is_json else text.decode()


@asynccontextmanager
async def controlled(vendor: str) -> AsyncIterator[Controlled]:
    """Open a stage with one fake and its control API."""
    make_fake, make_control = MADE[vendor]
    made: list[Fake] = []
    receiver = Receiver()

    def make(surroundings: Any) -> Fake:
        made.append(make_fake(surroundings))
        return made[-1]

    async with stage(make, receiver=receiver) as on_stage:
        part = make_control(made[0])
        control = Control(part, links=lambda: {vendor: on_stage.url(f"control.{vendor}.test")})
        await on_stage.network.serve(control.app, [control.host])
        control.keep_baseline()
        yield Controlled(on_stage, made[0], part, control, receiver)
