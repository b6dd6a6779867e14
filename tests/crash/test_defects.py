"""The oracle finds each of the defects that the program can put in on purpose (FAULT_DEFECT), within a few dozen
injections. What a run without them shows is worth as much as this."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from run import CrashRun

# A defect, and what the oracle says of it.
DEFECTS = {
    # The PUBACK leaves, and the command is only in memory.
    "ack_before_commit": r"no final reply",
    # SENT is written when the answer has come: what a kill interrupts is taken for never sent.
    "sent_after_request": r"not idempotent",
    # SQLite flushes nothing. SIGKILL alone leaves the page cache and would not show it: the machine under the bridge
    # gives back, at a power loss, only what an fsync had flushed.
    "no_fsync": r"no final reply|not idempotent",
    # What the broker delivers again is taken for a new command; those without an id run twice.
    "redelivery_forgotten": r"not idempotent|differ",
    # All requests carry one nonce.
    "nonce_reused": r"was used before",
}
INJECTIONS = 40


@pytest.mark.timeout(0)
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_put_in_on_purpose_is_caught(tmp_path: Path, seed: int, defect: str):
    run = CrashRun(tmp_path, seed, defect=defect)
    try:
        outcome = run.run(INJECTIONS, end_timeout_s=5.0)
    finally:
        run.close()
    faults = outcome.verdict.faults
    assert any(re.search(DEFECTS[defect], fault) for fault in faults), f"seed {seed}: {outcome}\n{faults}"
