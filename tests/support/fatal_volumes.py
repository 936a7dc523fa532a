"""The real child of volumes, in which some contents are fatal: ``python -m tests.support.fatal_volumes VOLUMES ORDER``.

A volume that begins with FATAL and a word does what the word says to the process that reads it, after its walls stand.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from watchdog.collectors.archives import volume_check
from watchdog.collectors.archives.findings import Finding

FATAL = b"fatal "
_examine = volume_check.examine
_poisoned: list[str] = []


def examine(source, level, volume, memory):
    if _poisoned:
        os.kill(os.getpid(), signal.SIGSEGV)
    word = source.at(0, 32).removeprefix(FATAL).decode("ascii", "replace") if source.at(0, len(FATAL)) == FATAL else ""
    match word:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "abort":
            os.abort()
        case "exit":
            os._exit(7)
        case "bomb":
            raise MemoryError
        case "real bomb":
            bytearray(64 << 30)
        case "hang":
            time.sleep(3600)
        case "spin":
            while True:
                pass
        case "babble":
            sys.stdout.write("x" * (1 << 20))
            sys.stdout.flush()
            time.sleep(3600)
        case "poison":  # it answers well, and the process dies of it at the next one
            _poisoned.append(word)
            return Finding("zip", level), []
    return _examine(source, level, volume, memory)


if __name__ == "__main__":
    volume_check.examine = examine
    sys.exit(volume_check.main(sys.argv[1:]))
