// Sets of topics are compared as trying every short topic shows.
#include "core/mapping/check/topic_set.h"
#include "unit/core/mapping/mapping_checks.h"

#define MAX_LEN  5
#define LETTERS  "ab/z" // z: one that no text has
#define MAX_LEFT 100000

static const char *const texts[] = {
    "a",          "a\2",      "\2b",        "\2",    "\1",  "\1/\1",     "\3\3",  "\4b\4", "a/\1",
    "\5a\6b\2\7", "\5\6a\7b", "\2a\2b",     "b\3\1", "/\2", "\2/\2",     "\1b/",  "\4",    "\5a\6b\7/\5a/b\6\1\7",
    "a\1b",       "\1a\1",    "\5ab\6ba\7", "z\2",   "\10", "\2\10\2/a", "\2/\4", "a/a/a",
};

static struct topic_set set_of(const char *text)
{
    return (struct topic_set){(char *)text, strlen(text) + 1};
}

static bool fits(const char *text, const char *topic)
{
    bool goes_on = *topic != '\0';
    switch (*text) {
    case '\0':
        return !goes_on;
    case SIGN_MANY:
    case SIGN_LEVEL:
        return fits(text + 1, topic) || (goes_on && (*topic != '/' || *text == SIGN_MANY) && fits(text, topic + 1));
    case SIGN_ONE:
    case SIGN_ONE_INNER:
        return goes_on && (*topic != '/' || *text == SIGN_ONE) && fits(text + 1, topic + 1);
    case SIGN_OR:
    case SIGN_CLOSE:
        return fits(strchr(text, SIGN_CLOSE) + 1, topic);
    case SIGN_OPEN:
        for (const char *at = text; *at != SIGN_CLOSE; at++) {
            if ((*at == SIGN_OPEN || *at == SIGN_OR) && fits(at + 1, topic)) {
                return true;
            }
        }
        return false;
    default:
        return *text == *topic && fits(text + 1, topic + 1);
    }
}

// The next topic, after "" all those of one character; false after the last.
static bool next_topic(char *topic)
{
    for (size_t i = 0; i < MAX_LEN; i++) {
        const char *letter = topic[i] != '\0' ? strchr(LETTERS, topic[i]) + 1 : LETTERS;
        topic[i] = *letter != '\0' ? *letter : LETTERS[0];
        if (*letter != '\0') {
            return true;
        }
    }
    return false;
}

static void check_pair(const char *a, const char *b)
{
    struct topic_set of_a = set_of(a);
    struct topic_set of_b = set_of(b);
    bool meets = fits(a, "") && fits(b, "");
    bool a_has_others = false;
    for (char topic[MAX_LEN + 1] = ""; next_topic(topic);) {
        meets |= fits(a, topic) && fits(b, topic);
        a_has_others |= fits(a, topic) && !fits(b, topic);
    }
    size_t left = MAX_LEFT;
    AUTO_FREE char *example = NULL;
    assert_int_equal(topic_set_meets(&of_a, &of_b, &left, &example), meets ? TOPIC_YES : TOPIC_NO);
    assert_true(!meets || (fits(a, example) && fits(b, example)));
    enum topic_answer covered = topic_set_covers(&of_b, &of_a, &left);
    bool is_told = strchr(a, SIGN_NEVER) == NULL;
    assert_true(covered == TOPIC_NO ? a_has_others : !a_has_others || !is_told);
    assert_true(covered != TOPIC_UNKNOWN || !is_told || (fits(a, "") && !fits(b, "")));
}

static void sets_are_compared_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        for (size_t k = 0; k < COUNT_OF(texts); k++) {
            check_pair(texts[i], texts[k]);
        }
    }
}

static void an_answer_that_costs_too_much_is_unknown(void **state)
{
    (void)state;
    struct topic_set a = set_of("\1a\1b\1c\1");
    struct topic_set b = set_of("\1c\1b\1a\1");
    size_t left = 5;
    AUTO_FREE char *example = NULL;
    assert_int_equal(topic_set_meets(&a, &b, &left, &example), TOPIC_UNKNOWN);
    assert_int_equal(left, 0);
    assert_null(example);
    left = 5;
    assert_int_equal(topic_set_covers(&a, &b, &left), TOPIC_UNKNOWN);
    assert_int_equal(left, 0);
}

static void assert_filters_of(const struct topic_set *set, size_t max, bool is_exact, const char *expected)
{
    struct text_list filters;
    AUTO_BUF struct buf written = {0};
    assert_int_equal(topic_set_filters(set, max, &filters), is_exact);
    for (size_t i = 0; i < filters.count; i++) {
        buf_printf(&written, "%s ", filters.items[i]);
    }
    assert_string_equal(written.data, expected);
    text_list_free(&filters);
}

static void assert_filters(const char *text, size_t max, bool is_exact, const char *expected)
{
    struct topic_set set = set_of(text);
    assert_filters_of(&set, max, is_exact, expected);
}

static void a_filter_for_a_rest_is_exact_only_if_the_rest_can_be_absent(void **state)
{
    (void)state;
    static char both[] = "home/\1\0home";
    static char apart[] = "home/a/\1\0home";
    assert_filters_of(&(struct topic_set){both, sizeof both}, 64, true, "home/# ");
    assert_filters_of(&(struct topic_set){apart, sizeof apart}, 64, false, "home/a/# home ");
    assert_filters("home/\1", 64, false, "home/# ");
    assert_filters("\1", 64, true, "# ");
}

static void filters_cover_a_set(void **state)
{
    (void)state;
    assert_filters("home/hall", 64, true, "home/hall ");
    assert_filters("home/\2/set", 64, true, "home/+/set ");
    assert_filters("home/x-\2", 64, true, "home/x-\1 ");
    assert_filters("home/x-\4", 64, false, "home/x-\1 ");
    assert_filters("home/\5a\6b\7/\5c\6d\7", 64, true, "home/a/c home/a/d home/b/c home/b/d ");
    assert_filters("home/\5a\6b\7/\5c\6d\7", 2, false, "home/a/+ home/b/+ ");
    assert_filters("home/\5a\6\2b\7", 64, false, "home/+ ");
    assert_filters("home/x\1/set", 64, false, "home/x\1/# ");
    assert_filters("home/\5a/b\6c\7", 64, false, "home/# ");
    assert_filters("home/a\10b", 64, false, "home/+ ");
    assert_filters("$SYS/a", 64, false, "$SYS/a ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_compared_exactly),
        cmocka_unit_test(an_answer_that_costs_too_much_is_unknown),
        cmocka_unit_test(filters_cover_a_set),
        cmocka_unit_test(a_filter_for_a_rest_is_exact_only_if_the_rest_can_be_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
