"""A program that saves artefacts until it is killed, or cannot go on; run by the crash tests.

``python saving_child.py HOME PREFIX [LIMIT]``: each line that it prints is a result of a save, as
JSON. With LIMIT no file may grow beyond so many bytes.
"""

import json
import resource
import signal
import sys

import steno


def entries(number):
    """Give entries of a document of a few megabytes, which can't be compressed much."""
    for at in range(20_000):
        yield {"document": number, "at": at, "text": f"{number * 7919 + at * 104_729:040x}" * 4}


def main() -> None:
    """Save documents, small and large in turn, for ever; with a limit, three of them."""
    home, prefix = sys.argv[1:3]
    limited = len(sys.argv) > 3
    if limited:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
    with steno.open(home) as recorder:
        session = recorder.session(prefix)
        number = 0
        while not limited or number < 3:
            data = entries(number) if number % 2 else [{"document": number}]
            saved = session.save_logs(data, pod=prefix)
            print(json.dumps([str(saved), saved.sha256, saved.error]), flush=True)
            number += 1


if __name__ == "__main__":
    main()
