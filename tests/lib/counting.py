"""How many tests passed and failed: cmocka's own lines in ctest's JUnit file, and pytest's JUnit file."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

PYTEST_NO_TESTS = 5


@dataclass(frozen=True)
class Count:
    passed: int
    failed: int
    skipped: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    @property
    def remark(self) -> str:
        return f", {self.skipped} skipped" if self.skipped else ""


def count_program(output: str, has_passed: bool) -> Count:
    """One test program. A program that failed has at least one failure, whatever its output says; one that says
    nothing in cmocka's manner is one test."""
    lines = output.splitlines()
    begun = sum(line.startswith("[ RUN      ]") for line in lines)
    passed = sum(line.startswith("[       OK ]") for line in lines)
    skipped = sum(line.startswith("[  SKIPPED ] ") and "test(s)" not in line for line in lines)
    if begun == 0:
        return Count(1, 0) if has_passed else Count(0, 1)
    failed = begun - passed - skipped
    return Count(passed, failed if has_passed else max(1, failed), skipped)


def count_ctest(junit_file: Path, exit_code: int) -> Count:
    if not junit_file.exists():
        return Count(0, 1)
    total = Count(0, 0)
    for case in xml.parse(junit_file).getroot().iter("testcase"):
        total += count_program(case.findtext("system-out") or "", case.get("status") == "run")
    return total if exit_code == 0 or total.failed else total + Count(0, 1)


def failed_outputs(junit_file: Path) -> str:
    """What the test programs that failed have printed."""
    if not junit_file.exists():
        return ""
    failed = [case for case in xml.parse(junit_file).getroot().iter("testcase") if case.get("status") != "run"]
    return "".join(f"\n{case.get('name')}:\n{case.findtext('system-out') or ''}" for case in failed)


def count_pytest(junit_file: Path, exit_code: int) -> Count:
    if exit_code == PYTEST_NO_TESTS:
        return Count(0, 0)
    if not junit_file.exists():
        return Count(0, 1)
    total = Count(0, 0)
    for suite in xml.parse(junit_file).getroot().iter("testsuite"):
        tests, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        total += Count(max(0, tests - failed - skipped), failed, skipped)
    return total if exit_code == 0 or total.failed else total + Count(0, 1)
