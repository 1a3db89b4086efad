"""One process of the lane of dogpile.cache: how long its threads wait for a function of another process.

The key is another one in each turn, so that nobody has an old value to return: then a caller must wait. All times are
of the wall clock, which the processes of a host share.
"""

import json
import os
import sys
import threading
import time

from dogpile.cache import make_region

url, threads, turns, period_ms, function_ms, first = sys.argv[1], *map(int, sys.argv[2:])
NS_PER_MS = 1_000_000


def now():
    return time.time_ns()


def function():
    time.sleep(function_ms / 1000)
    executions.append(now())
    return {"ended": executions[-1], "process": os.getpid()}


# The lock of the server, so that processes wait for each other, with what the library advises for it. All else is the
# default.
region = make_region().configure(
    "dogpile.cache.redis",
    expiration_time=60,
    arguments={"url": url, "distributed_lock": True, "lock_timeout": 10, "thread_local_lock": False},
)
executions, waited, failures = [], [], []


def caller():
    for turn in range(turns):
        begin = first + turn * period_ms * NS_PER_MS
        time.sleep(max(0, begin - now()) / 1e9)
        entered = now()
        try:
            answer = region.get_or_create(str(turn), function)
        except Exception as error:
            failures.append(repr(error))
            continue
        if answer["process"] != os.getpid() and entered < answer["ended"]:
            waited.append(now() - answer["ended"])


callers = [threading.Thread(target=caller) for _ in range(threads)]
for each in callers:
    each.start()
for each in callers:
    each.join()
print(json.dumps({"executions": len(executions), "waited": waited, "failures": failures}))
