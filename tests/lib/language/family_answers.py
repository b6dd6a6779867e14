"""Answers of the platform: right ones, refusals of each kind, contradictions, and what cannot be read."""

from __future__ import annotations

from random import Random
from typing import Any
from xml.sax.saxutils import escape

from . import pools
from .answers import ROWS, SECRET
from .files import MESSAGES, Document, Made, document
from .values import Number, Value, fits_64_bits, numbers_of, write_json

HTTP = "200 200 200 200 201 202 204 206 301 302 307 400 400 401 403 404 405 408 409 413 422 429 451 499".split()
HTTP += "500 500 501 502 503 503 504 505 507 520 522 524 599".split()
TARGETS = [
    {"device": "lamp-1"}, {"device": "lamp-1"}, {"device": "lamp-1"}, {"iot_id": "Q7uO"},
    {"devices": ["lamp-1", "lamp-2"]}, {"devices": "${group.many}"}, {"devices": ["${group.many}", "${payload.l}"]},
]
EXTRA_DEVICES = [f"e{number}" for number in range(120)]
CODES: list[Value] = [
    "", "200", "OK", "ok", "Ok", "Success", "0", "SystemError", "X", "5094", "isv.BUSINESS", "InvalidTimeStamp",
    "InvalidTimeStamp.Format", "Invalid", "Throttlin", "iot", "iot.", "iot.common", "iot.device", "iot.system.X",
    "iot.messagebroker.", "iot.messageborker.OFFLINE", "429", "500", "é", "設備不在線", "a b", "a\nb", "\x7f",
    "\x1b[31m", "\u2028", "x" * 127, "x" * 128, "x" * 129, "x" * 300, "é" * 63, "é" * 64, "x" + "é" * 64, "x" * 5000,
    Number("200"), Number("0"), Number("5094"), Number("-1"), Number("200.0"), None, True, False, [], {},
]
SUCCESSES: list[Value] = ["true", "false", "TRUE", "True", "False", "", "yes", None, Number("1"), Number("0"), [], {}]
ID_NUMBERS = "7 9007199254740993 18446744073709551615 18446744073709551616 1e400 -1 1.50 1e2".split()
IDS: list[Value] = [
    "abc", "A44C818E-5F4D-4B4B-8F2D-9F2F", "x" * 255, "x" * 256, "x" * 257, "é" * 128, "é" * 129, "x" + "é" * 128, "",
    "a\nb", "日本", None, True, [], *map(Number, ID_NUMBERS),
]
MESSAGES_TOLD: list[Value] = [
    "...", "", "not found", "a\nb\r\n\tc", "\x1b[31mred\x1b[0m", "\x7f\x80\x9f", "é" * 600, "x" * 5000,
    "設備" * 300, "\u202eabc", "😀", None, Number("5"), {},
    f"Specified signature is not matched with our calculation. server string to sign is:GET&%2F&Key%3D{SECRET}%26A%3DB",
    f"x server string to sign is: POST&%2F&AccessKeyId%3D{SECRET}%26Action%3DInvoke y", f"GET&%2F&{SECRET}",
    f"to sign is:GET&amp;%2F&amp;Token%3D{SECRET}", f"is: GET&%2f&Token%3d{SECRET}", f"['GET&%2F&a%3D{SECRET}'] x",
    f"a POST&%2F&{SECRET} b GET&%2F&{SECRET}", "x" * 500 + f"GET&%2F&{SECRET}", f"GET&%2F&A%3D{SECRET}" * 20,
]
RESULTS: list[Value] = [
    "", "{}", "[]", "null", "true", "5", '"text"', "text", "{", '{"a":', "{'a':1}", '{"param1":1.50}', '{"code":200}',
    '{"code":200,"data":{},"id":"1","message":"success","version":"1.0"}', '{"code":200,"data":{"a":10.0}}',
    '{"code":5092,"message":"property not found"}', '{"code":0,"data":{}}', '{"code":"5092","data":{}}',
    '{"code":200.0,"data":{}}', '{"code":2e2,"data":{}}', '{"code":500.5,"data":{}}', '{"code":5092}',
    '{"Code":1,"Data":1}', '{"Code":"460","Message":"no"}', '{"code":"200","data":{}}', '{"code":"0200","data":{}}',
    '{"code":200,"Code":460,"data":{}}', '{"code":460,"code":460,"data":1}', '{"c\\u006fde":460,"message":"x"}',
    '{"code":460,"data":{"n":18446744073709551616}}', '{"code":200,"data":{"n":1e999}}', '{"code":460,"message":"\\ud800"}',
    '{"code":200,"message":"\\ud800"}', '{"code":460,"message":"\\u0000"}', '{"code":460,"data":{"n":NaN}}',
    '{"code":200,"data":[NaN,-Infinity]}', '{"code":460,"message":"a\tb"}', '\ufeff{"code":460,"message":"x"}',
    '\ufeff{"a":1.0}', "\ufeff", '{"code":460,"message":"cut', '{"code":460,"mess', '{"message":1,"code":46',
    '{"code":200,"data":{}', '{"code":460,"data":' + "[" * 40 + "]" * 40 + "}", '{"a":18446744073709551616,"b":', "done",
    "460 refused", "{'code':460,'data':1}", '{"code":200,"data":{},}', '{"code":200,"message":"un"escaped"}',
    '{"code":460.0,"data":1}', '{"code":18446744073709551616,"data":1}', '{"data":1}{"code":460,"data":1}', '[1e999]',
    '{"code":null,"data":1}', '{"code":-1,"data":null}', '{"code":200,"message":null}', '{"code":201,"message":""}',
    '{"a":18446744073709551616}', '{"a":1e400}', " {\"a\":1} ", "\t5\n", "é", "NaN", '{"a":1}x', "{}" * 2,
    "[" * 32 + "]" * 32, "[" * 33 + "]" * 33, '"\\u0000"', '"\\ud800"', '{"code":200,"data":"' + "x" * 3000 + '"}',
    None, True, False, Number("5"), Number("1.50"), {}, [], {"a": Number("1")},
    {"code": Number("200"), "data": {}}, {"code": Number("5092"), "message": "no"}, [Number("1")],
    {"code": "5092", "Data": Number("18446744073709551616")}, {"a": [Number("1e999")]}, Number("18446744073709551616"),
]
NOT_ANSWERS = [
    "", " ", "\n", "{", "[", "null", "true", "5", '"Success"', "[]", "[1]", "{}", "<", "<html>", "<a/>", "<a></a>",
    "<a>b</a>", "OK", "<html><body><h1>502 Bad Gateway</h1></body></html>", '{"Success":true', '{"Success":true}}',
    '{"Success":tru', '{"a":1}', "<?xml version=\"1.0\"?>", "Service Unavailable", "é",
    '{"Success":true}\n', '\n{"Success":true}',
    '{"error":"x","message":"y"}', '{"code":"x"}', '{"message":"Throttling"}', '[{"Success":true}]',
]
XML_HEADS = ["", '<?xml version="1.0" encoding="UTF-8"?>', "<?xml version='1.0'?>\n", "<!-- é -->"]
XML_ENDS = ["", "", "\n", "<!-- end -->"]


