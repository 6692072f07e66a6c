"""
Functions that know how often they are entered: a generator or a coroutine is entered at each resumption, and that by which
it is closed is one. Between "work" and the answer runs nothing else that is written in Python.
"""
import _thread
import json
import os
from itertools import count
from time import perf_counter_ns, sleep
from types import FunctionType

NAMES = ["work", "fib", "countdown", "delegate", "coroutine", "__await__", "fail", "größe", "outer", "inner", "worker"]
# Counters of C: threads do not lose each other's ticks.
calls = {name: count() for name in NAMES}
# Nanoseconds, by function: within its body, and from before its calls to after them.
inside = {"outer": 0, "inner": 0}
around = {"outer": 0, "inner": 0}


def fib(n):
    next(calls["fib"])
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def countdown(n):
    next(calls["countdown"])
    try:
        while n > 0:
            yield n
            next(calls["countdown"])
            n -= 1
    except GeneratorExit:
        next(calls["countdown"])
        raise


def delegate(n):
    yield from countdown(n)


class Pause:
    def __await__(self):
        next(calls["__await__"])
        yield
        next(calls["__await__"])


async def coroutine(pauses):
    for _ in range(pauses):
        await Pause()


def fail(depth):
    next(calls["fail"])
    if depth == 0:
        raise KeyError
    fail(depth - 1)


def größe():
    next(calls["größe"])


def inner():
    next(calls["inner"])
    begin = perf_counter_ns()
    sleep(0.0002)
    inside["inner"] += perf_counter_ns() - begin


def outer(times):
    next(calls["outer"])
    begin = perf_counter_ns()
    for _ in range(times):
        before = perf_counter_ns()
        inner()
        around["inner"] += perf_counter_ns() - before
    inside["outer"] += perf_counter_ns() - begin


def worker(started, sentinels):
    next(calls["worker"])
    # Released when the thread has ended, its last return included.
    sentinels.append(_thread._set_sentinel())
    started.release()
    fib(12)
    for _ in countdown(50):
        pass


def dive(rest):
    """Calls the first of functions like this one, and that the next."""
    if rest:
        rest[0](rest[1:])


# Each has a name of its own.
divers = [FunctionType(dive.__code__.replace(co_name=f"dive {depth}"), globals()) for depth in range(60)]


def work():
    next(calls["work"])
    fib(10)
    for _ in countdown(7):
        pass
    closed = countdown(7)
    next(closed)
    closed.close()
    next(calls["delegate"])
    for _ in delegate(5):
        next(calls["delegate"])
    pausing = coroutine(4)
    try:
        while True:
            next(calls["coroutine"])
            pausing.send(None)
    except StopIteration:
        pass
    for depth in range(4):
        try:
            fail(depth)
        except KeyError:
            größe()
    for times in range(5):
        before = perf_counter_ns()
        outer(times)
        around["outer"] += perf_counter_ns() - before
    started, sentinels = _thread.allocate_lock(), []
    started.acquire()
    for _ in range(4):
        _thread.start_new_thread(worker, (started, sentinels))
        started.acquire()
    for sentinel in sentinels:
        sentinel.acquire()


while True:
    word = os.read(0, 100)
    if word == b"work\n":
        work()
        os.write(1, b"done\n")
    elif word == b"dive\n":
        for _ in range(3):
            dive(divers)
            größe()
        os.write(1, b"done\n")
    elif word == b"report\n":
        counted = {name: next(counter) for name, counter in calls.items()}
        os.write(1, json.dumps({"calls": counted, "inside": inside, "around": around}).encode() + b"\n")
    else:
        break
