from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from simulator.errors import Deadlock, NotVirtual
from simulator.loop import LiveLoop, VirtualLoop, run
from simulator.network import VirtualNetwork
from tests.support.command import LISTENING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DAY_S = 86_400.0
ROOT = Path(__file__).parents[2]


def virtual_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


# Time.


async def test_time_starts_at_zero_and_stands_while_code_runs() -> None:
    loop = virtual_loop()

    before = loop.time()
    for _ in range(1000):
        await asyncio.sleep(0)

    assert (before, loop.time()) == (0.0, 0.0)


async def test_time_jumps_to_the_moment_that_was_asked_for_exactly() -> None:
    loop = virtual_loop()
    moments: list[float] = []
    wanted = [0.1, 0.30000000000000004, 1 / 3, 7 * DAY_S + 1e-6, 1e9 + 0.1]
    for when in reversed(wanted):
        loop.call_at(when, lambda: moments.append(loop.time()))

    await asyncio.sleep(2e9)

    assert moments == wanted
    assert loop.time() == 2e9


async def test_equal_moments_keep_the_order_in_which_they_were_asked_for() -> None:
    loop = virtual_loop()
    order: list[int] = []
    for number in range(1000):
        loop.call_at(5.0, order.append, number)

    await asyncio.sleep(6)

    assert order == list(range(1000))


async def test_timers_run_in_the_order_of_their_moments_and_after_what_is_ready() -> None:
    loop = virtual_loop()
    order: list[str] = []
    loop.call_later(2, order.append, "second")
    loop.call_later(1, order.append, "first")
    loop.call_soon(order.append, "soon")

    await asyncio.sleep(3)

    assert order == ["soon", "first", "second"]


async def test_timer_in_the_past_runs_at_once_and_time_does_not_go_back() -> None:
    loop = virtual_loop()
    await asyncio.sleep(10)
    moments: list[float] = []

    loop.call_at(3.0, lambda: moments.append(loop.time()))
    loop.call_later(-5, lambda: moments.append(loop.time()))
    await asyncio.sleep(1)

    assert moments == [10.0, 10.0]
    assert loop.time() == 11.0


async def test_cancelled_timer_does_not_pull_time_along() -> None:
    loop = virtual_loop()
    loop.call_later(5, lambda: None).cancel()

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(100):
            await asyncio.sleep(1)
    await asyncio.sleep(0)

    assert loop.time() == 1.0


async def test_timeouts_that_never_fired_are_forgotten() -> None:
    loop = virtual_loop()

    for _ in range(10_000):
        async with asyncio.timeout(DAY_S):
            await asyncio.sleep(0)

    assert len(loop._scheduled) < 500


async def test_timer_cancelled_by_another_of_the_same_moment_does_not_run() -> None:
    loop = virtual_loop()
    ran: list[str] = []
    victims: list[asyncio.TimerHandle] = []

    def cancel() -> None:
        victims[0].cancel()

    loop.call_at(1.0, cancel)
    victims.append(loop.call_at(1.0, ran.append, "victim"))

    await asyncio.sleep(2)

    assert ran == []


async def test_two_thousand_days_pass_to_the_microsecond() -> None:
    loop = virtual_loop()

    for _ in range(2_000):
        await asyncio.sleep(DAY_S)
    await asyncio.sleep(1e-6)

    assert loop.time() == 2_000 * DAY_S + 1e-6


async def test_waiting_for_a_deadline_in_a_loop_ends() -> None:
    loop = virtual_loop()
    await asyncio.sleep(194 * DAY_S + 0.1)
    deadline = loop.time() + 0.3

    turns = 0
    while loop.time() < deadline:
        await asyncio.sleep(deadline - loop.time())
        turns += 1

    assert turns <= 3


# Standstill.


def test_standstill_names_each_waiting_task_and_what_it_waits_for() -> None:
    async def wait_for_an_event() -> None:
        await asyncio.Event().wait()

    async def wait_for(task: asyncio.Task[None]) -> None:
        await task

    async def main() -> None:
        await asyncio.sleep(3)
        asha = asyncio.create_task(wait_for_an_event(), name="Asha")
        ravi = asyncio.create_task(wait_for(asha), name="Ravi")
        await asyncio.gather(ravi)

    with pytest.raises(Deadlock) as caught:
        run(main())

    here = "tests/simulator/test_loop.py"
    waits = {wait.task: wait for wait in caught.value.waits}
    main_name = next(name for name in waits if name.startswith("Task-"))
    assert list(waits) == ["Asha", "Ravi", main_name]
    line = wait_for_an_event.__code__.co_firstlineno + 1
    assert waits["Asha"].place == f"{here}:{line}"
    assert waits["Asha"].coroutine.endswith("wait_for_an_event")
    assert waits["Asha"].awaited == "Event.wait of <asyncio.locks.Event object [unset, waiters:1]>"
    assert waits["Ravi"].awaited == "task Asha"
    assert waits[main_name].awaited == "tasks Ravi"
    message = str(caught.value)
    assert message.startswith(
        "nothing left to do at 3.000000 s of virtual time: these tasks wait for each other:"
    )
    assert f"Ravi at {here}:" in message


