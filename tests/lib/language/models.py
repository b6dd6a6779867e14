"""Thing models: which services and arguments a product has, and how a value is sent."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Iterable, Mapping

from .filters import to_float
from .values import INTEGER_MAX, Number, Rejected, Value, exact

Model = Mapping[str, Any]
Specs = Any

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
PROPERTY_ACCESS = ("get", "set")
_DATE = re.compile(r"[0-9]+")


def refused(*others: str) -> Rejected:
    return Rejected("argument_invalid", *others)


def service_of(models: Iterable[Model], identifier: str) -> Model:
    """The service that a call names so."""
    for model in map(tsl_of, models):
        block = model.get("functionBlockId")
        for service in model["services"]:
            name = f"{block}:{service['identifier']}" if block else service["identifier"]
            if name == identifier and service["identifier"] not in PROPERTY_ACCESS:
                return service
    raise Rejected("name_invalid")


def tsl_of(model: Model) -> Model:
    """Of a file, which may be an answer to GetThingModelTsl."""
    return json.loads(model["Data"]["TslStr"]) if "Data" in model else model


def fit_arguments(service: Model, arguments: Mapping[str, Value]) -> dict[str, Value]:
    """What is sent."""
    return fit_members(service.get("inputData", []), arguments)


def fit_members(fields: list[Model], given: Mapping[str, Value]) -> dict[str, Value]:
    known = {field["identifier"]: field for field in fields}
    if any(field.get("required") and name not in given for name, field in known.items()) or given.keys() - known.keys():
        raise refused()
    return {name: fit(known[name]["dataType"], value) for name, value in given.items()}


def fit(data: Model, value: Value) -> Value:
    return FITS[data["type"]](data.get("specs", {}), value)


def number_within(specs: Specs, value: Value) -> Number:
    if not isinstance(value, Number):
        raise refused()
    if "min" in specs and value.exact < exact(specs["min"]) or "max" in specs and value.exact > exact(specs["max"]):
        raise refused()
    return value


def fit_int(specs: Specs, value: Value) -> Value:
    number = number_within(specs, value).exact
    if number.denominator != 1 or not INT_MIN <= number <= INT_MAX:
        raise refused()
    return Number(str(number))


def fit_float(specs: Specs, value: Value) -> Value:
    return to_float(number_within(specs, value), ())


def fit_choice(choices: Iterable[str], value: Value) -> Value:
    if isinstance(value, Number) and value.exact in map(exact, choices):
        return Number(str(value.exact))
    raise refused()


def fit_bool(_: Specs, value: Value) -> Value:
    return Number(str(int(value))) if isinstance(value, bool) else fit_choice("01", value)


def fit_text(specs: Specs, value: Value) -> Value:
    if not isinstance(value, str) or "length" in specs and len(value.encode()) > int(specs["length"]):
        raise refused()
    return value


def fit_date(_: Specs, value: Value) -> Value:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return value
    if isinstance(value, Number) and value.exact.denominator == 1 and 0 <= value.exact <= INTEGER_MAX:
        return str(value.exact)
    raise refused()


def fit_array(specs: Specs, value: Value) -> Value:
    if not isinstance(value, list) or "size" in specs and len(value) > int(specs["size"]):
        raise refused()
    return [fit(specs["item"], item) for item in value]


def fit_struct(fields: Specs, value: Value) -> Value:
    if not isinstance(value, dict):
        raise refused()
    return fit_members(fields, value)


FITS: dict[str, Callable[[Specs, Value], Value]] = {
    "int": fit_int,
    "float": fit_float,
    "double": fit_float,
    "enum": fit_choice,
    "bool": fit_bool,
    "text": fit_text,
    "date": fit_date,
    "array": fit_array,
    "struct": fit_struct,
}
