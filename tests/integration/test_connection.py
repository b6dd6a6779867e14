"""The way to the broker: found again whatever happens, with the session kept and the state shown."""

from __future__ import annotations

import pytest

from harness import ports
from harness.broker import Broker
from harness.client import Client
from harness.home import LAMP_RULES, Home, rule
from harness.network import TcpProxy, WebsocketGateway
from simulator.certificates import CertificateSet
from simulator.client import wait_until

PASSWORD = "broker-password-7f3"


def test_state_is_online_and_offline_after_a_clean_stop(home: Home):
    late = home.connect(home.state_topic)
    late.wait_payload(home.state_topic, "online")
    assert late.messages(home.state_topic)[0].retained
    home.stop_bridge()
    after = home.connect(home.state_topic)
    after.wait_payload(home.state_topic, "offline")
    assert after.messages(home.state_topic)[0].retained


def test_the_will_says_offline_after_a_crash(home: Home):
    home.bridge.crash()
    home.wait_offline()
    late = home.connect(home.state_topic)
    late.wait_payload(home.state_topic, "offline")
    assert late.messages(home.state_topic)[0].retained


def test_a_base_topic_can_be_chosen(empty_home: Home):
    home = empty_home.start({"bridge": {"base_topic": "site/7/bridge"}})
    assert home.state_topic == "site/7/bridge/bridge/state"
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_a_broker_that_is_away_at_start_is_waited_for(empty_home: Home):
    home = empty_home
    home.make_bridge().launch()
    home.bridge.wait_log("mqtt_connect_failed")
    home.broker.start()
    home.wait_online()
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_broker_that_restarts_is_found_again(empty_home: Home, version: str):
    home = empty_home.start({"mqtt": {"version": version}})
    home.broker.restart()
    home.client.wait_ready()
    home.bridge.wait_log("mqtt_lost")
    wait_until(lambda: home.bridge.log.count("event=online ") >= 2, 60, "the bridge online again")
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_commands_sent_while_the_bridge_is_away_are_kept_by_the_broker(empty_home: Home, version: str):
    home = empty_home.start({"mqtt": {"version": version, "session_expiry": "1h"}})
    home.stop_bridge()
    home.client.publish("home/hall-lamp-1/any", {"$id": "kept"})
    home.start()
    assert home.client.wait_reply("kept")["status"] == "accepted"
    assert home.platform.executed("hall-lamp-1") == 1


def test_a_cut_connection_is_made_anew(empty_home: Home):
    home = empty_home
    home.broker.start()
    with TcpProxy(home.broker.port) as proxy:
        home.make_bridge({"mqtt": {"url": f"mqtt://localhost:{proxy.port}"}})
        home.start()
        for number in range(2):
            proxy.cut()
            wait_until(lambda: home.bridge.log.count("event=online ") >= number + 2, 60, "the bridge online again")
            assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
        home.stop_bridge()


def test_a_reply_that_the_broker_did_not_acknowledge_is_published_again(empty_home: Home):
    home = empty_home
    home.broker.start()
    with TcpProxy(home.broker.port) as proxy:
        home.make_bridge({"mqtt": {"url": f"mqtt://localhost:{proxy.port}"}})
        home.start()
        home.platform.device("hall-lamp-1", delay_s=0.5)
        home.client.publish("home/hall-lamp-1/toggle", {"$id": "a"})
        home.platform.wait_calls(device_names=["hall-lamp-1"])
        proxy.refuse()
        home.bridge.wait_log("mqtt_lost")
        home.bridge.wait_log("id=a ")
        proxy.accept()
        assert home.client.wait_reply("a", 60)["status"] == "ok"
        assert home.platform.executed("hall-lamp-1") == 1
        home.stop_bridge()


def test_the_first_address_that_answers_is_taken(empty_home: Home):
    home = empty_home
    home.broker.start()
    urls = [f"mqtt://127.0.0.1:{ports.free_port()}", f"mqtt://127.0.0.1:{ports.free_port()}", home.broker.url]
    home.start({"mqtt": {"url": urls}})
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


@pytest.mark.parametrize("version,protocol", [("5", 5), ("3.1.1", 3)])
def test_a_session_that_is_taken_over_is_not_fought_for(empty_home: Home, version: str, protocol: int):
    home = empty_home.start({"mqtt": {"version": version}})
    if version == "5":
        with Client(home.broker.port, client_id=home.bridge.client_id) as other:
            home.bridge.wait_log("mqtt_client_id_in_use")
            other.publish("home/hall-lamp-1/nothing", b"still here")
            home.wait_offline()
        assert "client_id" in home.bridge.log
    else:
        # 3.1.1 does not say why a connection ends: only a fight that goes on shows it.
        for _ in range(10):
            if "mqtt_client_id_in_use" in home.bridge.log:
                break
            count = home.bridge.log.count("event=mqtt_connected connection=commands")
            Client(home.broker.port, client_id=home.bridge.client_id, version=protocol).close()
            wait_until(
                lambda: home.bridge.log.count("event=mqtt_connected connection=commands") > count
                or "mqtt_client_id_in_use" in home.bridge.log,
                20,
            )
        assert "mqtt_client_id_in_use" in home.bridge.log


