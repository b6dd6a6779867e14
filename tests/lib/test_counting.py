"""The counts at the end of a run are right, above all where something failed."""

from __future__ import annotations

from pathlib import Path

from counting import Count, count_ctest, count_program, count_pytest, failed_outputs

PASSED = "[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n[       OK ] b\n[  PASSED  ] 2 test(s).\n"
FAILED = "[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n[  FAILED  ] b\n[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] b\n"
SKIPPED = "[ RUN      ] a\n[  SKIPPED ] a\n[  SKIPPED ] 1 test(s), listed below:\n"


def test_each_cmocka_test_counts():
    assert count_program(PASSED, True) == Count(2, 0)


def test_a_failed_cmocka_test_counts_once():
    assert count_program(FAILED, False) == Count(1, 1)


def test_a_skipped_cmocka_test_is_no_failure():
    assert count_program(SKIPPED, True) == Count(0, 0, 1)


def test_a_crash_in_the_middle_is_a_failure():
    assert count_program("[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\nSegmentation fault\n", False) == Count(1, 1)


def test_a_leak_found_after_all_tests_passed_is_a_failure():
    assert count_program(PASSED, False) == Count(2, 1)


def test_a_program_without_cmocka_is_one_test():
    assert count_program("", True) == Count(1, 0)
    assert count_program("", False) == Count(0, 1)


def test_ctest_programs_are_summed(tmp_path: Path):
    junit = tmp_path / "junit.xml"
    cases = f'<testcase status="run"><system-out>{PASSED}</system-out></testcase>'
    cases += f'<testcase status="fail"><system-out>{FAILED}</system-out></testcase>'
    junit.write_text(f"<testsuite>{cases}</testsuite>")
    assert count_ctest(junit, 8) == Count(3, 1)
    assert FAILED in failed_outputs(junit) and PASSED not in failed_outputs(junit)


def test_a_tool_that_left_no_result_is_a_failure(tmp_path: Path):
    assert count_ctest(tmp_path / "none.xml", 0) == Count(0, 1)
    assert count_pytest(tmp_path / "none.xml", 2) == Count(0, 1)


def test_pytest_errors_count_as_failures(tmp_path: Path):
    junit = tmp_path / "junit.xml"
    junit.write_text('<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1"/></testsuites>')
    assert count_pytest(junit, 1) == Count(2, 2, 1)


def test_pytest_that_ended_badly_without_a_failure_is_one(tmp_path: Path):
    junit = tmp_path / "junit.xml"
    junit.write_text('<testsuites><testsuite tests="5" failures="0" errors="0" skipped="0"/></testsuites>')
    assert count_pytest(junit, 3) == Count(5, 1)
