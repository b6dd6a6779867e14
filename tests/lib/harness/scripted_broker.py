"""A broker that does what a test tells it, for what no real one can be made to do.

As it comes it is a simple broker for MQTT 3.1.1 and 5: sessions with packet ids, redelivery with DUP, retained messages,
wills, one copy for each subscription with an identifier, the client's Receive Maximum. It grants QoS 1 at most.
A test then scripts one client id at a time:

    bridge = broker.peer("bridge")
    bridge.answers_connect(receive_maximum=5)
    bridge.ends_at("reply/#")                   # the first PUBLISH there ends the connection
    home.start()
    bridge.wait_connects(2)

Nothing that a script says is forgotten at a reconnect, at `stop` and `start`, or by `forget_session`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, Callable

from . import mqtt_packets as mqtt
from . import ports
from .mqtt_packets import Packet, Publish, Will
from .scripted_peer import Peer, fits

TIMEOUT_S = 30.0
_START_TIMEOUT_S = 10.0


class Connection:
    """The broker's end of one TCP connection. All calls are made with the broker's lock held."""

    def __init__(self, loop: asyncio.AbstractEventLoop, writer: asyncio.StreamWriter, connect: mqtt.Connect) -> None:
        self._loop = loop
        self._writer = writer
        self.version = connect.version
        self.connect = connect
        self.will: Will | None = connect.will
        self.is_open = True

    def send(self, data: bytes) -> None:
        """From any thread; what is sent first arrives first."""
        if self.is_open:
            self._loop.call_soon_threadsafe(self._writer.write, data)

    def close(self) -> None:
        """After what was sent."""
        self.is_open = False
        self._loop.call_soon_threadsafe(self._writer.close)

    def drop(self) -> None:
        """At once; what was sent may be lost."""
        self.is_open = False
        self._loop.call_soon_threadsafe(self._writer.transport.abort)


class ScriptedBroker:
    """Takes the place of `Broker` in a `Home`. Sessions and retained messages outlive `stop` and `start`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = "scripted broker"
        self.log_file = folder / "broker.log"
        self.port = ports.free_port()
        self.retained: dict[str, Publish] = {}
        self.changed = threading.Condition(threading.RLock())
        self._peers: dict[str, Peer] = {}
        self._messages: list[Publish] = []
        self._turns: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None

    def __enter__(self) -> "ScriptedBroker":
        return self if self.is_running else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # As a program

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._loop is not None

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def start(self) -> "ScriptedBroker":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_START_TIMEOUT_S)
        return self

    def stop(self) -> None:
        """All connections end at once, without wills, as when a broker is killed."""
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_START_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    kill = stop

    def restart(self) -> None:
        self.stop()
        self.start()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        with self.changed:
            for peer in self._peers.values():
                peer.lose_connection()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What a test sees and does

    def peer(self, client_id: str) -> Peer:
        """The client of that id: its script, what it sent, and its session. It need not have connected yet."""
        with self.changed:
            return self._peers.setdefault(client_id, Peer(self, client_id))

    def publish(
        self, topic: str, payload: bytes | str = b"", qos: int = 1, retain: bool = False, **properties: Any
    ) -> None:
        """As if another client had published it: it goes to all that have subscribed."""
        data = payload.encode() if isinstance(payload, str) else payload
        with self.changed:
            self.route(Publish(topic, data, qos, retain, properties=properties), None)

    def messages(self, topic_filter: str = "#") -> list[Publish]:
        """All that was published and not refused, in its order."""
        with self.changed:
            return [message for message in self._messages if fits(topic_filter, message.topic)]

    def wait_messages(self, topic_filter: str, count: int = 1) -> list[Publish]:
        self.wait(lambda: len(self.messages(topic_filter)) >= count, f"{count} messages on {topic_filter}")
        return self.messages(topic_filter)

    def wait(self, condition: Callable[[], Any], what: str, timeout_s: float = TIMEOUT_S) -> None:
        """Returns when it is true; it is asked whenever a packet came."""
        with self.changed:
            is_true = self.changed.wait_for(condition, timeout_s)
        assert is_true, f"{what}: not within {timeout_s} s; end of the broker's log:\n{self.log[-3000:]}"

    # Packets

    def note(self, line: str) -> None:
        with open(self.log_file, "a") as log:
            log.write(f"{time.monotonic():.3f} {line}\n")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer, connection = None, None
        try:
            connect = mqtt.parse(*await mqtt.read_frame(reader), version=0)
            if not isinstance(connect, mqtt.Connect):
                raise ValueError("the first packet is no CONNECT")
            connection = Connection(asyncio.get_running_loop(), writer, connect)
            peer = self.peer(connect.client_id or f"anonymous-{id(connection)}")
            self._take(peer, connection, connect)
            while connection.is_open:
                first, body = await mqtt.read_frame(reader)
                self._take(peer, connection, mqtt.parse(first, body, connection.version))
        except (OSError, asyncio.IncompleteReadError):
            pass
        except (ValueError, KeyError) as error:
            self.note(f"not MQTT: {error}")
        finally:
            if peer is not None and connection is not None:
                self._leave(peer, connection)
            asyncio.get_running_loop().call_soon(writer.close)  # after what was sent, which waits for its turn too

    def _take(self, peer: Peer, connection: Connection, packet: Packet) -> None:
        with self.changed:
            if connection.is_open:
                peer.take(connection, packet)
            self.changed.notify_all()

    def _leave(self, peer: Peer, connection: Connection) -> None:
        with self.changed:
            connection.is_open = False
            peer.leave(connection)
            self.changed.notify_all()

    # Forwarding, with the lock held

    def route(self, message: Publish, sender: Peer | None) -> None:
        """To retained messages, to everyone's subscriptions, and to the record."""
        if message.retain and message.payload:
            self.retained[message.topic] = message
        elif message.retain:
            self.retained.pop(message.topic, None)
        self._messages.append(message)
        groups: dict[str, list[tuple[Peer, str]]] = {}
        for peer in self._peers.values():
            peer.offer(message, peer is sender)
            for name in peer.shared_filters(message.topic):
                groups.setdefault(name, []).append((peer, name))
        for name, members in groups.items():
            turn = self._turns[name] = self._turns.get(name, -1) + 1
            member, shared_filter = members[turn % len(members)]
            member.offer_by(message, [shared_filter])
        self.changed.notify_all()
