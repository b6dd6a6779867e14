"""A long run: python3 -m language [--seed N] [--files N]."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random, SystemRandom

from harness.bridge import run_cli

from .compare import Disagreement, compare
from .generator import FAMILIES

SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="language", description="Compares the program with the reference.")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1 << 32))
    parser.add_argument("--files", type=int, default=20, help="of each family (default %(default)s)")
    parser.add_argument("--family", choices=FAMILIES, action="append", help="only this one")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    counts: Counter[str] = Counter()
    found: list[Disagreement] = []
    with tempfile.TemporaryDirectory() as folder:
        for family in options.family or FAMILIES:
            random = Random(f"{options.seed} {family}")
            began = counts.total()
            for _ in range(options.files):
                comparison = compare(run_cli, Path(folder, "rules.yaml"), *FAMILIES[family](random))
                found += comparison.disagreements
                counts += comparison.counts
            print(f"{family}: {counts.total() - began} cases", flush=True)
    print("\n".join(map(str, found[:SHOWN])))
    print(f"{counts.total()} cases ({counts}), {len(found)} disagreements")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
