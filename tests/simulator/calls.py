"""A call as the platform sees it, from its parameters to its line in the journal."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Iterable

from .answers import Refusal, new_request_id

MAX_DEVICES_PER_CALL = 100
_NUMBERED = re.compile(r"DeviceName\.([1-9][0-9]{0,3})\Z")
_IOT_ID_SPELLINGS = ("IotId", "IoTID", "IoTId")


@dataclass(slots=True)
class Call:
    """One call. The names come from the parameters as they are, known to the platform or not."""

    http_method: str
    host: str
    parameters: dict[str, str]
    request_id: str = field(default_factory=new_request_id)
    device_names: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)
    message_id: str | None = None
    wait_s: float = 0.0

    def __post_init__(self) -> None:
        self.device_names = list(_device_names(self.parameters))

    def get(self, name: str) -> str | None:
        """A parameter; an empty value counts as missing."""
        return self.parameters.get(name) or None

    def require(self, name: str) -> str:
        value = self.parameters.get(name)
        if not value:
            raise Refusal(
                "MissingParameter",
                f'The input parameter "{name}" that is mandatory for processing this request is not supplied.',
            )
        return value

    @property
    def action(self) -> str | None:
        return self.get("Action")

    @property
    def iot_id(self) -> str | None:
        """The documents spell it IotId in their text and IoTID in one table."""
        for name in _IOT_ID_SPELLINGS:
            if self.parameters.get(name):
                return self.parameters[name]
        return None

    @property
    def wants_xml(self) -> bool:
        return self.parameters.get("Format", "").upper() == "XML"

    def numbered_devices(self) -> list[str]:
        """DeviceName.1 .. DeviceName.N, which must stand without a gap."""
        numbered = {name: value for name, value in self.parameters.items() if _NUMBERED.match(name)}
        names = [numbered.get(f"DeviceName.{position}") for position in range(1, len(numbered) + 1)]
        if any(name is None for name in names):
            raise Refusal("InvalidParameter", "The parameters DeviceName.N have a gap in their numbers.")
        return [name or "" for name in names]

    def journal_entry(self, now: float, code: str | None, status: int | None, fault: str | None) -> dict[str, Any]:
        get = self.parameters.get
        return {
            "time": round(now, 6),
            "action": get("Action"),
            "access_key_id": get("AccessKeyId"),
            "product_key": get("ProductKey"),
            "device_names": self.device_names,
            "iot_id": self.iot_id,
            "identifier": get("Identifier"),
            "args": get("Args"),
            "nonce": get("SignatureNonce"),
            "timestamp": get("Timestamp"),
            "method": self.http_method,
            "request_id": self.request_id,
            "message_id": self.message_id,
            "delivered": self.delivered,
            "executed": self.executed,
            "code": code,
            "http_status": status,
            "fault": fault,
        }


def _device_names(parameters: dict[str, str]) -> Iterable[str]:
    """The names that a call gives, in the order of their numbers, for the journal and for faults."""
    single = parameters.get("DeviceName")
    if single is not None:
        yield single
    numbered = [(int(match[1]), name) for name in parameters if (match := _NUMBERED.match(name))]
    for _, name in sorted(numbered):
        yield parameters[name]
