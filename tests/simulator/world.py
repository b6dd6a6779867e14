"""The simulated world: accounts, products, devices and what their services do. Read from a JSON file.

The format is described in README.md. A device's own state (properties, online or not, what it answers) can be
changed while the simulator runs; `reset` brings it back to what the file says.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

from . import thing_model
from .thing_model import DEFAULT_BLOCK, Service, ThingModel

STATES = ("online", "offline", "slow", "error", "inactive")
RESULT_STYLES = ("reply", "output")
DEVICE_SETTINGS = ("state", "result", "result_style", "code", "message", "delay_s")
ACCOUNT_STATES = ("active", "inactive", "forbidden")
MAX_DEVICES = 100_000
_DEVICE_NAME = re.compile(r"[A-Za-z0-9\-_@.:]{1,64}\Z")
_RANGE = re.compile(r"(.*)\{(\d+)\.\.(\d+)\}(.*)\Z")


class WorldError(ValueError):
    """The world file is wrong; the message says where."""


@dataclass
class Account:
    access_key_id: str
    access_key_secret: str
    state: str = "active"


@dataclass
class Device:
    product_key: str
    name: str
    iot_id: str
    initial: dict[str, Any]
    state: str = "online"
    result: Any = None
    result_style: str = "reply"
    code: int | None = None
    message: str | None = None
    delay_s: float = 0.0
    properties: dict[str, Any] = field(default_factory=dict)

    def configure(self, settings: dict[str, Any]) -> None:
        """Sets some of DEVICE_SETTINGS; ValueError if one is unknown or wrong, and then none is set."""
        check_device_settings(settings)
        for name, value in settings.items():
            setattr(self, name, value)

    def reset(self) -> None:
        self.state, self.result, self.result_style = "online", None, "reply"
        self.code, self.message, self.delay_s = None, None, 0.0
        self.properties = {}
        self.configure(self.initial)


@dataclass
class Product:
    key: str
    name: str
    models: dict[str, ThingModel]
    services: dict[str, dict[str, Any]]
    devices: dict[str, Device] = field(default_factory=dict)

    def find_service(self, identifier: str) -> Service | None:
        """`Set` is a service of the default module, `ota:Start` one of the custom module ota."""
        block, colon, name = identifier.rpartition(":")
        model = self.models.get(block) if colon else self.models.get(DEFAULT_BLOCK)
        return model.services.get(name) if model else None

    def behaviour(self, identifier: str) -> dict[str, Any]:
        return self.services.get(identifier, {})


@dataclass
class World:
    accounts: dict[str, Account]
    products: dict[str, Product]
    required_parameters: list[str]
    by_iot_id: dict[str, Device]

    def device(self, product_key: str, name: str) -> Device | None:
        product = self.products.get(product_key)
        return product.devices.get(name) if product else None

    def all_devices(self) -> Iterator[Device]:
        return iter(self.by_iot_id.values())

    def reset(self) -> None:
        for device in self.all_devices():
            device.reset()


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise WorldError(text)


def check_device_settings(settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        _require(name in DEVICE_SETTINGS, f"unknown device setting {name!r}; known: {', '.join(DEVICE_SETTINGS)}")
        if name == "state":
            _require(value in STATES, f"state is {value!r}, not one of {', '.join(STATES)}")
        elif name == "result_style":
            _require(value in RESULT_STYLES, f"result_style is {value!r}, not one of {', '.join(RESULT_STYLES)}")
        elif name == "code":
            _require(value is None or type(value) is int, f"code is {value!r}, not an integer")
        elif name == "message":
            _require(value is None or isinstance(value, str), f"message is {value!r}, not text")
        elif name == "delay_s":
            _require(type(value) in (int, float) and 0 <= value <= 3600, f"delay_s is {value!r}, not 0 to 3600")


def expand_names(pattern: str) -> list[str]:
    """`lamp-{0001..2000}` names 2000 devices; the width of the first number is kept."""
    match = _RANGE.match(pattern)
    if not match:
        return [pattern]
    before, first, last, after = match.groups()
    _require(0 <= int(last) - int(first) < MAX_DEVICES, f"devices {pattern!r}: not a range of names")
    return [f"{before}{number:0{len(first)}d}{after}" for number in range(int(first), int(last) + 1)]


def derive_iot_id(product_key: str, name: str) -> str:
    """The platform gives each device an id of letters and digits; here it is the same in every run."""
    digest = hashlib.sha256(f"{product_key}/{name}".encode()).hexdigest()
    return f"{digest[:24]}00{digest[24:28]}"


def _read_devices(product_key: str, items: Any) -> Iterator[Device]:
    _require(isinstance(items, list), f"product {product_key}: devices is not a list")
    for item in items:
        settings = {"name": item} if isinstance(item, str) else dict(item)
        pattern = settings.pop("name", None)
        iot_id = settings.pop("iot_id", None)
        _require(isinstance(pattern, str), f"product {product_key}: a device without a name")
        names = expand_names(pattern)
        _require(iot_id is None or len(names) == 1, f"device {pattern!r}: one iot_id for many devices")
        for name in names:
            _require(bool(_DEVICE_NAME.match(name)), f"product {product_key}: {name!r} is not a device name")
            device = Device(product_key, name, iot_id or derive_iot_id(product_key, name), settings)
            device.reset()
            yield device


def _read_product(item: dict[str, Any], folder: Path) -> Product:
    key = item["product_key"]
    _require(isinstance(key, str) and key.isalnum(), f"{key!r} is not a product key")
    models = [thing_model.load(folder / name) for name in item.get("models", [])]
    product = Product(key, item.get("name", key), {model.block: model for model in models}, item.get("services", {}))
    for identifier in product.services:
        _require(product.find_service(identifier) is not None, f"product {key}: no model has service {identifier!r}")
    for device in _read_devices(key, item.get("devices", [])):
        _require(device.name not in product.devices, f"product {key}: device {device.name!r} stands there twice")
        product.devices[device.name] = device
    return product


def _read_account(item: dict[str, Any]) -> Account:
    account = Account(item["access_key_id"], item["access_key_secret"], item.get("state", "active"))
    _require(account.state in ACCOUNT_STATES, f"account {account.access_key_id}: state {account.state!r}")
    return account


def load(path: Path) -> World:
    """Reads a world file; WorldError says what is wrong with it. Model files are found relative to it."""
    try:
        text = json.loads(path.read_text(encoding="utf-8"))
        accounts = [_read_account(item) for item in text["accounts"]]
        _require(bool(accounts), "no account")
        products = [_read_product(item, path.parent) for item in text["products"]]
        devices = [device for product in products for device in product.devices.values()]
        by_iot_id = {device.iot_id: device for device in devices}
        _require(len(by_iot_id) == len(devices), "two devices have the same iot_id")
        return World(
            {account.access_key_id: account for account in accounts},
            {product.key: product for product in products},
            text.get("required_parameters", []),
            by_iot_id,
        )
    except KeyError as error:
        raise WorldError(f"{path}: {error.args[0]} is missing") from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise WorldError(f"{path}: {error}") from None
