"""What the broker delivers again after a lost connection runs once, and what only looks like it runs, whatever the
broker's ways are: packet ids that begin anew, no DUP, a session that is denied."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from harness.home import Home
from harness.mqtt_packets import Publish
from harness.network import TcpProxy
from harness.scripted_peer import Peer
from simulator.client import wait_until

LAMP = "hall-lamp-1"
TOPIC = f"home/{LAMP}/any"
VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


def settings(version: str = "5", **mqtt: Any) -> dict[str, Any]:
    return {"mqtt": {"version": version, "session_expiry": "1h", **mqtt}, "log": {"level": "debug"}}


def start(home: Home, version: str = "5", **mqtt: Any) -> Peer:
    """The scripted broker's end of the commands connection, with its window wide open."""
    home.start(settings(version, **mqtt))
    peer = home.broker.peer(home.bridge.client_id)
    peer.window = 65535
    return peer


def runs(home: Home) -> Counter[int]:
    """How often each numbered command ran."""
    return Counter(json.loads(call["args"])["n"] for call in home.platform.calls() if "n" in (call["args"] or ""))


def wait_runs(home: Home, count: int) -> None:
    wait_until(lambda: sum(runs(home).values()) >= count, 60, f"{count} runs")


def deliver(peer: Peer, number: int, **options: Any) -> Publish:
    return peer.deliver(TOPIC, json.dumps({"n": number}), **options)


def deliver_unacknowledged(home: Home, peer: Peer, count: int) -> None:
    """The commands run, and none of their PUBACKs arrives."""
    peer.loses_pubacks()
    for number in range(count):
        deliver(peer, number)
    wait_runs(home, count)


def reconnect(home: Home, peer: Peer) -> None:
    """Returns when all that the broker has to deliver again has had its turn."""
    times = home.bridge.log.count("event=online ")
    peer.loses_pubacks(False)
    peer.drop()
    wait_until(lambda: home.bridge.log.count("event=online ") > times, 30, "the bridge online again")
    home.settle()


def wait_proved(home: Home, peer: Peer) -> None:
    """All PUBACKs so far are proved: a message of the bridge that came behind them was acknowledged."""
    before = len(own_messages(peer))
    peer.wait_published("thingbridge/bridge/fence/#", before + 1)
    home.settle()


def own_messages(peer: Peer) -> list[Publish]:
    return peer.published("thingbridge/bridge/fence/#")


# What is delivered again


@VERSIONS
def test_packet_ids_that_begin_anew_do_not_make_a_command_run_twice(scripted_home: Home, version: str):
    home = scripted_home
    peer = start(home, version)
    peer.redelivers(same_ids=False)
    deliver_unacknowledged(home, peer, 10)
    reconnect(home, peer)
    assert [message.dup for message in peer.delivered(TOPIC)] == [False] * 10 + [True] * 10
    assert runs(home) == Counter(range(10))
    assert home.bridge.log.count("event=command_redelivered") == 10
    assert home.bridge.log.count("event=redelivery_renumbered") == 1


def test_600_unacknowledged_commands_run_once(scripted_home: Home):
    home = scripted_home
    peer = start(home, "3.1.1")
    deliver_unacknowledged(home, peer, 600)
    reconnect(home, peer)
    assert sum(message.dup for message in peer.delivered(TOPIC)) == 600
    assert runs(home) == Counter(range(600))


@VERSIONS
def test_equal_commands_that_are_delivered_again_are_as_many_as_they_were(scripted_home: Home, version: str):
    home = scripted_home
    peer = start(home, version)
    peer.redelivers(same_ids=False)
    peer.loses_pubacks()
    for _ in range(5):
        deliver(peer, 1)
    wait_runs(home, 5)
    reconnect(home, peer)
    assert runs(home) == {1: 5}


def test_the_link_is_lost_again_and_again(scripted_home: Home):
    home = scripted_home
    peer = start(home, "3.1.1")
    peer.redelivers(same_ids=False)
    deliver_unacknowledged(home, peer, 5)
    for _ in range(3):
        reconnect(home, peer)
        peer.loses_pubacks()
        deliver(peer, 100)
        wait_until(lambda: peer.pubacks, 10, "a PUBACK")
    reconnect(home, peer)
    assert {number: runs(home)[number] for number in range(5)} == dict.fromkeys(range(5), 1)
    assert runs(home)[100] == 3


def test_a_kill_keeps_what_can_be_delivered_again(scripted_home: Home):
    home = scripted_home
    peer = start(home, "3.1.1")
    peer.redelivers(same_ids=False)
    deliver_unacknowledged(home, peer, 300)
    home.wait_commit()
    home.bridge.crash()
    peer.wait_gone()
    peer.loses_pubacks(False)
    home.start()
    home.settle()
    assert sum(message.dup for message in peer.delivered(TOPIC)) == 300
    assert runs(home) == Counter(range(300))


