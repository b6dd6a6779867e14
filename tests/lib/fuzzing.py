"""Runs the fuzz targets of tests/fuzz: every seed as it is, then inputs made from them.

A short run makes a fixed number of inputs, the same on every machine (tests/fuzz/made.h). A long run lets libFuzzer make them,
guided by what the program does with them, for a given time; no two are alike.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from counting import Count

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tests/fuzz"
PROGRAMS = ROOT / "build/fuzz/tests/fuzz"
CORPORA = ROOT / "build/fuzz/corpus"  # what long runs have found, for the next ones
ARTIFACTS = ROOT / "build/test-logs"

AT_A_TIME = 2
MAX_LEN = 8192  # bytes of an input that is made; seeds may be longer
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
LIMITS = ["-timeout=60", "-rss_limit_mb=1024", "-detect_leaks=1"]
SANITIZERS = {"UBSAN_OPTIONS": "print_stacktrace=1"}


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


def short_command(name: str) -> list[str]:
    """The same inputs each time."""
    command = ["nice", "-n", "10", str(program(name)), f"--made={SHORT_RUNS[name]}", f"--findings={findings(name)}"]
    command += [f"--words={dictionary(name)}"] if dictionary(name).exists() else []
    return [*command, *map(str, seeds(name))]


def long_command(name: str, seconds: int) -> list[str]:
    more = ",".join(str(path) for path in seeds(name) if path.parent != SOURCES / "seeds" / name)
    command = ["nice", "-n", "10", str(program(name)), *LIMITS, f"-max_total_time={seconds}"]
    command += [f"-max_len={MAX_LEN}", "-print_final_stats=1", f"-artifact_prefix={findings(name)}"]
    command += [f"-dict={dictionary(name)}"] if dictionary(name).exists() else []
    command += [f"-seed_inputs={more}"] if more else []
    return [*command, str(corpus(name)), str(SOURCES / "seeds" / name)]


def findings(name: str) -> str:
    """What the names of the files begin with that hold inputs with which something is wrong."""
    return f"{ARTIFACTS}/fuzz-{name}-"


def corpus(name: str) -> Path:
    return CORPORA / name


def run_logged(command: Sequence[str], **more_env: str) -> tuple[bool, str]:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **SANITIZERS, **more_env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    )
    return done.returncode == 0, f"$ {shlex.join(command)}\n{done.stdout}"


def statistic(output: str, pattern: str) -> str:
    found = re.findall(pattern, output)
    return found[-1] if found else "?"


def short_summary(name: str, output: str) -> str:
    made = statistic(output, r"made inputs: (\d+, checksum [0-9a-f]+)")
    return f"{name}: {made}"


def long_summary(name: str, output: str) -> str:
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


def run_short(name: str) -> tuple[bool, str]:
    return run_logged(short_command(name), ASAN_OPTIONS="hard_rss_limit_mb=1024")


def run_long(name: str, seconds: int) -> tuple[bool, str]:
    corpus(name).mkdir(parents=True, exist_ok=True)
    return run_logged(long_command(name, seconds))


def run_target(name: str, seconds: int | None) -> Result:
    for path in artifacts(name):
        path.unlink()
    passed, output = run_logged(seed_command(name))
    if passed:
        passed, more = run_short(name) if seconds is None else run_long(name, seconds)
        output += more
    line = short_summary(name, output) if seconds is None else long_summary(name, output)
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
