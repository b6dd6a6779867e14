"""A long run: python3 -m language [--seed N] [--files N]."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random, SystemRandom

from harness.bridge import run_cli

from .checks import compare_sets
from .compare import Disagreement, compare
from .generator import FAMILIES

SHOWN = 20
SETS = "sets"  # of rules, for `check`
SETS_OF_A_FILE = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="language", description="Compares the program with the reference.")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1 << 32))
    parser.add_argument("--files", type=int, default=20, help="of each family (default %(default)s)")
    parser.add_argument("--family", choices=[*FAMILIES, SETS], action="append", help="only this one")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    counts: Counter[str] = Counter()
    found: list[Disagreement | str] = []
    with tempfile.TemporaryDirectory() as folder:
        for family in options.family or [*FAMILIES, SETS]:
            random = Random(f"{options.seed} {family}")
            began = counts.total()
            if family == SETS:
                told, wrong = compare_sets(run_cli, Path(folder), random, options.files * SETS_OF_A_FILE)
                counts += told
                found += wrong
                print(f"{family}: {told}", flush=True)
                continue
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