@pytest.mark.parametrize("session_present", [True, False])
def test_a_packet_that_is_sent_again_on_a_live_connection_runs_once(scripted_home: Home, session_present: bool):
    home = scripted_home
    home.make_bridge(settings("3.1.1"))
    peer = home.broker.peer(home.bridge.client_id)
    peer.answers_connect(session_present=session_present)
    home.start()
    peer.loses_pubacks()
    for number in range(5):
        deliver(peer, number)
    wait_runs(home, 5)
    for times in range(2, 5):
        assert [message.dup for message in peer.resend()] == [True] * 5
        wait_until(lambda: len(peer.pubacks) >= 5 * times, 10, "their PUBACKs")
    home.settle()
    assert runs(home) == Counter(range(5))


# What only looks like it


def test_a_new_command_equal_to_one_that_was_acknowledged_long_ago_runs(scripted_home: Home):
    """The link flaps: the second ON was lost on its way, and comes with DUP and the packet id of the first."""
    home = scripted_home
    peer = start(home, "3.1.1")
    first = deliver(peer, 1)
    wait_runs(home, 1)
    wait_proved(home, peer)
    peer.drop()
    peer.wait_connects(2)
    wait_until(lambda: peer.is_connected, 10, "the connection")
    deliver(peer, 1, packet_id=first.packet_id, dup=True)
    wait_runs(home, 2)
    assert runs(home) == {1: 2}


def test_what_the_broker_did_not_deliver_again_is_settled_behind_the_fence(scripted_home: Home):
    home = scripted_home
    peer = start(home, "3.1.1")
    deliver(peer, 1)
    wait_runs(home, 1)
    reconnect(home, peer)
    wait_proved(home, peer)
    deliver(peer, 1, dup=True)
    wait_runs(home, 2)


@VERSIONS
def test_without_dup_it_is_a_new_command_and_the_log_says_what_it_may_be(scripted_home: Home, version: str):
    home = scripted_home
    peer = start(home, version)
    peer.redelivers(dup=False)
    deliver_unacknowledged(home, peer, 3)
    reconnect(home, peer)
    assert runs(home) == Counter({0: 2, 1: 2, 2: 2})
    assert home.bridge.log.count("event=redelivery_without_dup") == 1
    assert "mqtt.redelivery: content" in home.bridge.log


# When proofs are asked for


def test_a_message_of_our_own_follows_after_100_commands(scripted_home: Home):
    home = scripted_home
    peer = start(home)
    for number in range(100):
        deliver(peer, number)
    wait_proved(home, peer)
    packets = peer.received
    proof = packets.index(own_messages(peer)[0])
    acknowledged = {packet.packet_id for packet in packets[:proof] if packet.kind.name == "PUBACK"}
    assert {message.packet_id for message in peer.delivered(TOPIC)} <= acknowledged, "it came behind their PUBACKs"


def test_a_message_of_our_own_follows_one_command_after_some_seconds(scripted_home: Home):
    home = scripted_home
    peer = start(home)
    deliver(peer, 1)
    wait_proved(home, peer)
    count = len(own_messages(peer))
    home.settle()
    assert len(own_messages(peer)) == count


def test_a_broker_that_forbids_the_message_proves_all_the_same(scripted_home: Home):
    home = scripted_home
    home.make_bridge(settings())
    peer = home.broker.peer(home.bridge.client_id)
    peer.answers_publish("thingbridge/bridge/fence/#", 0x87)
    home.start()
    first = deliver(peer, 1)
    wait_runs(home, 1)
    wait_proved(home, peer)
    peer.drop()
    peer.wait_connects(2)
    wait_until(lambda: peer.is_connected, 10, "the connection")
    deliver(peer, 1, packet_id=first.packet_id, dup=True)
    wait_runs(home, 2)


def test_a_broker_that_ends_the_connection_for_the_message_is_asked_otherwise(scripted_home: Home):
    home = scripted_home
    home.make_bridge(settings())
    peer = home.broker.peer(home.bridge.client_id)
    peer.ends_at("thingbridge/bridge/fence/#", times=None)
    home.start()
    deliver(peer, 1)
    home.bridge.wait_log("event=mqtt_proof_lost", 60)
    wait_until(lambda: any(packet.kind.name == "UNSUBSCRIBE" for packet in peer.received), 60, "an UNSUBSCRIBE")
    deliver(peer, 2)
    wait_until(lambda: peer.is_connected and len(own_messages(peer)) == 3, 30, "three messages")
    home.settle()
    assert runs(home) == Counter([1, 2])


def test_a_clean_stop_leaves_nothing_that_could_be_delivered_again(scripted_home: Home):
    home = scripted_home
    peer = start(home)
    deliver(peer, 1)
    wait_runs(home, 1)
    home.stop_bridge()
    home.start()
    deliver(peer, 1, dup=True)
    wait_runs(home, 2)


# With Mosquitto


def replies(home: Home) -> list[dict[str, Any]]:
    return [message.json for message in home.client.messages(f"{TOPIC}/reply")]


