"""Runner: work that need not wait ends at once; work that waits goes on in the session's one task."""

import asyncio

import pytest

from pgwire_py.server.eager import PARKED, Runner


class Log(list):
    def __call__(self) -> None:
        self.append("pause")


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_ends_at_once_without_a_turn_of_the_loop() -> None:
    log = Log()
    runner = Runner(asyncio.get_running_loop(), log, lambda: None)

    async def work() -> None:
        log.append("done")

    await _outside(lambda: runner.run(work()))
    assert log == ["done", "pause"]
    assert not runner.busy
    runner.close()


async def _outside(function) -> None:
    """Call as the loop calls a protocol: with no current task."""
    done = asyncio.get_running_loop().create_future()

    def call() -> None:
        try:
            function()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    asyncio.get_running_loop().call_soon(call)
    await done


async def test_waits_in_one_and_the_same_task() -> None:
    runner = Runner(asyncio.get_running_loop(), lambda: None, lambda: None)
    tasks = []
    future = asyncio.get_running_loop().create_future()

    async def work() -> None:
        tasks.append(asyncio.current_task())
        tasks.append(await future)
        tasks.append(asyncio.current_task())

    await _outside(lambda: runner.run(work()))
    assert runner.busy
    future.set_result("value")
    await _settle()
    assert not runner.busy
    assert tasks[1] == "value"
    assert tasks[0] is tasks[2] is runner.task
    runner.close()


async def test_second_piece_of_work_reuses_the_task() -> None:
    runner = Runner(asyncio.get_running_loop(), lambda: None, lambda: None)
    seen = []

    async def work() -> None:
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    for _ in range(3):
        await _outside(lambda: runner.run(work()))
        await _settle()
    assert len(seen) == 3
    assert len(set(seen)) == 1
    runner.close()


async def test_timeout_inside_works() -> None:
    runner = Runner(asyncio.get_running_loop(), lambda: None, lambda: None)
    outcome = []

    async def work() -> None:
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)
        except (asyncio.TimeoutError, TimeoutError):
            outcome.append("timeout")
        await asyncio.sleep(0)
        outcome.append("went on")

    await _outside(lambda: runner.run(work()))
    await asyncio.sleep(0.1)
    assert outcome == ["timeout", "went on"]
    runner.close()


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_cancel_reaches_the_work_whenever_it_comes(turns: int) -> None:
    runner = Runner(asyncio.get_running_loop(), lambda: None, lambda: None)
    outcome = []
    never = asyncio.get_running_loop().create_future()

    async def first() -> None:
        await asyncio.sleep(0)

    async def work() -> None:
        try:
            await never
        except asyncio.CancelledError:
            outcome.append("cancelled")
        await asyncio.sleep(0)
        outcome.append("went on")

    await _outside(lambda: runner.run(first()))
    await _settle()

    def start_and_cancel() -> None:
        runner.run(work())
        if turns == 0:
            runner.cancel()

    await _outside(start_and_cancel)
    for _ in range(turns):
        await asyncio.sleep(0)
    if turns:
        runner.cancel()
    await _settle()
    assert outcome == ["cancelled", "went on"]
    assert never.cancelled()
    runner.close()


async def test_pause_is_told_at_every_suspension() -> None:
    log = Log()
    runner = Runner(asyncio.get_running_loop(), log, lambda: None)

    async def work() -> None:
        log.append(1)
        await asyncio.sleep(0)
        log.append(2)
        await asyncio.sleep(0)
        log.append(3)

    await _outside(lambda: runner.run(work()))
    await _settle()
    assert log == [1, "pause", 2, "pause", 3, "pause"]
    runner.close()


async def test_parked_work_goes_on_where_it_is_told_to() -> None:
    log = Log()
    runner = Runner(asyncio.get_running_loop(), log, lambda: None)

    async def work() -> None:
        for turn in range(3):
            assert runner.may_park
            log.append(turn)
            await PARKED
        log.append("done")

    await _outside(lambda: runner.run_without_task(work()))
    assert log == [0, "pause"]
    await _settle()
    assert runner.busy
    for _ in range(3):
        await _outside(runner.unpark)
    assert log == [0, "pause", 1, "pause", 2, "pause", "done", "pause"]
    assert not runner.busy
    assert not runner.may_park
    assert not runner.unpark()
    assert runner.task is None
    runner.close()


async def test_parked_work_that_waits_gets_a_task() -> None:
    loop = asyncio.get_running_loop()
    runner = Runner(loop, lambda: None, lambda: None)
    future = loop.create_future()
    seen = []

    async def work() -> None:
        await PARKED
        seen.append(await future)
        seen.append(asyncio.current_task())
        seen.append(runner.may_park)

    await _outside(lambda: runner.run_without_task(work()))
    await _outside(runner.unpark)
    assert not runner.unpark()
    future.set_result("found")
    await _settle()
    assert seen == ["found", runner.task, False]
    assert not runner.busy
    runner.close()


@pytest.mark.parametrize("end", [Runner.cancel, Runner.close])
async def test_parked_work_is_cancelled(end) -> None:
    runner = Runner(asyncio.get_running_loop(), lambda: None, lambda: None)
    seen = []

    async def work() -> None:
        try:
            await PARKED
        except asyncio.CancelledError:
            seen.append(asyncio.current_task())
            raise

    await _outside(lambda: runner.run_without_task(work()))
    await _outside(lambda: end(runner))
    task = runner.task
    assert task is not None
    await asyncio.wait([task])
    assert seen == [task]
    assert not runner.busy


async def test_what_parked_work_raises_comes_out_where_it_went_on() -> None:
    runner = Runner(asyncio.get_running_loop(), lambda: None, lambda: None)

    async def work() -> None:
        await PARKED
        raise ValueError("here")

    await _outside(lambda: runner.run_without_task(work()))
    with pytest.raises(ValueError, match="here"):
        await _outside(runner.unpark)
    assert not runner.busy
    runner.close()