def http_status(random: Random) -> Document:
    return {"status": Number(random.choice(HTTP))} if random.random() < 0.6 else {}


def code(random: Random) -> Value:
    if random.random() < 0.3:
        return random.choice(CODES)
    text = random.choice([*ROWS]) + random.choice(["", "", "", ".X", "Exception", ".NotFound", "s", " "])
    change = random.random()
    if change < 0.1:
        return text[: random.randrange(len(text))]
    return random.choice([text.lower(), text.upper(), text.swapcase()]) if change < 0.3 else text


def data(random: Random) -> Value:
    if random.random() < 0.1:
        return random.choice([None, "", "x", [], {}, Number("1"), True])
    members: dict[str, Value] = {}
    if random.random() < 0.6:
        members[random.choice(["MessageId", "MessageID", "messageid"])] = random.choice(IDS)
    if random.random() < 0.6:
        members["Result"] = random.choice(RESULTS)
    return members


def success_fields(random: Random) -> dict[str, Value]:
    fields: dict[str, Value] = {"Success": True if random.random() < 0.7 else "true"}
    if random.random() < 0.3:
        fields["Code"] = random.choice(["", "200", "OK", Number("200"), None])
    return fields


def error_fields(random: Random) -> dict[str, Value]:
    """The business error, or the gateway's."""
    if random.random() < 0.5:
        return {"Success": False, "Code": code(random), "ErrorMessage": random.choice(MESSAGES_TOLD)}
    return {"HostId": "iot", "Code": code(random), "Message": random.choice(MESSAGES_TOLD), "Recommend": "https://x"}