def test_standstill_of_a_client_says_which_request_has_no_answer() -> None:
    async def never(_request: web.Request) -> web.Response:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/", never)
        await VirtualNetwork(virtual_loop()).serve(app, ["api.test"])
        no_limit = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=no_limit) as session, session.get("https://api.test/"):
            pass

    with pytest.raises(Deadlock) as caught:
        run(main())

    own = [wait for wait in caught.value.waits if wait.is_own]
    assert [wait.coroutine.rpartition(".")[2] for wait in own] == ["main", "never"]
    assert "aiohttp/streams.py" in own[0].awaited
    assert own[1].awaited == "a future that nobody has set"


def test_standstill_without_tasks_says_so() -> None:
    loop = VirtualLoop()

    with pytest.raises(Deadlock, match="no task, callback or timer"):
        loop.run_forever()
    loop.close()


def test_timer_that_never_comes_is_a_standstill() -> None:
    async def main() -> None:
        await asyncio.sleep(float("inf"))

    with pytest.raises(Deadlock):
        run(main())


def test_a_clean_up_that_stands_still_does_not_keep_others_from_theirs() -> None:
    cleaned: list[str] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            try:
                await asyncio.sleep(1)
                cleaned.append("first")
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(1)
                cleaned.append("second")

    with pytest.raises(Deadlock) as caught:
        run(main())

    assert cleaned == ["first", "second"]
    assert caught.value.at_s == 0.0  # the one that began it


def test_world_can_clean_up_after_a_standstill() -> None:
    cleaned: list[str] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            cleaned.append("main")

    with pytest.raises(Deadlock):
        run(main())

    assert cleaned == ["main"]


# Threads, signals, Ctrl-C.


async def test_executor_runs_inline() -> None:
    assert await asyncio.to_thread(threading.get_ident) == threading.get_ident()


@pytest.mark.parametrize(("error", "seen"), [(ValueError("no"), ValueError), (StopIteration(), RuntimeError)])
async def test_executor_hands_errors_over(error: Exception, seen: type[Exception]) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(seen):
        await asyncio.get_running_loop().run_in_executor(None, fail)


async def test_thread_of_somebody_else_may_call_back() -> None:
    loop = virtual_loop()
    called = asyncio.Event()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(called.set,))

    thread.start()
    thread.join()
    await called.wait()

    assert loop.time() == 0.0


async def test_signal_calls_back() -> None:
    loop = virtual_loop()
    before = signal.getsignal(signal.SIGUSR1)
    received: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, received.append, "usr1")

    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.sleep(1)

    assert received == ["usr1"]
    assert loop.remove_signal_handler(signal.SIGUSR1) is True
    assert loop.remove_signal_handler(signal.SIGUSR1) is False
    assert signal.getsignal(signal.SIGUSR1) == before


@pytest.mark.slow
@pytest.mark.parametrize("loop_class", ["VirtualLoop", "LiveLoop"])
def test_ctrl_c_cleans_up_and_ends(loop_class: str) -> None:
    program = f"""
        import asyncio
        from simulator.loop import {loop_class}, run

        async def main():
            print("begun", flush=True)
            try:
                while True:
                    await asyncio.sleep(0.001)
            finally:
                print("cleaned", flush=True)

        run(main(), loop_factory={loop_class})
    """
    with subprocess.Popen(
        [sys.executable, "-c", LISTENING, "-X", "dev", "-W", "error", "-c", textwrap.dedent(program)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=20)
        finally:
            process.kill()  # or leaving the block would wait for it for ever

    assert output == "cleaned\n"
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "Warning" not in errors
    assert process.returncode == -signal.SIGINT


# What is real is refused.


@pytest.mark.parametrize(
    "ask",
    [
        lambda loop: loop.add_reader(0, print),
        lambda loop: loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0)),
        lambda loop: loop.create_unix_server(asyncio.Protocol, "/nowhere"),
        lambda loop: loop.subprocess_exec(asyncio.SubprocessProtocol, "true"),
    ],
)
async def test_what_is_real_is_refused(ask: Callable[[VirtualLoop], object]) -> None:
    with pytest.raises(NotVirtual, match="use another arm"):
        ask(virtual_loop())


# Running.


