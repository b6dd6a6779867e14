"""All checks and tests, one step after the other; called by tests/run, which has installed what is needed.

Logs go to build/test-logs/. The last line is `N passed, N failed`; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Iterable, Sequence

import fuzzing
from addresses import fixed_addresses
from counting import Count, count_ctest, count_pytest, failed_outputs

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build/test-logs"
SHOWN_LINES = 60
STEP_TIMEOUT_S = 2 * 60 * 60  # of one that hangs: no test of its own lasts so long


@dataclass(frozen=True)
class Step:
    name: str
    run: Callable[[Path], Count]  # gets the log file
    is_quick: bool = True  # part of --quick
    is_filtered: bool = False  # it takes --filter itself; other steps are left out unless their name fits


def seconds(text: str) -> int:
    """At least one: none would be without end."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/run", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="debug build, format, unit and integration tests only")
    parser.add_argument("--filter", metavar="X", help="only steps, unit programs and tests whose name contains X")
    parser.add_argument("--bench", action="store_true", help="the whole benchmark in place of its short form")
    parser.add_argument("--crash-injections", metavar="N", type=int, help="in the crash test (default 200)")
    parser.add_argument("--fuzz-seconds", metavar="N", type=seconds, help="for each fuzz target (default: a short run)")
    parser.add_argument("--jobs", metavar="N", type=int, default=os.cpu_count() or 2, help="at a time (default %(default)s)")
    parser.add_argument("--yes", action="store_true", help="do not ask before packages are installed")
    return parser.parse_args(arguments)


def run_logged(
    log: Path, *command: str | Path, env: dict[str, str] | None = None, timeout_s: float = STEP_TIMEOUT_S
) -> int:
    """Runs a command with its output in the log (added at its end); returns the exit code."""
    with open(log, "a") as file:
        file.write(f"$ {' '.join(map(str, command))}\n")
        file.flush()
        try:
            return subprocess.run(
                [str(word) for word in command], cwd=ROOT, env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=timeout_s,
            ).returncode
        except subprocess.TimeoutExpired:
            file.write(f"ended after {timeout_s} s\n")
            return 124


def append(log: Path, text: str) -> None:
    with open(log, "a") as file:
        file.write(text)


def verdict(is_good: bool) -> Count:
    return Count(1, 0) if is_good else Count(0, 1)


