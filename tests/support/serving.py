"""Fakes served on real sockets from a thread, so that a blocking client can call them as it would the vendor.

```python
with serving(FakeMailjet, receiver=receiver) as served:
    client = Client(auth=..., api_url=served.url("api.mailjet.com"))
    ...
    served.recorder.check()
```
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tests.support.fakes import stage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from fakes.kit import Fake, Surroundings
    from simulator.network import Network
    from tests.support.fakes import Receiver, Recorder

Value = TypeVar("Value")
_PATIENCE_S = 10.0


@dataclass
class Served:
    """Fakes that are up, in the order in which they were asked for.

    `recorder` is read from the test's thread; wait with `wait_until` for what happens beside an answer.
    """

    recorder: Recorder
    network: Network
    fakes: tuple[Fake, ...]
    loop: asyncio.AbstractEventLoop

    def url(self, host: str) -> str:
        return self.network.url(host)

    def run(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run something on the loop that serves the fakes, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_PATIENCE_S)

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait, on the fakes' loop, until the condition holds; `TimeoutError` when it never does."""

        async def watch() -> None:
            async with asyncio.timeout(_PATIENCE_S):
                while not condition():  # noqa: ASYNC110 - a condition of the test's own has no event to wait on
                    await asyncio.sleep(0.005)

        asyncio.run_coroutine_threadsafe(watch(), self.loop).result(_PATIENCE_S + 1)


@contextmanager
def serving(*makes: Callable[[Surroundings], Fake], receiver: Receiver | None = None) -> Iterator[Served]:
    """Serve fakes on loopback from a thread with a loop of its own, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fakes", daemon=True)
    thread.start()
    made: list[Fake] = []

    def kept(make: Callable[[Surroundings], Fake]) -> Callable[[Surroundings], Fake]:
        def keep(surroundings: Surroundings) -> Fake:
            made.append(make(surroundings))
            return made[-1]

        return keep

    try:
        opened = stage(*(kept(make) for make in makes), receiver=receiver)
        on_stage = asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result(_PATIENCE_S)
        try:
            yield Served(on_stage.recorder, on_stage.network, tuple(made), loop)
        finally:
            asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result(_PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE_S)
        loop.close()