@VERSIONS
def test_a_stream_of_equal_commands_that_is_cut_by_kills_runs_each_once(empty_home: Home, version: str):
    """Without ids: 240 commands of 8 kinds, while the bridge is killed in the midst of them."""
    home = empty_home
    home.start(settings(version))
    for round_number in range(4):
        for number in range(60):
            home.client.publish_soon(TOPIC, {"n": number % 8})
        wait_runs(home, 60 * round_number + 10)
        home.crash_bridge()
        home.start()
        home.settle()
    wait_until(lambda: len({reply["id"] for reply in replies(home)}) == 240, 60, "the replies")
    maybe = sum(reply["status"] == "unknown" for reply in replies(home))
    assert 240 - maybe <= sum(runs(home).values()) <= 240, "none ran twice, and only what is told as unknown may not have"


@VERSIONS
def test_an_equal_command_that_was_lost_on_its_way_runs(empty_home: Home, version: str):
    """The link is lost between two ON: the first has been acknowledged, the second comes with DUP."""
    home = empty_home
    home.broker.start()
    with TcpProxy(home.broker.port) as proxy:
        home.start(settings(version, url=f"mqtt://127.0.0.1:{proxy.port}"))
        home.client.publish(TOPIC, {"n": 1})
        wait_runs(home, 1)
        proxy.hold("down")
        home.client.publish(TOPIC, {"n": 1})
        proxy.cut()
        proxy.release()
        wait_runs(home, 2)
        home.settle()
        assert runs(home) == {1: 2}
        home.stop_bridge()


# redelivery: content


@VERSIONS
@pytest.mark.parametrize("same_ids", [True, False])
def test_by_content_what_comes_without_dup_is_answered_and_not_run(scripted_home: Home, version: str, same_ids: bool):
    home = scripted_home
    peer = start(home, version, redelivery="content")
    peer.redelivers(dup=False, same_ids=same_ids)
    deliver_unacknowledged(home, peer, 50)
    reconnect(home, peer)
    assert runs(home) == Counter(range(50))
    home.client.wait_message(lambda message: message.topic == f"{TOPIC}/reply", count=100)
    first = {reply["id"]: reply for reply in replies(home) if "duplicate" not in reply}
    again = {reply["id"]: reply for reply in replies(home) if "duplicate" in reply}
    assert len(first) == 50 and again == {name: {**reply, "duplicate": True} for name, reply in first.items()}


def test_by_content_each_command_is_known_once_and_only_before_the_fence(scripted_home: Home):
    home = scripted_home
    peer = start(home, "3.1.1", redelivery="content")
    peer.redelivers(dup=False)
    deliver_unacknowledged(home, peer, 1)
    reconnect(home, peer)
    assert runs(home) == {0: 1}
    deliver(peer, 0)
    wait_runs(home, 2)


def test_by_content_a_session_that_is_denied_is_known(scripted_home: Home):
    home = scripted_home
    peer = start(home, "3.1.1", redelivery="content")
    peer.answers_connect(session_present=False)
    peer.redelivers(dup=False)
    deliver_unacknowledged(home, peer, 50)
    reconnect(home, peer)
    assert runs(home) == Counter(range(50))


def test_a_denied_session_with_dup_is_known_and_told(scripted_home: Home):
    home = scripted_home
    peer = start(home, "3.1.1")
    peer.answers_connect(session_present=False)
    deliver_unacknowledged(home, peer, 10)
    reconnect(home, peer)
    assert runs(home) == Counter(range(10))
    assert home.bridge.log.count("event=redelivery_session_denied") == 1


def test_by_content_a_kill_before_the_answer_does_not_make_it_run(scripted_home: Home):
    """The first still waits for the platform when the bridge is killed with the second in its queue."""
    home = scripted_home
    peer = start(home, "3.1.1", redelivery="content")
    peer.redelivers(dup=False)
    home.platform.fault("status_503", count=1, retry_after=25)
    peer.loses_pubacks()
    deliver(peer, 0)
    home.bridge.wait_log("event=command_retry")
    peer.loses_pubacks(False)
    peer.drop()
    home.bridge.wait_log("event=command_redelivered")
    home.wait_commit()  # not settled: the platform is left alone for as long as it asked
    assert replies(home) == []
    home.crash_bridge()
    home.start()
    home.client.wait_message(lambda message: message.topic == f"{TOPIC}/reply", count=2)
    home.settle()
    assert home.platform.executed(LAMP) == 1
    assert sorted("duplicate" in reply for reply in replies(home)) == [False, True]


def test_by_content_a_first_reply_that_is_not_kept_is_said(scripted_home: Home):
    home = scripted_home
    home.start({**settings("3.1.1", redelivery="content"), "outbox": {"dedupe_window": "0s"}})
    peer = home.broker.peer(home.bridge.client_id)
    peer.redelivers(dup=False)
    deliver_unacknowledged(home, peer, 1)
    home.client.wait_message(lambda message: message.topic == f"{TOPIC}/reply")
    reconnect(home, peer)
    _, again = home.client.wait_message(lambda message: message.topic == f"{TOPIC}/reply", count=2)
    assert (again.json["status"], again.json["error"]["code"]) == ("rejected", "redelivered")
    assert runs(home) == {0: 1}