def sources(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


class Steps:
    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    def build(self, preset: str, *targets: str) -> Step:
        def work(log: Path) -> Count:
            launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
            configure = ["cmake", "--preset", preset, "-DTHINGBRIDGE_WERROR=ON", "-DTHINGBRIDGE_TESTS=ON", *launcher]
            build = ["cmake", "--build", "--preset", preset, "-j", str(self._options.jobs)]
            build += ["--target", *targets] if targets else []
            return verdict(run_logged(log, *configure) == 0 and run_logged(log, *build) == 0)

        return Step(f"build-{preset}", work, is_quick=preset == "dev")

    def format(self) -> Step:
        def work(log: Path) -> Count:
            files = sources("bridge/**/*.[ch]", "tests/**/*.[ch]")
            return verdict(run_logged(log, "clang-format", "--dry-run", "-Werror", *files) == 0)

        return Step("clang-format", work)

    def shellcheck(self) -> Step:
        def work(log: Path) -> Count:
            return verdict(run_logged(log, "shellcheck", "-x", *shell_scripts()) == 0)

        return Step("shellcheck", work)

    def tidy(self) -> Step:
        def check(file: Path) -> tuple[int, str]:
            done = subprocess.run(
                ["clang-tidy", "--quiet", "-p", "build/dev", str(file)], cwd=ROOT, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
            return done.returncode, done.stdout

        def work(log: Path) -> Count:
            with ThreadPoolExecutor(self._options.jobs) as pool:
                results = list(pool.map(check, sources("bridge/**/*.c")))
            append(log, "".join(text for code, text in results if code != 0))
            # Once more without the explanations, as only the end of the log is shown.
            append(log, "\n".join(sorted({line for _, text in results for line in text.splitlines() if ": error: " in line})))
            return verdict(all(code == 0 for code, _ in results))

        return Step("clang-tidy", work, is_quick=False)

    def unit(self, preset: str) -> Step:
        def work(log: Path) -> Count:
            result = log.with_suffix(".xml")
            result.unlink(missing_ok=True)
            command = ["ctest", "--test-dir", f"build/{preset}", "-j", str(self._options.jobs), "--output-on-failure"]
            command += ["--output-junit", str(result), "--no-tests=ignore"]
            command += ["--test-output-size-passed", "1000000", "--test-output-size-failed", "1000000"]
            command += ["-R", self._options.filter] if self._options.filter else []
            code = run_logged(log, *addresses(preset), *command)
            append(log, failed_outputs(result))
            return count_ctest(result, code)

        return Step(f"unit-{preset}", work, is_quick=preset == "dev", is_filtered=True)

    def pytest(
        self, name: str, *arguments: str, is_quick: bool = True, preset: str = "dev", timeout_s: float = STEP_TIMEOUT_S
    ) -> Step:
        def work(log: Path) -> Count:
            result = log.with_suffix(".xml")
            result.unlink(missing_ok=True)
            command = ["/usr/bin/python3", "-B", "-m", "pytest", "-c", "tests/pytest.ini", "-p", "no:cacheprovider"]
            command += [f"--junit-xml={result}", "-v", *arguments]
            command += ["-k", self._options.filter] if self._options.filter else []
            program = {"THINGBRIDGE_BINARY": str(ROOT / f"build/{preset}/thingbridge")}
            return count_pytest(result, run_logged(log, *addresses(preset), *command, env=program, timeout_s=timeout_s))

        return Step(name, work, is_quick, is_filtered=True)

    def brokers(self) -> Step:
        """Shows which brokers are skipped, and why."""
        inner = self.pytest("brokers", "tests/brokers", is_quick=False)

        def work(log: Path) -> Count:
            run_logged(log, "/usr/bin/python3", "-B", "tests/lib/install_brokers.py")
            told = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("skipped: ")]
            if told:
                print("".join(f"\n    {line}" for line in told))
            return inner.run(log)

        return replace(inner, run=work)

    def crash(self) -> Step:
        """Shows what it injected and what came of it."""
        injections = self._options.crash_injections
        arguments = [f"--crash-injections={injections}"] if injections else []
        timeout_s = STEP_TIMEOUT_S + 2 * (injections or 0)
        inner = self.pytest("crash", *arguments, "tests/crash", is_quick=False, timeout_s=timeout_s)

        def work(log: Path) -> Count:
            count = inner.run(log)
            told = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("crash: ")]
            print("".join(f"\n    {line.removeprefix('crash: ')}" for line in told))
            return count

        return replace(inner, run=work)

    def fuzz(self) -> Step:
        """Shows what each target has done. --filter takes targets too, as fuzz_json."""

        def work(log: Path) -> Count:
            wanted = self._options.filter or ""
            names = [name for name in fuzzing.target_names() if wanted in f"fuzz_{name}"]
            results = fuzzing.run_targets(names, self._options.fuzz_seconds)
            # Those that failed last, as the end of the log is shown.
            append(log, "".join(result.output for result in sorted(results, key=lambda result: not result.passed)))
            print("".join(f"\n    {result.summary}" for result in results))
            return fuzzing.count(results)

        return Step("fuzz", work, is_quick=False, is_filtered=True)

    def bench(self) -> Step:
        def work(log: Path) -> Count:
            arguments = [] if self._options.bench else ["--smoke"]
            code = run_logged(log, "/usr/bin/python3", "-B", "tests/bench/bench.py", *arguments)
            if self._options.bench:
                print(log.read_text())
            return verdict(code == 0)

        return Step("bench", work, is_quick=False)

    def all(self) -> list[Step]:
        at_a_time = ["-n", str(3 * self._options.jobs)]  # tests wait most of their time
        return [
            self.build("dev"),
            self.format(),
            self.shellcheck(),
            self.pytest("house", "tests/lib"),
            self.unit("dev"),
            self.pytest("simulator", *at_a_time, "tests/simulator"),
            self.pytest("integration", *at_a_time, "tests/integration"),
            self.brokers(),
            self.tidy(),
            self.build("asan"),
            self.unit("asan"),
            self.pytest("integration-asan", *at_a_time, "tests/integration", is_quick=False, preset="asan"),
            self.build("tsan"),
            self.unit("tsan"),
            self.pytest("integration-tsan", *at_a_time, "tests/integration", is_quick=False, preset="tsan"),
            self.build("fuzz", "fuzzers"),
            self.fuzz(),
            self.build("release", "thingbridge", "bench_load", "bench_mapping"),
            self.pytest("release", "tests/release", is_quick=False, preset="release"),
            self.crash(),
            self.pytest("demo", "tests/demo", is_quick=False),
            self.bench(),
        ]


def shell_scripts() -> list[Path]:
    """Files that say they are for a shell: by their first line or shellcheck's own remark."""
    found = []
    for path in sources("deploy/*", "deploy/lib/*", "tests/*", "tests/*/*", ".ci/*"):
        if path.is_file() and path.suffix in ("", ".sh"):
            first = path.read_bytes()[:64].split(b"\n")[0]
            if first.startswith(b"#!/bin/") or first.startswith(b"# shellcheck shell="):
                found.append(path)
    return found


def addresses(preset: str) -> list[str]:
    """gcc 12's ThreadSanitizer cannot live with the address randomisation of newer kernels."""
    return fixed_addresses() if preset == "tsan" else []


def chosen(steps: Iterable[Step], options: argparse.Namespace) -> list[Step]:
    """With --filter builds stay, as the filtered steps need them."""
    return [
        step
        for step in steps
        if (step.is_quick or not options.quick)
        and (
            not options.filter
            or step.is_filtered
            or options.filter in step.name
            or step.name.startswith("build-")
        )
    ]


def show_failure(log: Path) -> None:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    print(f"--- end of {log.relative_to(ROOT)}")
    print("\n".join(lines[-SHOWN_LINES:]))
    print("---", flush=True)


def run_step(step: Step, position: str) -> Count:
    log = LOGS / f"{step.name}.log"
    log.unlink(missing_ok=True)
    print(f"[{position}] {step.name:<16}", end=" ", flush=True)
    began = time.monotonic()
    try:
        count = step.run(log)
    except (OSError, ValueError) as error:
        append(log, f"{error}\n")
        count = Count(0, 1)
    print(f"{count.passed} passed, {count.failed} failed{count.remark}  ({time.monotonic() - began:.0f} s)", flush=True)
    if count.failed:
        show_failure(log)
    return count


def main(arguments: Sequence[str]) -> int:
    options = read_options(arguments)
    LOGS.mkdir(parents=True, exist_ok=True)
    steps = chosen(Steps(options).all(), options)
    total = Count(0, 0)
    for number, step in enumerate(steps, 1):
        count = run_step(step, f"{number:2}/{len(steps)}")
        total += count
        if step.name == "build-dev" and count.failed:
            break
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
