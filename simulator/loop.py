"""The loops that own time.

Code that runs in a world never asks the wall clock: waiting is `asyncio.sleep`, and now is the world's start
plus `loop.time()`. Which loop runs decides how that time is spent.

* `VirtualLoop`: nothing is real. When no callback is ready, time jumps to the next timer.
* `LiveLoop`: real sockets; time runs as the wall's, or hurries while nothing is under way.

Both start at 0, because a world starts when it is made, and because floats near 0 are finest.
"""

# ruff: noqa: SLF001 - handles are asyncio's, and their loop is what their private half is for

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import signal
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from simulator.errors import Deadlock
from simulator.quiet_selector import QuietSelector
from simulator.waits import find_waits, in_order
from simulator.wired import WiredLoop

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Coroutine
    from contextvars import Context
    from types import FrameType

__all__ = ["LiveLoop", "VirtualLoop", "run"]

_Result = TypeVar("_Result")
_Args = TypeVarTuple("_Args")

_RESOLUTION_S = 1e-6
_FEWEST_CANCELLED = 100
_MOST_CLEAN_UPS = 10


class _Timer(asyncio.TimerHandle):
    """asyncio's timer, with the attribute through which it and its loop agree whether it is still kept."""

    __slots__ = ()

    if TYPE_CHECKING:
        _scheduled: bool


