"""`python3 tests/simulator --dir DIR`, or `python3 -m simulator` with tests/ in the path."""

import sys
from pathlib import Path

if not __package__:
    # Run as a folder: its own place in the path is replaced by its parent, so that it is a package of its own.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from simulator.app import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
