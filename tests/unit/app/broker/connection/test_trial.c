#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/broker/connection/trial.h"
#include "base/mem.h"

static void a_message_is_set_aside_when_it_was_first_at_two_losses_in_a_row(void **state)
{
    (void)state;
    struct suspicion suspicion = {0};
    assert_int_equal(trial_lost_first(&suspicion, 7), TRIAL_AGAIN);
    assert_false(suspicion.is_aside);
    assert_int_equal(trial_lost_first(&suspicion, 8), TRIAL_ALONE);
    assert_true(suspicion.is_aside);
}

static void losses_between_which_another_was_first_do_not_add_up(void **state)
{
    (void)state;
    struct suspicion suspicion = {0};
    for (uint64_t loss = 1; loss < 40; loss += 2) {
        assert_int_equal(trial_lost_first(&suspicion, loss), TRIAL_AGAIN);
    }
    assert_false(suspicion.is_aside);
}

static void only_deaths_alone_condemn(void **state)
{
    (void)state;
    struct suspicion suspicion = {0};
    for (uint64_t loss = 1; loss < 100; loss++) {
        assert_int_not_equal(trial_lost_first(&suspicion, loss), TRIAL_CONDEMNED);
    }
    for (int i = 0; i < 100; i++) {
        trial_unclear(&suspicion);
    }
    for (int i = 1; i < TRIAL_DEATHS; i++) {
        assert_int_equal(trial_died(&suspicion, false), TRIAL_ALONE);
    }
    assert_int_equal(trial_died(&suspicion, false), TRIAL_CONDEMNED);
}

static void the_short_form_has_its_own_trials(void **state)
{
    (void)state;
    struct suspicion suspicion = {0};
    for (int i = 1; i < TRIAL_DEATHS; i++) {
        assert_int_equal(trial_died(&suspicion, true), TRIAL_ALONE);
    }
    assert_int_equal(trial_died(&suspicion, true), TRIAL_CUT);
    for (int i = 1; i < TRIAL_DEATHS; i++) {
        assert_int_equal(trial_died(&suspicion, true), TRIAL_CUT);
    }
    assert_int_equal(trial_died(&suspicion, true), TRIAL_CONDEMNED);
}

static void pauses_grow_with_what_showed_nothing_and_have_an_end(void **state)
{
    (void)state;
    struct suspicion suspicion = {0};
    assert_int_equal(trial_pause_ms(&suspicion), 2000);
    trial_unclear(&suspicion);
    assert_int_equal(trial_pause_ms(&suspicion), 4000);
    for (int i = 0; i < 100; i++) {
        trial_unclear(&suspicion);
    }
    assert_int_equal(trial_pause_ms(&suspicion), 64000);
    trial_died(&suspicion, false);
    assert_int_equal(trial_pause_ms(&suspicion), 2000);
}

static void an_end_of_our_own_or_with_a_reason_of_the_broker_blames_no_message(void **state)
{
    (void)state;
    static const struct {
        enum mqtt_event_kind kind;
        int reason;
        bool blames;
    } rows[] = {
        {MQTT_LOST, 0, true},     {MQTT_LOST, 0x81, true},        {MQTT_LOST, 0x95, true},
        {MQTT_LOST, 0x87, true},  {MQTT_LOST, 0x8B, false},       {MQTT_LOST, 0x8D, false},
        {MQTT_LOST, 0x89, false}, {MQTT_TAKEN_OVER, 0x8E, false}, {MQTT_DISCONNECTED, 0, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct mqtt_event event = {.kind = rows[i].kind, .reason = rows[i].reason};
        assert_int_equal(trial_blames_message(&event), rows[i].blames);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_set_aside_when_it_was_first_at_two_losses_in_a_row),
        cmocka_unit_test(losses_between_which_another_was_first_do_not_add_up),
        cmocka_unit_test(only_deaths_alone_condemn),
        cmocka_unit_test(the_short_form_has_its_own_trials),
        cmocka_unit_test(pauses_grow_with_what_showed_nothing_and_have_an_end),
        cmocka_unit_test(an_end_of_our_own_or_with_a_reason_of_the_broker_blames_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