class VirtualLoop(WiredLoop):
    """A loop on which nothing is real: it owns time, and its network is in memory.

    Callbacks run in the order in which they were asked for, timers in the order of their moments; timers for the
    same moment again in the order in which they were asked for. Nothing runs early, and time never goes back.

    `run_in_executor` calls inline, because a thread would bring back chance; what it calls must not wait for the loop.
    Threads of somebody else may use `call_soon_threadsafe`, but the loop does not wait for them.

    Args:
        latency_s: Seconds that bytes travel between any two hosts, in each direction; `wire` knows exceptions.
            0 or more.

    Attributes:
        wire: The network: names, listeners, latencies.

    Raises:
        Deadlock: (while running) Nothing is left to do but waiting.
    """

    # asyncio's own names. Timers are kept with their moment and number: these compare fast, and equal moments
    # keep their order.
    _closed: bool
    _debug: bool
    _ready: deque[asyncio.Handle]
    _scheduled: list[tuple[float, int, _Timer]]
    _stopping: bool

    if TYPE_CHECKING:

        def _check_closed(self) -> None: ...
        def _check_thread(self) -> None: ...
        def _check_callback(self, callback: object, method: str) -> None: ...

    def __init__(self, latency_s: float = 0.0) -> None:
        super().__init__()
        self._now = 0.0
        self._clock_resolution = _RESOLUTION_S
        self._timer_numbers = itertools.count()
        self._cancelled_timers = 0
        self._signal_handlers: dict[int, Any] = {}
        try:
            self.wire.links.set_latency(latency_s)
        except ValueError:
            self.close()
            raise

    # Time.

    def time(self) -> float:
        """Give the seconds since the loop was made, by its own time."""
        return self._now

    moment = time
    """The time of this turn of the loop, which on this loop is its time."""

    def call_soon(
        self, callback: Callable[[*_Args], object], *args: *_Args, context: Context | None = None
    ) -> asyncio.Handle:
        """Call back in this iteration's next, after all that was asked for before."""
        if self._debug:
            return super().call_soon(callback, *args, context=context)
        # asyncio's own way here is two calls longer, and this is the hottest line of a world.
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[[*_Args], object], *args: *_Args, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call back at a moment, or as soon as possible once it is past."""
        self._check_closed()
        if self._debug:
            self._check_thread()
            self._check_callback(callback, "call_at")
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, (when, next(self._timer_numbers), timer))
        timer._scheduled = True
        return timer

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Args], object],
        *args: *_Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back after a delay in seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: _Timer) -> None:
        if not handle._scheduled:
            return
        self._cancelled_timers += 1
        scheduled = self._scheduled
        if self._cancelled_timers > _FEWEST_CANCELLED and 2 * self._cancelled_timers > len(scheduled):
            # Time-outs that never fire are the bulk of timers. Waiting until their moment would keep them all.
            # The one being cancelled is not marked yet: asyncio marks it after this call.
            scheduled[:] = [entry for entry in scheduled if not (entry[2]._cancelled or entry[2] is handle)]
            heapq.heapify(scheduled)
            handle._scheduled = False
            self._cancelled_timers = 0

    def _run_once(self) -> None:
        ready = self._ready
        scheduled = self._scheduled
        if not ready and not self._stopping:
            self._jump()
        now = self._now
        while scheduled and scheduled[0][0] <= now:
            timer = heapq.heappop(scheduled)[2]
            timer._scheduled = False
            if timer._cancelled:
                self._cancelled_timers -= 1
            else:
                ready.append(timer)
        # Only what is ready by now: what these callbacks add comes after the timers that fall due meanwhile.
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _jump(self) -> None:
        """Go to the next timer's own moment; nothing is added up, so nothing drifts."""
        scheduled = self._scheduled
        while scheduled and scheduled[0][2]._cancelled:
            # A cancelled timer must not pull time to its moment.
            heapq.heappop(scheduled)[2]._scheduled = False
            self._cancelled_timers -= 1
        if not scheduled or math.isinf(scheduled[0][0]):
            # A timer that never comes is as good as none. Real loops would now wait for the outside; there is none.
            raise Deadlock(self._now, find_waits(self))
        # A timer may be asked for in the past; time stays then.
        self._now = max(self._now, scheduled[0][0])

    # What real loops do with selectors, threads and signals.

    def _write_to_self(self) -> None:
        """Wake the loop from another thread: there is nothing to wake, it never sleeps."""

    def _process_events(self, event_list: list[Any]) -> None:
        """Take what a selector found: there is no selector."""

    def run_in_executor(  # type: ignore[override]  # typeshed ties the types of function and arguments together
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call at once, in this thread, and give the outcome as a future."""
        self._check_closed()
        del executor
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except StopIteration as error:  # a future cannot hold one: it would end the generator that awaits it
            future.set_exception(RuntimeError(f"{func!r} raised {error!r}"))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to who awaits
            future.set_exception(error)
        return future

    def add_signal_handler(self, sig: int, callback: Callable[[*_Args], object], *args: *_Args) -> None:
        """Call back on a signal; only in the main thread.

        Raises:
            RuntimeError: It is not the main thread, or the signal cannot be caught.
        """
        handle = asyncio.Handle(callback, args, self, None)

        def receive(_signal: int, _frame: FrameType | None) -> None:
            self._ready.append(handle)

        try:
            previous = signal.signal(sig, receive)
        except (ValueError, OSError) as error:
            raise RuntimeError(str(error)) from error
        self._signal_handlers.setdefault(sig, previous)

    def remove_signal_handler(self, sig: int) -> bool:
        """Undo `add_signal_handler`; say whether there was one."""
        if sig not in self._signal_handlers:
            return False
        signal.signal(sig, self._signal_handlers.pop(sig))
        return True

    def close(self) -> None:
        """Close for good: forget callbacks, timers, listeners and signal handlers."""
        if self.is_closed():
            return
        super().close()
        for number in list(self._signal_handlers):
            self.remove_signal_handler(number)


class LiveLoop(asyncio.SelectorEventLoop):
    """A loop with real sockets, which passes the time between messages `speed` times as fast as the wall.

    While the wire is quiet, time runs at `speed`; from the first sign of life until it has been quiet again for
    a while, it runs as the wall's. So a day can go by in a minute and yet a time-out of 5 s leaves five real
    seconds for an answer. The same is true while `is_busy` says that somebody waits for one.

    Args:
        speed: Seconds of loop time in one of the wall's while all is quiet; above 0. Infinity jumps.

    Attributes:
        is_busy: Asked before time is hurried; set it when something knows what is under way.

    Raises:
        ValueError: The speed is not above 0.
    """

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__(QuietSelector(self._hurry))
        if not speed > 0:
            self.close()
            raise ValueError(f"speed must be above 0, got {speed!r}")
        self.speed = speed
        self.is_busy: Callable[[], bool] = lambda: False
        self._ahead_s = -monotonic()
        self._moment: float | None = None
        # From 194 days on, asyncio's own 1 ns is less than a float can tell apart.
        self._clock_resolution = _RESOLUTION_S

    def time(self) -> float:
        """Give the seconds since the loop was made, by its own time."""
        return monotonic() + self._ahead_s

    def moment(self) -> float:
        """Give the time at which it was first asked for in this turn of the loop.

        Callbacks of one turn see the same moment, as they do on a virtual loop. Timers go by `time`.
        """
        moment = self._moment
        if moment is None:
            moment = self._moment = self.time()
        return moment

    def _process_events(self, event_list: list[Any]) -> None:
        self._moment = None  # asyncio's first step of a turn; timers fall due after it
        super()._process_events(event_list)  # type: ignore[misc]  # typeshed hides what is asyncio's own

    def _hurry(self, wait: Callable[[float | None], bool], timeout_s: float | None) -> None:
        """Pass a wait at `speed`: the selector calls this once the wire is quiet.

        Args:
            wait: Waits on the sockets for so many real seconds; says whether something came.
            timeout_s: For how many loop seconds; None until something comes.
        """
        if self.speed == 1.0 or self.is_busy():
            wait(timeout_s)
            return
        began_s = monotonic()
        came = wait(None if timeout_s is None else timeout_s / self.speed)
        real_s = monotonic() - began_s
        passed_s = min(real_s * self.speed, math.inf if timeout_s is None else timeout_s)
        # Sockets wait whole milliseconds of real time. What was asked for is what has passed, to the microsecond.
        if not came and timeout_s is not None:
            passed_s = timeout_s
        self._ahead_s += passed_s - real_s


def run(
    main: Coroutine[Any, Any, _Result], *, loop_factory: Callable[[], asyncio.AbstractEventLoop] = VirtualLoop
) -> _Result:
    """Run a coroutine on a loop of its own, and leave nothing behind.

    Tasks that are left over are cancelled in order of their names, asynchronous generators are shut, the loop is
    closed. Ctrl-C cancels `main`, which can clean up; a second one ends at once.

    Raises:
        KeyboardInterrupt: Ctrl-C.
        Deadlock: Nothing was left to do but waiting, on a virtual loop.
    """
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        try:
            return runner.run(main)
        finally:
            _clean_up(runner)


def _clean_up(runner: asyncio.Runner) -> None:
    """Cancel what is left over; again when that stands still, for a clean-up may wait for ever itself."""
    for _ in range(_MOST_CLEAN_UPS - 1):
        try:
            runner.run(_cancel_leftovers())
        except Deadlock:
            continue
        return
    runner.run(_cancel_leftovers())


async def _cancel_leftovers() -> None:
    # asyncio's own clean-up would cancel in the order of a set. It still runs afterwards, and finds nothing.
    loop = asyncio.get_running_loop()
    tasks = in_order(asyncio.all_tasks() - {asyncio.current_task()})
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            message = "a task that was left over failed while it was cancelled"
            loop.call_exception_handler({"message": message, "exception": error, "task": task})
