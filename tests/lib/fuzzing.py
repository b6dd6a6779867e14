"""Runs the fuzz targets of tests/fuzz: every seed as it is, then inputs made from them, for a bounded time."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from addresses import fixed_addresses
from counting import Count

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tests/fuzz"
PROGRAMS = ROOT / "build/fuzz/tests/fuzz"
CORPORA = ROOT / "build/fuzz/corpus"  # what long runs have found, for the next ones
ARTIFACTS = ROOT / "build/test-logs"

AT_A_TIME = 2
MAX_LEN = 8192  # bytes of an input that is made; seeds may be longer
SHORT_SECONDS = 15  # of a short run at most, whatever its number of inputs
# Inputs of a short run: about eight seconds' worth each.
SHORT_RUNS = {
    "api_answer": 20_000, "config": 15_000, "decimal": 100_000, "json": 300_000, "loop": 8_000, "mapping": 20_000,
    "model": 200_000, "stored": 200_000, "template": 100_000, "text": 60_000, "topic": 30_000,
}
# Files that are seeds too, where they stand.
MORE_SEEDS = {
    "config": ["tests/schema-corpus/config/*/*.yaml"],
    "mapping": ["mappings/*.yaml", "tests/schema-corpus/rules.yaml", "tests/schema-corpus/mapping/*/*.yaml"],
    "model": ["tests/simulator/models/*.json"],
}
# A slow input is a finding, and so are a leak and an input that takes much memory.
LIMITS = ["-timeout=10", "-rss_limit_mb=1024", "-detect_leaks=1"]


@dataclass(frozen=True)
class Result:
    name: str
    passed: bool
    output: str
    summary: str  # one line for people


def target_names() -> list[str]:
    return sorted(path.stem.removeprefix("fuzz_") for path in SOURCES.glob("fuzz_*.c"))


def seeds(name: str) -> list[Path]:
    found = list((SOURCES / "seeds" / name).iterdir())
    for pattern in MORE_SEEDS.get(name, []):
        found += ROOT.glob(pattern)
    return sorted(found)


def dictionary(name: str) -> Path:
    return SOURCES / f"{name}.dict"


def artifacts(name: str) -> list[Path]:
    return sorted(ARTIFACTS.glob(f"fuzz-{name}-*-*"))


def program(name: str) -> Path:
    return PROGRAMS / f"fuzz_{name}"


def seed_command(name: str) -> list[str]:
    return [str(program(name)), *LIMITS, *map(str, seeds(name))]


def fuzz_command(name: str, seconds: int | None) -> list[str]:
    """Without seconds a short run, the same each time."""
    before, effort = [], [f"-max_total_time={seconds}"]
    if seconds is None:
        before = fixed_addresses()
        effort = [f"-runs={SHORT_RUNS[name]}", f"-max_total_time={SHORT_SECONDS}", "-seed=1", "-reload=0"]
    more = ",".join(str(path) for path in seeds(name) if path.parent != SOURCES / "seeds" / name)
    command = [*before, "nice", "-n", "10", str(program(name)), *LIMITS, *effort]
    command += [f"-max_len={MAX_LEN}", "-print_final_stats=1"]
    command += [f"-artifact_prefix={ARTIFACTS}/fuzz-{name}-"]
    command += [f"-dict={dictionary(name)}"] if dictionary(name).exists() else []
    command += [f"-seed_inputs={more}"] if more else []
    return [*command, str(corpus(name, seconds)), str(SOURCES / "seeds" / name)]


def corpus(name: str, seconds: int | None) -> Path:
    return CORPORA / (name if seconds is not None else f"short-{name}")


def make_corpus(name: str, seconds: int | None) -> None:
    if seconds is None:
        shutil.rmtree(corpus(name, None), ignore_errors=True)
    corpus(name, seconds).mkdir(parents=True, exist_ok=True)


def run_logged(command: Sequence[str]) -> tuple[bool, str]:
    env = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1"}
    done = subprocess.run(
        command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    )
    return done.returncode == 0, f"$ {shlex.join(command)}\n{done.stdout}"


def statistic(output: str, pattern: str) -> str:
    found = re.findall(pattern, output)
    return found[-1] if found else "?"


def summary(name: str, output: str) -> str:
    runs = statistic(output, r"stat::number_of_executed_units: +(\d+)")
    speed = statistic(output, r"stat::average_exec_per_sec: +(\d+)")
    slowest = statistic(output, r"stat::slowest_unit_time_sec: +(\d+)")
    coverage = statistic(output, r"cov: (\d+ ft: \d+)")
    return f"{name}: {runs} inputs, {speed}/s, slowest {slowest} s, cov: {coverage}"


def repetition(name: str) -> str:
    """How to see again what was found."""
    shown = [path.relative_to(ROOT) for path in artifacts(name)]
    lines = [f"again: {program(name).relative_to(ROOT)} {path}" for path in shown]
    return "\n".join(lines) or f"again: {program(name).relative_to(ROOT)} with the seed named last above"


def run_target(name: str, seconds: int | None) -> Result:
    for path in artifacts(name):
        path.unlink()
    make_corpus(name, seconds)
    passed, output = run_logged(seed_command(name))
    if passed:
        passed, more = run_logged(fuzz_command(name, seconds))
        output += more
    line = summary(name, output)
    if not passed:
        line += f"\n{repetition(name)}"
    return Result(name, passed, f"{output}\n{line}\n", line)


def run_targets(names: Sequence[str], seconds: int | None) -> list[Result]:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(lambda name: run_target(name, seconds), names))


def count(results: Sequence[Result]) -> Count:
    passed = sum(result.passed for result in results)
    return Count(passed, len(results) - passed)
