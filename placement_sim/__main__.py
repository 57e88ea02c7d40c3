"""``python -m placement_sim`` is the command line."""

import sys

from placement_sim.cli import main

if __name__ == "__main__":
    sys.exit(main())
