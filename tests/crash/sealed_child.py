"""A program that records into a sealed incident until it is killed, and acknowledges each step.

Run by the crash tests: ``python sealed_child.py HOME SESSION``. It prints what is on disk for
certain: notes of the scratchpad and artefacts when the call returned, events after a flush.
"""

import os
import sys

import steno


def main() -> None:
    """Record, save and note, for ever."""
    incident = steno.Session.resume(sys.argv[2], "password", home=sys.argv[1])
    begun = os.getpid()
    number = 0
    while True:
        text = f"{begun}-{number}"
        with incident, incident.request(model="m", text=text) as request:
            request.response(text=text + "x" * (number * 37 % 3000))
        incident.scratchpad.append_to_section("notes", [text])
        os.write(1, f"note {text}\n".encode())
        if number % 3 == 0:
            saved = incident.save_logs([{"text": text}] * (number % 50), pod=text)
            os.write(1, f"artefact {saved.relative}\n".encode())
        if number % 5 == 0 and incident.flush():
            os.write(1, f"event {text}\n".encode())
        number += 1


if __name__ == "__main__":
    main()
