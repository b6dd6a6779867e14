"""Thing models, and arguments at the edges of what they take."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any, Callable, Sequence

from . import pools
from .filters import written
from .files import MESSAGES, Document, Made, document
from .models import INT_MAX, INT_MIN, PROPERTY_ACCESS, Model, fit
from .values import Number, Rejected, Value, exact, is_number, write_json

SCALARS = ("int", "float", "double", "enum", "bool", "text", "date")
INT_BOUNDS = ["0", "1", "-1", "5", "100", "255", "-40", "-2147483648", "2147483647", "1e2", "100.0"]
BOUNDS = [*INT_BOUNDS, "0.1", "-0.5", "1.5", "1e3", "-1.5e-3", "3.4028235e38", "-3.4028235e38", "0.30000000000000004"]
CHOICES = ["0", "1", "2", "-1", "7", "100", "2147483647"]
LENGTHS = ["1", "2", "4", "16", "32", "2048"]
SIZES = ["1", "2", "4", "10"]
NAMES = ["a", "b", "C", "level", "Level", "x1", "_y", "9"]
OFFSETS = [Fraction(text) for text in "0 0 0 1 -1 1/2 -1/2 1/10 1/1000000000000000000000".split()]
DATE_NUMBERS = "0 5 1767225600000 -1 1.0 1e3 1.5 0.0 18446744073709551615 1e20 -9223372036854775808".split()
ODD_DATES = ["", " ", "-1", "+5", " 5", "5 ", "1.0", "1e3", "now", "2026-01-01T00:00:00Z", "٣", "0x10"]
DATES = ["0", "00", "007", "1767225600000", "9223372036854775807", "18446744073709551615", "99999999999999999999"]
# What a template may end in where a type stands.
FILTERS = {
    "int": ["", " | int", " | round", " | clamp(0,100)"], "float": ["", " | float", " | scale(0,255,0,1)", " | int"],
    "double": ["", " | float", " | round(2)"], "enum": ["", " | int"], "bool": ["", " | bool"],
    "text": ["", " | string", " | json", " | lower"], "date": ["", " | int", " | string"], "array": [""],
    "struct": [""],
}


# ---- models


def bounds(random: Random, texts: Sequence[str]) -> dict[str, str]:
    low, high = sorted(random.choices(texts, k=2), key=exact)
    return {name: text for name, text in (("min", low), ("max", high)) if random.random() < 0.8}


def scalar_specs(random: Random, kind: str) -> Document:
    if kind == "enum":
        return {value: f"name of {value}" for value in random.sample(CHOICES, random.randint(1, 4))}
    if kind == "text":
        return {"length": random.choice(LENGTHS)} if random.random() < 0.8 else {}
    if kind == "bool":
        return {"0": "off", "1": "on"}
    if kind == "date":
        return {}
    return bounds(random, INT_BOUNDS if kind == "int" else BOUNDS) | {"step": "1"}


def data_type(random: Random, depth: int) -> Document:
    kind = random.choice(SCALARS + ("array", "struct") * 2 if depth else SCALARS)
    if kind == "array":
        size = {"size": random.choice(SIZES)} if random.random() < 0.8 else {}
        return {"type": kind, "specs": size | {"item": data_type(random, depth - 1)}}
    specs = fields(random, depth - 1, 1) if kind == "struct" else scalar_specs(random, kind)
    return {"type": kind, "specs": specs}


def fields(random: Random, depth: int, least: int) -> list[Document]:
    return [field(random, name, depth) for name in random.sample(NAMES, random.randint(least, 4))]


def field(random: Random, name: str, depth: int) -> Document:
    required = random.choice([{}, {"required": False}, {"required": True}])
    return {"identifier": name, "name": f"the {name}", **required, "dataType": data_type(random, depth)}


def service(random: Random, identifier: str) -> Document:
    return {
        "identifier": identifier, "name": identifier, "callType": random.choice(["sync", "async"]), "required": False,
        "inputData": fields(random, 2, 0), "outputData": [],
    }


def make_model(random: Random, block: str) -> Document:
    """Of the product, or with the name of a custom module."""
    services = [service(random, identifier) for identifier in ("Set", "Run")]
    services += [{**service(random, name), "inputData": ["power"]} for name in PROPERTY_ACCESS]
    module = {"functionBlockId": block} if block else {}
    return {**module, "profile": {"productKey": "k1ymv1DuLfE"}, "properties": [], "events": [], "services": services}


def as_answer(random: Random, tsl: Document) -> Document:
    """Now and then as the platform answers GetThingModelTsl."""
    return {"Success": True, "Data": {"TslStr": write_json(tsl)}} if random.random() < 0.1 else tsl


# ---- values


def spelled(random: Random, number: Fraction) -> Number:
    """One of the ways to write a finite decimal."""
    plain, tenfold, hundredth = (written(number * factor, with_point=False) for factor in (1, 10, Fraction(1, 100)))
    ways = [plain, plain, f"{tenfold}e-1", f"{hundredth}e2", f"{plain}e0", f"{plain}E+00"]
    ways.append(f"{plain}0" if "." in plain else f"{plain}.0")
    return Number(random.choice([way for way in ways if is_number(way)] or [plain]))


def near(random: Random, edges: Sequence[Fraction]) -> Number:
    return spelled(random, random.choice(edges) + random.choice(OFFSETS))


def draw_int(random: Random, specs: Any) -> Value:
    edges = [exact(specs[name]) for name in ("min", "max") if name in specs]
    low, high = exact(specs.get("min", "-300")), exact(specs.get("max", "300"))
    if low <= high and random.random() < 0.5:
        return spelled(random, Fraction(random.randint(int(low), int(high))))
    return near(random, edges + [Fraction(edge) for edge in (INT_MIN, INT_MAX, 0)])


def draw_float(random: Random, specs: Any) -> Value:
    edges = [exact(specs[name]) for name in ("min", "max") if name in specs]
    if len(edges) == 2 and random.random() < 0.5:
        return spelled(random, edges[0] + (edges[1] - edges[0]) * Fraction(random.randint(0, 1000), 1000))
    return near(random, edges or [Fraction(10)]) if random.random() < 0.7 else pools.number(random)


def draw_enum(random: Random, specs: Any) -> Value:
    return spelled(random, exact(random.choice([*specs, *specs, *CHOICES])))


def draw_bool(random: Random, _: Any) -> Value:
    return random.choice([True, False, "1", *map(Number, "0 1 0 1 1.0 0.0 2 -1 1e0 10e-1".split())])


def draw_text(random: Random, specs: Any) -> Value:
    length = int(specs.get("length", "8"))
    if random.random() < 0.5:
        size = max(0, length + random.choice((-1, 0, 0, 1)))
        return "x" * size if random.random() < 0.6 else "é" * (size // 2) + "x" * (size % 2)
    return pools.text(random)


def draw_date(random: Random, _: Any) -> Value:
    if random.random() < 0.5:
        return random.choice(DATES + DATES + ODD_DATES)
    return Number(random.choice(DATE_NUMBERS))


def draw_array(random: Random, specs: Any) -> Value:
    size = int(specs.get("size", "3"))
    return [draw(random, specs["item"]) for _ in range(max(0, random.choice((0, 1, size, size, size + 1))))]


def draw_members(random: Random, given: Sequence[Model], odd: float = 0.03) -> dict[str, Value]:
    members = {
        item["identifier"]: draw(random, item["dataType"])
        for item in given
        if random.random() > (odd if item.get("required") else 0.3)
    }
    return members | ({random.choice(NAMES): pools.scalar(random)} if random.random() < odd else {})


DRAW: dict[str, Callable[[Random, Any], Value]] = {
    "int": draw_int, "float": draw_float, "double": draw_float, "enum": draw_enum, "bool": draw_bool,
    "text": draw_text, "date": draw_date, "array": draw_array, "struct": draw_members,
}


def draw(random: Random, data: Model) -> Value:
    if random.random() < 0.03:
        return pools.value(random)
    value = DRAW[data["type"]](random, data["specs"])
    # The wrong ones are most of those at the edges; else hardly an object of many members would fit.
    return value if random.random() < 0.3 or fits(data, value) else DRAW[data["type"]](random, data["specs"])


def fits(data: Model, value: Value) -> bool:
    try:
        fit(data, value)
    except Rejected:
        return False
    return True


# ---- rules


def argument(random: Random, data: Model, path: str) -> Value:
    """A template for what stands at the path, or a map or list of such, or a constant that fits."""
    if data["type"] == "struct" and random.random() < 0.5:
        return {
            item["identifier"]: argument(random, item["dataType"], f"{path}/{item['identifier']}")
            for item in data["specs"]
        }
    if data["type"] == "array" and random.random() < 0.5:
        return [argument(random, data["specs"]["item"], f"{path}/{index}") for index in range(random.randint(0, 1))]
    value = draw(random, data)
    if random.random() < 0.1 and fits(data, value) and "$" not in write_json(value):
        return value
    return f"${{payload:{path}{random.choice(FILTERS[data['type']])}}}"


def arguments(random: Random, given: Sequence[Model]) -> Value:
    if random.random() < 0.6:
        return "${payload:/args}"
    return {
        item["identifier"]: argument(random, item["dataType"], f"/args/{item['identifier']}") for item in given
    }


def model_rule(random: Random, name: str) -> Made:
    files = {f"{name}.json": make_model(random, ""), f"{name}-ota.json": make_model(random, "ota")}
    model: Value = random.choice([f"{name}.json", list(files)])
    used = files if isinstance(model, list) else {model: files[model]}
    services = {
        f"ota:{item['identifier']}" if block else item["identifier"]: item
        for file, tsl in used.items()
        for block in [tsl.get("functionBlockId")]
        for item in tsl["services"][:2]
    }
    identifier = random.choice([*services, "${payload.service}"])
    args = "${payload:/args}" if identifier.startswith("$") else arguments(random, services[identifier]["inputData"])
    rule = {
        "name": name, "topic": name, "model": model,
        "invoke": {"identifier": identifier, "device": "lamp-1", "args": args},
    }
    messages = []
    for _ in range(MESSAGES):
        called = identifier if identifier in services else random.choice([*services])
        payload = {"service": called, "args": draw_members(random, services[called]["inputData"])}
        if random.random() < 0.05:
            payload["service"] = random.choice(["set", "get", "ota:set", "ota:Set", "SET", "m:Set", "Set2", "Run"])
        messages.append({"topic": name, "payload": write_json(payload)})
    return document([rule], {file: as_answer(random, tsl) for file, tsl in used.items()}), messages
