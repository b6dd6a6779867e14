#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "base/message.h"

static struct message sample(void)
{
    struct message message = {
        .topic = mem_strdup("home/hall/set"),
        .payload = mem_dup("{\"a\":1}", 7),
        .payload_len = 7,
        .qos = 1,
        .packet_id = 9,
        .has_expiry = true,
        .expiry_s = 30,
        .response_topic = mem_strdup("reply/me"),
        .correlation_data = mem_dup("\0\1", 2),
        .correlation_len = 2,
        .property_count = 1,
        .subscription_ids = {5},
        .subscription_id_count = 1,
    };
    message.properties = mem_alloc(sizeof *message.properties);
    message.properties[0] = (struct user_property){.name = mem_strdup("site"), .value = mem_strdup("7")};
    return message;
}

static bool same_hash(const struct message *a, const struct message *b)
{
    unsigned char left[32];
    unsigned char right[32];
    message_hash(a, left);
    message_hash(b, right);
    return memcmp(left, right, 32) == 0;
}

static void what_a_redelivery_changes_does_not_change_the_hash(void **state)
{
    (void)state;
    struct message first = sample();
    struct message again = sample();
    again.dup = true;
    again.packet_id = 77;
    again.expiry_s = 12;
    again.subscription_ids[0] = 6;
    assert_true(same_hash(&first, &again));
    message_clear(&first);
    message_clear(&again);
}

static void replace(char **text, const char *with)
{
    free(*text);
    *text = with == NULL ? NULL : mem_strdup(with);
}

static void every_lasting_part_changes_the_hash(void **state)
{
    (void)state;
    struct message first = sample();
    for (int part = 0; part < 7; part++) {
        struct message other = sample();
        switch (part) {
        case 0:
            replace(&other.topic, "home/hall/se");
            break;
        case 1:
            other.payload[1] = '\'';
            break;
        case 2:
            other.payload_len--;
            break;
        case 3:
            replace(&other.response_topic, NULL);
            break;
        case 4:
            other.correlation_len = 1;
            break;
        case 5:
            replace(&other.properties[0].name, "sit");
            replace(&other.properties[0].value, "e7");
            break;
        default:
            other.correlation_data[1] = 2;
            break;
        }
        assert_false(same_hash(&first, &other));
        message_clear(&other);
    }
    message_clear(&first);
}

static void bytes_that_move_from_topic_to_payload_change_the_hash(void **state)
{
    (void)state;
    char topic_a[] = "ab";
    char payload_a[] = "c";
    char topic_b[] = "a";
    char payload_b[] = "bc";
    struct message a = {.topic = topic_a, .payload = payload_a, .payload_len = 1};
    struct message b = {.topic = topic_b, .payload = payload_b, .payload_len = 2};
    assert_false(same_hash(&a, &b));
}

static void properties_do_not_change_the_hash_of_the_payload(void **state)
{
    (void)state;
    struct message first = {.topic = "a", .payload = "{}", .payload_len = 2};
    struct message again = first;
    struct message other = first;
    unsigned char hashes[3][32];
    again.response_topic = "reply/me";
    other.payload = "[]";
    message_hash_payload(&first, hashes[0]);
    message_hash_payload(&again, hashes[1]);
    message_hash_payload(&other, hashes[2]);
    assert_memory_equal(hashes[0], hashes[1], 32);
    assert_memory_not_equal(hashes[0], hashes[2], 32);
}

static void an_empty_payload_hashes_as_none(void **state)
{
    (void)state;
    char topic[] = "a";
    char empty[] = "";
    struct message a = {.topic = topic};
    struct message b = {.topic = topic, .payload = empty};
    assert_true(same_hash(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_redelivery_changes_does_not_change_the_hash),
        cmocka_unit_test(every_lasting_part_changes_the_hash),
        cmocka_unit_test(bytes_that_move_from_topic_to_payload_change_the_hash),
        cmocka_unit_test(properties_do_not_change_the_hash_of_the_payload),
        cmocka_unit_test(an_empty_payload_hashes_as_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