def test_user_and_password_are_sent(empty_home: Home):
    home = with_users(empty_home)
    home.start(login_settings(home, PASSWORD))
    client = home.connect("home/#", username="visitor", password="visitor")
    assert client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
    assert PASSWORD not in home.bridge.log


def test_a_wrong_password_is_said_and_not_shown(empty_home: Home):
    home = with_users(empty_home)
    home.broker.start()
    home.make_bridge(login_settings(home, "wrong-password-51c")).launch()
    home.bridge.wait_log("mqtt_connect_failed")
    wait_until(lambda: "uthori" in home.bridge.log or "password" in home.bridge.log, 60, "the reason in the log")
    assert "wrong-password-51c" not in home.bridge.log


def test_a_subscription_that_the_broker_refuses_keeps_the_bridge_offline(empty_home: Home):
    acl = "user bridge\ntopic readwrite thingbridge/#\ntopic read settle\ntopic write #\nuser visitor\ntopic readwrite #\n"
    home = with_users(empty_home, acl)
    home.broker.start()
    home.make_bridge(login_settings(home, PASSWORD)).launch()
    visitor = home.connect("thingbridge/#", username="visitor", password="visitor")
    # Mosquitto grants a subscription that its rules forbid and delivers nothing (MQTT 3.1.1's way), others refuse it.
    wait_until(
        lambda: "mqtt_subscribe_refused" in home.bridge.log or visitor.messages("thingbridge/bridge/state"),
        15, "a verdict on the subscriptions",
    )


@pytest.mark.parametrize("access", ["topic deny thingbridge/bridge/fence/#\ntopic readwrite #", "topic write #\ntopic read +"])
def test_new_rules_are_subscribed_although_no_fence_comes_back(empty_home: Home, access: str):
    home = with_users(empty_home, f"user bridge\n{access}\nuser visitor\ntopic readwrite #\n")
    home.broker.start()
    for topic in ("first", "second"):
        settings = {"mqtt": {**login_settings(home, PASSWORD)["mqtt"], "session_expiry": "1h"}}
        home.make_bridge(settings, [rule("any", topic, "Any", device="hall-lamp-1", args={})]).launch()
        home.bridge.wait_log(f"event=mqtt_subscribed filter={topic}", 30)
        assert home.client.command(topic, {})["status"] == "accepted"
        home.bridge.stop()


def with_users(home: Home, acl: str | None = None) -> Home:
    home.replace_broker(Broker(home.folder / "broker", users={"bridge": PASSWORD, "visitor": "visitor"}, acl=acl))
    home.client_login = {"username": "visitor", "password": "visitor"}
    return home


def login_settings(home: Home, password: str) -> dict:
    file = home.folder / "password"
    file.write_text(password + "\n")
    file.chmod(0o600)
    return {"mqtt": {"username": "bridge", "password": {"file": str(file)}}}


def test_mqtt_over_websockets(empty_home: Home):
    home = empty_home
    home.broker.start()
    with WebsocketGateway(home.broker.port) as gateway:
        home.start({"mqtt": {"url": f"ws://localhost:{gateway.port}/mqtt"}})
        assert home.client.command("home/hall-lamp-1/toggle", {"text": "x" * 70_000})["status"] == "ok"
        home.stop_bridge()


def test_mqtt_over_websockets_with_tls(empty_home: Home, certificates: CertificateSet):
    home = empty_home
    home.broker.start()
    with WebsocketGateway(home.broker.port, certificates.server) as gateway:
        url, tls = f"wss://localhost:{gateway.port}/mqtt", {"ca_file": str(certificates.authority.cert_file)}
        home.start({"mqtt": {"url": url, "tls": tls}})
        assert home.client.command("home/hall-lamp-1/toggle", {})["status"] == "ok"
        home.stop_bridge()


def test_a_websocket_handshake_in_pieces_is_named_as_what_may_be_wrong(empty_home: Home):
    """Paho's fault, up to 1.3.15. If it connects one day, the text and the page can go."""
    home = empty_home
    home.broker.start()
    with WebsocketGateway(home.broker.port, handshake_first_bytes=60) as gateway:
        home.make_bridge({"mqtt": {"url": f"ws://localhost:{gateway.port}/mqtt"}}).launch()
        home.bridge.wait_log("the answer to the WebSocket handshake came in pieces", 60)
        assert home.bridge.stop() == 0


