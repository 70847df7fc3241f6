"""Run the command line: ``python -m steno``."""

from steno.cli.main import main

if __name__ == "__main__":
    main()
