#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/broker/connection/connection.h"

#define SHORT 10
#define LONG  5000
#define MANY  5

static int64_t now_ms;

static struct connection made(void)
{
    now_ms = 1000000;
    return (struct connection){.name = "test", .state = CONNECTION_CONNECTING};
}

static void take(struct connection *connection, enum mqtt_event_kind kind, const char *unanswered)
{
    struct mqtt_event event = {.kind = kind, .max_qos = 2, .retain_available = true};
    assert_true(connection_take(connection, &event, unanswered, now_ms));
}

static void live(struct connection *connection, int64_t life_ms, const char *unanswered)
{
    take(connection, MQTT_CONNECTED, NULL);
    now_ms += life_ms;
    take(connection, MQTT_LOST, unanswered);
}

static void a_pause_holds_when_an_end_of_ours_is_told_after_the_loss(void **state)
{
    (void)state;
    struct connection connection = made();
    live(&connection, LONG, NULL);
    int64_t retry_ms = connection.retry_ms;
    assert_true(retry_ms > now_ms);
    take(&connection, MQTT_DISCONNECTED, NULL);
    assert_int_equal(connection.state, CONNECTION_DOWN);
    assert_int_equal(connection.retry_ms, retry_ms);
}

static void what_we_end_is_made_anew_at_once_but_not_in_a_tight_loop(void **state)
{
    (void)state;
    struct connection connection = made();
    take(&connection, MQTT_CONNECTED, NULL);
    now_ms += LONG;
    take(&connection, MQTT_DISCONNECTED, NULL);
    assert_int_equal(connection.retry_ms, now_ms);
    take(&connection, MQTT_CONNECTED, NULL);
    now_ms += SHORT;
    take(&connection, MQTT_DISCONNECTED, NULL);
    assert_true(connection.retry_ms > now_ms);
}

static void short_lives_with_all_answered_are_another_client(void **state)
{
    (void)state;
    struct connection connection = made();
    for (int i = 1; i < MANY; i++) {
        live(&connection, SHORT, NULL);
        assert_int_equal(connection.yields, 0);
    }
    live(&connection, SHORT, NULL);
    assert_int_equal(connection.yields, 1);
    assert_true(connection.retry_ms - now_ms >= 30000);
}

static void short_lives_with_something_unanswered_are_not(void **state)
{
    (void)state;
    struct connection connection = made();
    for (int i = 0; i < 100; i++) {
        live(&connection, SHORT, "reply/secret");
    }
    assert_int_equal(connection.yields, 0);
}

static void a_quiet_connection_tells_the_two_apart(void **state)
{
    (void)state;
    struct connection connection = made();
    for (int i = 0; i < MANY; i++) {
        take(&connection, MQTT_CONNECTED, NULL);
        assert_true(connection.quiet_until_ms <= now_ms);
        now_ms += SHORT;
        take(&connection, MQTT_LOST, "reply/secret");
    }
    take(&connection, MQTT_CONNECTED, NULL);
    assert_true(connection.quiet_until_ms > now_ms);
    struct connection taken_over = connection;
    now_ms += SHORT;
    take(&taken_over, MQTT_LOST, NULL);
    assert_int_equal(taken_over.yields, 1);
    now_ms = connection.quiet_until_ms + SHORT;
    take(&connection, MQTT_LOST, "reply/secret");
    assert_int_equal(connection.yields, 0);
    take(&connection, MQTT_CONNECTED, NULL);
    assert_true(connection.quiet_until_ms <= now_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_holds_when_an_end_of_ours_is_told_after_the_loss),
        cmocka_unit_test(what_we_end_is_made_anew_at_once_but_not_in_a_tight_loop),
        cmocka_unit_test(short_lives_with_all_answered_are_another_client),
        cmocka_unit_test(short_lives_with_something_unanswered_are_not),
        cmocka_unit_test(a_quiet_connection_tells_the_two_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
