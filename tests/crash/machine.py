"""The machine under the bridge, as far as a test can command it without privileges: its disk and its clock (machine.c)."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("machine.c")
_WISHES = struct.Struct("=qqq")  # clock offset in milliseconds, disk full, fsyncs counted
_FILES = ("outbox.db", "outbox.db-wal")


class Machine:
    """For a bridge whose outbox lies in `folder`. `environment` is for its launch."""

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        work.mkdir(parents=True, exist_ok=True)
        library = work / "machine.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, _SOURCE, "-ldl"], check=True)
        wishes = work / "wishes"
        wishes.write_bytes(bytes(_WISHES.size))
        with open(wishes, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), _WISHES.size)
        self.environment = {
            "LD_PRELOAD": str(library),
            "MACHINE_WISHES": str(wishes),
            "MACHINE_FOLDER": str(folder.resolve()),
            # AddressSanitizer would refuse a library that stands before it.
            "ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0",
        }

    def _set(self, index: int, value: int) -> None:
        struct.pack_into("=q", self._map, 8 * index, value)

    def move_clock(self, offset_s: int) -> None:
        """The bridge's wall clock; CLOCK_BOOTTIME goes on."""
        self._set(0, offset_s * 1000)

    def fill_disk(self, is_full: bool) -> None:
        self._set(1, is_full)

    @property
    def syncs(self) -> int:
        return _WISHES.unpack(self._map[:])[2]

    def _durable(self, name: str) -> Path:
        return self._folder / f"{name}.durable"

    def settle(self) -> None:
        """What is in the files now counts as flushed. To be called before each launch."""
        for name in _FILES:
            source = self._folder / name
            if source.exists():
                shutil.copyfile(source, self._durable(name))
            else:
                self._durable(name).unlink(missing_ok=True)

    def lose_power(self) -> None:
        """The bridge is dead: of its files only that stays which an fsync had flushed."""
        for name in _FILES:
            if self._durable(name).exists():
                shutil.copyfile(self._durable(name), self._folder / name)
            else:
                (self._folder / name).unlink(missing_ok=True)
        (self._folder / "outbox.db-shm").unlink(missing_ok=True)