def test_two_bridges_with_a_name_each_live_on_one_broker(empty_home: Home):
    home = empty_home.start()
    first = home.bridge
    rules = [rule("other", "other/{device}/any", "Any", args={})]
    second = home.make_bridge(
        {"mqtt": {"client_id": "second"}, "bridge": {"base_topic": "second"}}, rules, name="second"
    )
    second.set_rules(rules)
    second.write()
    second.launch()
    home.client.wait_payload("second/bridge/state", "online")
    assert home.client.command("home/hall-lamp-1/any", {})["rule"] == "any"
    assert home.client.command("other/hall-lamp-1/any", {})["rule"] == "other"
    assert first.is_running and second.is_running


def test_what_runs_is_told_on_bridge_info(empty_home: Home):
    home = empty_home.start()
    first = home.client.wait_message(lambda message: message.topic == "thingbridge/bridge/info")[0].json
    assert first["rules"] == len(LAMP_RULES) + 1 and first["client_id"] == home.bridge.client_id
    assert set(first) == {"version", "started", "rules", "configuration", "instance", "client_id"}
    home.stop_bridge()
    home.start()
    second = home.client.wait_message(lambda message: message.topic == "thingbridge/bridge/info", count=2)[-1].json
    assert (second["instance"], second["configuration"]) == (first["instance"], first["configuration"])
    assert second["started"] != first["started"]
    home.settle()
    assert "event=base_topic_shared" not in home.bridge.log, "it knows itself"
    home.stop_bridge()
    home.bridge.configure(limits={"payload": "1KiB"})
    home.start()
    third = home.client.wait_message(lambda message: message.topic == "thingbridge/bridge/info", count=3)[-1].json
    assert third["configuration"] != first["configuration"]
    late = home.connect("thingbridge/bridge/info")
    assert late.wait_message(lambda message: message.retained)[0].json == third


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_second_bridge_with_the_same_base_topic_is_noticed_by_both(empty_home: Home, version: str):
    home = empty_home.start({"mqtt": {"version": version}})
    first = home.bridge
    second = home.make_bridge({"mqtt": {"client_id": "second", "version": version}}, [], name="second")
    second.launch()
    for bridge, other in ((first, "second"), (second, first.client_id)):
        bridge.wait_log(f"event=base_topic_shared base_topic=thingbridge client_id={other}")


def test_a_bridge_that_is_gone_is_no_second_one(empty_home: Home):
    home = empty_home.start()
    home.stop_bridge()
    home.make_bridge({"mqtt": {"client_id": "successor"}}, name="successor").launch()
    home.bridge.wait_log("event=online")
    home.settle()
    assert "event=base_topic_shared" not in home.bridge.log


def test_bridges_of_one_group_divide_the_commands(empty_home: Home):
    """Each command runs once; an id that comes twice may run once on each."""
    home = empty_home
    rules = [rule("any", "home/{device}/any", "Any", args={})]
    home.broker.start()
    for name in ("one", "two"):
        settings = {"mqtt": {"client_id": name, "share": "group"}, "bridge": {"base_topic": name}}
        home.make_bridge(settings, rules, name).launch()
        home.client.wait_payload(f"{name}/bridge/state", "online")
    for number in range(1, 21):
        home.client.publish_soon(f"home/lamp-{number:04}/any", {"$id": f"c{number}"})
    for number in range(1, 21):
        assert home.client.wait_reply(f"c{number}")["status"] == "accepted"
        assert home.platform.executed(f"lamp-{number:04}") == 1
    taken = [sum(line.count("event=command_ended") for line in bridge.log.splitlines()) for bridge in home.programs[-2:]]
    assert sum(taken) == 20 and min(taken) > 0


def test_a_broker_that_says_it_has_no_shared_subscriptions_is_not_asked_for_one(scripted_home: Home):
    home = scripted_home
    peer = home.broker.peer("bridge")
    peer.answers_connect(shared_subscription_available=0)
    home.broker.start()
    home.make_bridge({"mqtt": {"share": "group"}}).launch()
    home.bridge.wait_log("event=mqtt_share_unsupported")
    assert "leave mqtt.share empty" in home.bridge.log
    home.bridge.wait_log("event=mqtt_subscribed filter=thingbridge/bridge/fence")
    assert not [name for name in peer.filters if name.startswith("$share")]
    assert "event=online" not in home.bridge.log and len(peer.connects) == 1


def test_a_refused_shared_subscription_has_a_hint_of_its_own(scripted_home: Home):
    home = scripted_home
    home.broker.peer("bridge").answers_subscribe("$share/*", 0x9E)
    home.broker.start()
    home.make_bridge({"mqtt": {"share": "group"}}).launch()
    home.bridge.wait_log("event=mqtt_subscribe_refused")
    assert "this broker has no shared subscriptions" in home.bridge.log
    assert "event=online" not in home.bridge.log