def odd_fields(random: Random) -> dict[str, Value]:
    drawn = {
        "Success": random.choice([True, False, *SUCCESSES]), "Code": code(random), "MessageId": random.choice(IDS),
        "Message": random.choice(MESSAGES_TOLD), "ErrorMessage": random.choice(MESSAGES_TOLD),
    }
    return {name: value for name, value in drawn.items() if random.random() < 0.5}


def answer_fields(random: Random) -> dict[str, Value]:
    fields = random.choice([success_fields, success_fields, error_fields, error_fields, odd_fields])(random)
    if random.random() < 0.7:
        fields["RequestId"] = random.choice(IDS)
    if random.random() < 0.6:
        fields["Data"] = data(random)
    items = [*fields.items()]
    random.shuffle(items)
    return {spelling(random, name): value for name, value in items}


def spelling(random: Random, name: str) -> str:
    return random.choice([name.lower(), name.upper(), name.replace("Id", "ID")]) if random.random() < 0.1 else name


# ---- bodies


def as_json(random: Random, fields: dict[str, Value]) -> Value:
    """As a map, or as its text. In a map of a mapping file a number beyond 64 bits is text."""
    can_be_map = all(map(fits_64_bits, numbers_of(fields)))
    return fields if can_be_map and random.random() < 0.5 else pools.spaced_json(random, fields)


def as_xml(random: Random, fields: dict[str, Value]) -> str:
    root = random.choice(["Error", "InvokeThingServiceResponse", "a"])
    return element(random, root, fields, random.choice(["", "", ' xmlns="urn:x"']))


def element(random: Random, name: str, value: Value, attributes: str = "") -> str:
    if isinstance(value, dict):
        gap = random.choice(["", "", "\n  ", "<!-- x -->"])
        inner = gap + "".join(element(random, key, member) + gap for key, member in value.items())
        return f"<{name}{attributes}>{inner}</{name}>"
    text = xml_text(value)
    if not text and random.random() < 0.5:
        return f"<{name}/>"
    return f"<{name}{attributes}>{quoted(random, text)}</{name}>"


def xml_text(value: Value) -> str:
    text = value if isinstance(value, str) else "" if value is None else write_json(value)
    return "".join(char for char in text if char >= " " or char in "\t\n")


def quoted(random: Random, text: str) -> str:
    way = random.random()
    if way < 0.2 and "]]>" not in text:
        return f"<![CDATA[{text}]]>"
    if way < 0.4:
        return "".join(f"&#{ord(char)};" if random.random() < 0.2 else escape(char) for char in text)
    return escape(text, {'"': "&quot;", "'": "&apos;"} if way < 0.7 else {})


def body(random: Random) -> Value:
    if random.random() < 0.1:
        return random.choice(NOT_ANSWERS)
    fields = answer_fields(random)
    is_xml = random.random() < 0.3
    whole = as_xml(random, fields) if is_xml else as_json(random, fields)
    if isinstance(whole, str) and random.random() < 0.15:
        # XML is only cut: what else may be wrong with it hinders nobody from reading it. And a broken echo is none.
        is_cut = is_xml or SECRET in whole or random.random() < 0.5
        whole = whole[: random.randrange(len(whole))] if is_cut else pools.broken(random, whole)
    return random.choice(XML_HEADS) + whole + random.choice(XML_ENDS) if is_xml else whole


def answer(random: Random) -> Document:
    return http_status(random) | ({"body": body(random)} if random.random() < 0.95 else {})


def answers(random: Random) -> Any:
    return answer(random) if random.random() < 0.5 else [answer(random) for _ in range(random.randint(1, 4))]


# ---- rules


def answer_message(random: Random, name: str) -> Document:
    payload: dict[str, Value] = {"l": EXTRA_DEVICES[: random.choice((0, 99, 100, 120))]}
    if random.random() < 0.3:
        payload["$id"] = "mine"
    return {"topic": name, "payload": write_json(payload), "answer": answers(random)}


def answer_rule(random: Random, name: str) -> Made:
    rule: Document = {"name": name, "topic": name, "idempotent": random.random() < 0.5}
    rule["order"] = random.choice(["device", "rule", "none"])
    if random.random() < 0.2:
        parameters = {"ProductKey": "k1ymv1DuLfE", "DeviceName": "lamp-1", "Items": {"a": Number("1")}}
        rule["call"] = {"action": "SetDeviceProperty", "parameters": parameters}
    else:
        rule["invoke"] = {"identifier": "Set", **random.choice(TARGETS)}
    return document([rule]), [answer_message(random, name) for _ in range(MESSAGES)]
