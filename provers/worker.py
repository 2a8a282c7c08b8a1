"""A process that runs a back end's functions for `zkdps.provers.engine`, one request a line.

Usage: `python -P provers/worker.py MODULE PARENT_PID`, run as a script so that starting it costs
the back end's own import and nothing of ours.  `-P` matters: without it this file's folder, which
holds a package named like the back end, would come first on the path.

A request is a JSON object a line: `call` (function of MODULE), `args`, `keywords`, `run_args` (a
mapping for the back end's own record of that name, or null), `writes` (paths that the call writes)
and `returns` (whether the result is wanted).  An answer is `{"result": ...}` or `{"failure": {type,
message, os_error, path}}`, with `peak_rss_bytes` of this process so far.

The back end's standard output goes nowhere, its standard error to a file of the parent's.  The
process dies with its parent, also when the parent is killed.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

ROOM_BYTES = 16 << 10
"""Twice the back end's write buffer, whose last part it drops in silence on a full disk."""

_OS_ERROR = re.compile(r"\(os error (\d+)\)")


def die_with(parent_pid: int) -> None:
    """Ask the kernel to kill this process when its parent goes; leave at once if it has gone.

    Linux only; elsewhere the end of the request pipe ends the process after the running call.
    """
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def peak_rss_bytes() -> int:
    """Largest resident set of this program so far.

    `ru_maxrss` on Linux starts at the parent's size (exec keeps it), so the kernel's high-water
    mark of the program itself is read instead.
    """
    if sys.platform == "linux":
        with open("/proc/self/status") as status:  # noqa: PTH123 (pathlib would slow the start)
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def probe_room(path: str) -> None:
    """Raise `OSError` if `path` is missing, empty, or could not be longer.

    The back end writes through a buffer and ignores the failure of the last write; where a few
    kilobytes more cannot be written, the file it left may be short.
    """
    descriptor = os.open(path, os.O_WRONLY)
    try:
        size = os.fstat(descriptor).st_size
        if size == 0:
            raise OSError(28, "the file was left empty", path)
        os.lseek(descriptor, size, os.SEEK_SET)
        try:
            left = ROOM_BYTES
            while left:
                left -= os.write(descriptor, bytes(left))
        finally:
            os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)


def run(module: ModuleType, request: dict[str, Any]) -> Any:
    """Call the function that the request names and make sure that its files are whole."""
    keywords = dict(request["keywords"])
    if request["run_args"] is not None:
        record = module.PyRunArgs()
        for name, value in request["run_args"].items():
            setattr(
                record, name, _tuples(value) if name in ("lookup_range", "variables") else value
            )
        keywords["py_run_args"] = record

    function = getattr(module, request["call"])
    if getattr(module, "IS_SYNCHRONOUS", False):
        result = function(*request["args"], **keywords)
    else:
        result = _in_a_loop(function, request["args"], keywords)
    for path in request["writes"]:
        probe_room(path)
    return json.loads(json.dumps(result, default=_fields)) if request["returns"] else None


def _in_a_loop(function: Callable[..., Any], args: list[Any], keywords: dict[str, Any]) -> Any:
    """Some functions want a running loop and return awaitables inside one."""
    # Imported here because it takes as long as numpy's import, and modules of ours need no loop.
    import asyncio
    import inspect

    async def call() -> Any:
        result = function(*args, **keywords)
        return await result if inspect.isawaitable(result) else result

    return asyncio.run(call())


def answer(module: ModuleType, request: dict[str, Any]) -> dict[str, Any]:
    """Run a request; every exception, the native panics (`BaseException`) included, is data."""
    try:
        record: dict[str, Any] = {"result": run(module, request)}
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        record = {"failure": _failure(error)}
    record["peak_rss_bytes"] = peak_rss_bytes()
    return record


def _fields(value: object) -> dict[str, Any]:
    """A native record, a curve point say, by its public attributes."""
    return {name: getattr(value, name) for name in dir(value) if not name.startswith("_")}


def _failure(error: BaseException) -> dict[str, Any]:
    message = str(error)[:4000]
    found = _OS_ERROR.search(message)
    number = error.errno if isinstance(error, OSError) else None
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": message,
        "os_error": number or (int(found.group(1)) if found else None),
        "path": str(error.filename) if isinstance(error, OSError) and error.filename else None,
    }


def _tuples(value: Any) -> Any:
    return [tuple(item) for item in value] if value and isinstance(value[0], list) else tuple(value)


def main() -> None:
    """Serve requests until the pipe ends."""
    die_with(int(sys.argv[2]))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    # What an import makes stays: looking for garbage in it is a tenth of a worker's start.
    gc.disable()
    module = importlib.import_module(sys.argv[1])
    gc.freeze()
    gc.enable()
    for line in sys.stdin:
        answers.write(json.dumps(answer(module, json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