def test_run_gives_the_result_and_leaves_nothing_behind() -> None:
    ended: list[str] = []
    kept: list[asyncio.AbstractEventLoop] = []

    async def wait(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)  # a second cancellation would cut this short
            ended.append(name)

    async def count() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ended.append("generator")

    async def main() -> str:
        loop = asyncio.get_running_loop()
        kept.append(loop)
        kept_tasks.extend(loop.create_task(wait(name), name=name) for name in ("p10", "p9", "p1"))
        await asyncio.sleep(0)
        async for _ in count():
            break
        return "done"

    kept_tasks: list[asyncio.Task[None]] = []

    assert run(main()) == "done"
    assert [name for name in ended if name != "generator"] == ["p1", "p9", "p10"]
    assert "generator" in ended
    assert kept[0].is_closed()


def test_failure_of_a_cancelled_leftover_is_reported() -> None:
    reports: list[BaseException] = []

    async def fail() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("while ending")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: reports.append(context["exception"]))
        kept.append(asyncio.create_task(fail()))
        await asyncio.sleep(0)

    kept: list[asyncio.Task[None]] = []
    run(main())

    assert [str(error) for error in reports] == ["while ending"]


def test_loop_is_closed_twice_without_harm() -> None:
    loop = VirtualLoop()

    loop.close()
    loop.close()

    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(print)


# Live.


def test_live_loop_starts_near_zero_and_runs_by_its_factor() -> None:
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.sleep(100)
        return started, loop.time()

    began = time.perf_counter()
    started, ended = run(main(), loop_factory=lambda: LiveLoop(speed=2000))
    real_s = time.perf_counter() - began

    assert started < 100
    assert ended - started >= 100
    assert 0.05 <= real_s < 2


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_live_loop_refuses_a_pace_that_is_none(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        LiveLoop(speed=speed)


def test_live_loop_jumps_at_infinite_speed_to_the_very_moment() -> None:
    async def main() -> float:
        started = asyncio.get_running_loop().time()
        await asyncio.sleep(4 * 86400)
        return asyncio.get_running_loop().time() - started

    began = time.perf_counter()
    passed_s = run(main(), loop_factory=lambda: LiveLoop(speed=float("inf")))

    assert 4 * 86400 <= passed_s < 4 * 86400 + 5
    assert time.perf_counter() - began < 5


def test_live_loop_does_not_hurry_while_somebody_is_busy() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LiveLoop)
        loop.is_busy = lambda: True
        began = time.perf_counter()
        await asyncio.sleep(0.1)
        return time.perf_counter() - began

    assert run(main(), loop_factory=lambda: LiveLoop(speed=1e6)) >= 0.09


def test_live_loop_goes_at_the_walls_pace_right_after_a_sign_of_life() -> None:
    """A time-out of loop seconds leaves real milliseconds for an answer, however fast the loop may go."""

    async def main() -> str:
        async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(1)
            await asyncio.sleep(0.005)
            writer.write(b"!")
            writer.close()

        server = await asyncio.start_server(answer_late, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"?")
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        server.close()
        return answer.decode()

    assert run(main(), loop_factory=lambda: LiveLoop(speed=1e9)) == "!"


@pytest.mark.parametrize("loop_class", [VirtualLoop, LiveLoop])
def test_a_moment_is_one_for_all_callbacks_of_a_turn_and_comes_after_its_timers(
    loop_class: type[VirtualLoop | LiveLoop],
) -> None:
    async def main() -> list[tuple[float, float]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, loop_class)
        seen: list[tuple[float, float]] = []

        def look(due: float) -> None:
            seen.append((due, loop.moment()))

        for turn in range(20):
            due = loop.time() + 0.001 * (turn % 3)
            done = loop.create_future()
            for _ in range(3):
                loop.call_at(due, look, due)
            loop.call_at(due, done.set_result, None)
            await done
        return seen

    seen = run(main(), loop_factory=loop_class)

    moments = [moment for _, moment in seen]
    assert all(moment >= due - 1e-6 for due, moment in seen)
    assert moments == sorted(moments)
    assert all(len(set(moments[at : at + 3])) == 1 for at in range(0, 60, 3))
    assert len(set(moments)) > 10


def test_a_live_moment_does_not_lag_behind_by_more_than_its_turn() -> None:
    async def main() -> tuple[float, float, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LiveLoop)
        first = loop.moment()
        before = loop.time()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return first, before, loop.moment()

    first, before, later = run(main(), loop_factory=LiveLoop)

    assert first <= before <= later


def test_live_loop_never_goes_back() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        seen = []
        for delay in (0, 3600, 0.001, 86400, 0.5):
            await asyncio.sleep(delay)
            seen.append(loop.time())
        return seen

    seen = run(main(), loop_factory=lambda: LiveLoop(speed=1e7))

    assert seen == sorted(seen)
    assert seen[-1] >= 3600 + 86400


def test_live_loop_carries_real_connections_at_speed() -> None:
    async def main() -> bytes:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(5))
            await asyncio.sleep(60)
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"hello")
        answer = await reader.read()
        writer.close()
        server.close()
        return answer

    assert run(main(), loop_factory=lambda: LiveLoop(speed=3600)) == b"hello"
