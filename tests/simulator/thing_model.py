"""The thing model (TSL) of a product: its services and properties, and the check of arguments against them.

The files are TSL as the platform's console exports it: numbers in `specs` are strings, a custom module stands
in a file of its own that names its `functionBlockId`. The numbers 5092 and 63xx with their messages ("tsl parse:
data type is not int -> level") are those that the platform shows for a failed check of a value.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from .answers import Refusal, business_error
from .strict_json import Decimal

DEFAULT_BLOCK = ""
PROPERTY_ACCESS = ("get", "set")


@dataclass(frozen=True)
class Service:
    identifier: str
    is_sync: bool
    inputs: dict[str, dict[str, Any]]
    outputs: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class ThingModel:
    block: str
    text: str
    properties: dict[str, dict[str, Any]]
    services: dict[str, Service]


def _by_identifier(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["identifier"]: item for item in items}


def _service(item: dict[str, Any]) -> Service:
    if item["callType"] not in ("sync", "async"):
        raise ValueError(f"service {item['identifier']}: callType is {item['callType']!r}, not sync or async")
    inputs = item.get("inputData", [])
    named = [field for field in inputs if isinstance(field, dict)]
    outputs = [field for field in item.get("outputData", []) if isinstance(field, dict)]
    return Service(item["identifier"], item["callType"] == "sync", _by_identifier(named), _by_identifier(outputs))


def load(path: Path) -> ThingModel:
    """Reads one TSL file; ValueError says what is wrong with it.

    The inputs of `get` are bare property names in an exported file, and `get` and `set` are property access
    and no services of the device's own: calling them is "service not found".
    """
    text = path.read_text(encoding="utf-8")
    try:
        tsl = json.loads(text)
        services = {
            item["identifier"]: _service(item)
            for item in tsl.get("services", [])
            if item["identifier"] not in PROPERTY_ACCESS
        }
        properties = _by_identifier(tsl.get("properties", []))
        return ThingModel(tsl.get("functionBlockId", DEFAULT_BLOCK), text, properties, services)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a thing model: {error!r}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _wrong(number: int, text: str) -> Refusal:
    return business_error(str(number), f"tsl parse: {text}")


def _check_range(name: str, kind: str, number: float, specs: dict[str, Any]) -> None:
    if "min" in specs and number < float(specs["min"]):
        raise _wrong(6306, f"{kind} value is smaller than min {specs['min']} -> {name}")
    if "max" in specs and number > float(specs["max"]):
        raise _wrong(6306, f"{kind} value is bigger than max {specs['max']} -> {name}")


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_int(name: str, value: Any, data_type: dict[str, Any]) -> None:
    if not _is_int(value) or not -(2**31) <= value < 2**31:
        raise _wrong(6307, f"data type is not int -> {name}")
    _check_range(name, "int", value, data_type.get("specs", {}))


def _check_decimal(name: str, value: Any, data_type: dict[str, Any]) -> None:
    """Source: InvokeThingService, Args: a float or double needs a decimal point even if it is whole, as 10.0."""
    kind = data_type["type"]
    if not isinstance(value, Decimal) or "." not in value:
        raise _wrong(6307, f"data type is not {kind} -> {name}")
    _check_range(name, kind, float(value), data_type.get("specs", {}))


def _check_enum(name: str, value: Any, data_type: dict[str, Any]) -> None:
    if not _is_int(value):
        raise _wrong(6309, f"value of enum type must be int -> {name}")
    if str(value) not in data_type.get("specs", {}):
        raise _wrong(6309, f"enum specs error -> {name}")


def _check_bool(name: str, value: Any, data_type: dict[str, Any]) -> None:
    if not _is_int(value):
        raise _wrong(6308, f"value of bool type must be int -> {name}")
    if value not in (0, 1):
        raise _wrong(6308, f"bool specs error -> {name}")


def _check_text(name: str, value: Any, data_type: dict[str, Any]) -> None:
    if not isinstance(value, str) or isinstance(value, Decimal):
        raise _wrong(6310, f"data type is not string -> {name}")
    length = data_type.get("specs", {}).get("length")
    if length is not None and len(value.encode()) > int(length):
        raise _wrong(6310, f"string length bigger than max length {length} -> {name}")


def _check_date(name: str, value: Any, data_type: dict[str, Any]) -> None:
    if not isinstance(value, str) or not value.isdigit():
        raise _wrong(6311, f"date type must be a string of long(UTC ms) -> {name}")


def _check_struct(name: str, value: Any, data_type: dict[str, Any]) -> None:
    if not isinstance(value, dict):
        raise _wrong(6312, f"struct type must be json -> {name}")
    check_values(value, _by_identifier(data_type.get("specs", [])))


def _check_array(name: str, value: Any, data_type: dict[str, Any]) -> None:
    if not isinstance(value, list):
        raise _wrong(6328, f"data type is not array -> {name}")
    specs = data_type.get("specs", {})
    if "size" in specs and len(value) > int(specs["size"]):
        raise _wrong(6324, f"array size is bigger than max size {specs['size']} -> {name}")
    for member in value:
        check_value(name, member, specs["item"])


_CHECKS: dict[str, Callable[[str, Any, dict[str, Any]], None]] = {
    "int": _check_int,
    "float": _check_decimal,
    "double": _check_decimal,
    "enum": _check_enum,
    "bool": _check_bool,
    "text": _check_text,
    "date": _check_date,
    "struct": _check_struct,
    "array": _check_array,
}


def check_value(name: str, value: Any, data_type: dict[str, Any]) -> None:
    check = _CHECKS.get(data_type["type"])
    if check is None:
        raise _wrong(6328, f"data type is not exist -> {name}")
    check(name, value, data_type)


def check_values(values: dict[str, Any], fields: dict[str, dict[str, Any]]) -> None:
    """Refuses unknown names, values that do not fit, and a missing field that the model calls required."""
    for name, value in values.items():
        if name not in fields:
            raise _wrong(6304, f"params not exist -> {name}")
        check_value(name, value, fields[name]["dataType"])
    for name, field in fields.items():
        if field.get("required") and name not in values:
            raise _wrong(6304, f"required params not exist -> {name}")
