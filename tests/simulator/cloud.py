"""The whole platform: a request comes in, an answer and a line in the journal go out.

It does no network I/O and never waits: it says how an answer is to be delivered (after how long, whole, cut, not at
all), and server.py does that.
"""

from __future__ import annotations

import time

from .actions import Actions
from .answers import Refusal, refusal_answer, render
from .calls import Call
from .clock import Clock
from .delivery import Delivery, edge_delivery, injected_refusal, spoil
from .faults import Fault, Faults, Stage
from .gateway import Gateway, throttled
from .journal import Journal
from .parameters import ParameterError, parse_form
from .quotas import Quotas, rate_limit_header
from .stats import Stats
from .world import World

FORM = "application/x-www-form-urlencoded"


class Cloud:
    def __init__(self, world: World, journal: Journal, quotas: Quotas, sync_timeout_s: float) -> None:
        self.world = world
        self.journal = journal
        self.quotas = quotas
        self.clock = Clock()
        self.faults = Faults()
        self.stats = Stats()
        self.actions = Actions(world, self.clock)
        self.actions.sync_timeout_s = self._initial_sync_timeout_s = sync_timeout_s
        self._gateway = Gateway(world, self.clock, quotas)

    def reset(self) -> None:
        """Faults, devices, clock, quotas and limits as at the start; journal, nonces and counts stay."""
        self.world.reset()
        self.quotas.reset()
        self.faults.clear()
        self.clock.offset_s = 0.0
        self.actions.sync_timeout_s = self._initial_sync_timeout_s

    def receive(self, method: str, host: str, query: str, content_type: str, body: bytes) -> "Pending":
        """Reads a request and chooses its fault; what it does is done by the returned object's `carry_out`."""
        parameters: dict[str, str] = {}
        problem = None
        try:
            parse_form(query, parameters)
            if body:
                _check_content_type(method, content_type)
                parse_form(body.decode("latin-1"), parameters)
        except (ParameterError, Refusal) as error:
            problem = error if isinstance(error, Refusal) else Refusal("InvalidParameter", f"{error}.")
        call = Call(method, host, parameters)
        self.stats.arrived(call.action, time.monotonic())
        return Pending(self, call, problem, self._choose_fault(call))

    def _choose_fault(self, call: Call) -> Fault | None:
        devices = call.device_names
        if not devices and call.iot_id in self.world.by_iot_id:
            devices = [self.world.by_iot_id[call.iot_id].name]
        return self.faults.strike(call.action, devices, call.get("Identifier"))

    def admit(self, call: Call) -> None:
        self._gateway.admit(call, self.actions.known)

    def throttle(self, call: Call, seconds: float) -> Refusal:
        """With HTTP 400, as older gateways have it; the quota's own answer has 429."""
        limit = self.quotas.limits.get(call.require("Action"), 0)
        return throttled(400, rate_limit_header(limit, seconds, self.clock.now()))

    def record(self, call: Call, code: str | None, status: int | None, fault: Fault | None) -> None:
        name = fault.kind.name if fault else None
        self.journal.write(call.journal_entry(self.clock.now(), code, status, name))
        self.stats.answered(code, len(call.executed))


class Pending:
    """A request that was received and waits to be carried out, at once or when its delay is over."""

    def __init__(self, cloud: Cloud, call: Call, problem: Refusal | None, fault: Fault | None) -> None:
        self._cloud = cloud
        self._call = call
        self._problem = problem
        self._fault = fault
        self.delay_s = (fault.seconds or 0.0) if fault and fault.kind.name == "delay" else 0.0

    def carry_out(self) -> Delivery:
        """Runs the call and writes its journal line; to be called once."""
        call, fault = self._call, self._fault
        if fault and fault.kind.stage is Stage.EDGE and fault.kind.name != "delay":
            delivery = edge_delivery(fault, call)
        else:
            delivery = self._run()
            if fault and fault.kind.stage is Stage.AFTER:
                delivery = spoil(delivery, fault, call)
        answer = delivery.answer
        self._cloud.record(call, delivery.code, answer.status if answer else None, fault)
        return delivery

    def _run(self) -> Delivery:
        call = self._call
        try:
            if self._problem:
                raise self._problem
            self._cloud.admit(call)
            self._refuse_by_fault()
            fields = self._cloud.actions.run(call)
        except Refusal as refusal:
            answer = refusal_answer(refusal, call.request_id, call.host, call.action, self._wants_xml())
            return Delivery(answer, refusal.code, call.wait_s)
        fields = {**fields, "RequestId": call.request_id, "Success": True}
        return Delivery(render(fields, f"{call.action}Response", call.wants_xml), None, call.wait_s)

    def _refuse_by_fault(self) -> None:
        call, fault = self._call, self._fault
        if fault is None or fault.kind.stage is not Stage.INSIDE:
            return
        if fault.kind.name == "throttle":
            raise self._cloud.throttle(call, fault.seconds or 0.0)
        raise injected_refusal(fault)

    def _wants_xml(self) -> bool:
        return self._call.wants_xml or (self._fault is not None and self._fault.kind.name == "xml_error")


def _check_content_type(method: str, content_type: str) -> None:
    if method != "POST":
        raise Refusal("InvalidParameter", f"A {method} request has no body.")
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise Refusal("InvalidParameter", f"The body of a request is of the type {FORM}.")
