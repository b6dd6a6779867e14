#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "base/str.h"

static bool valid(const char *text)
{
    return str_utf8_valid(text, strlen(text));
}

static void utf8_is_accepted_up_to_its_bounds(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "plain",
        "\x7F",
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "a\xC3\xA9z\xE2\x82\xAC",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_true(valid(texts[i]));
    }
    assert_true(str_utf8_valid("a\0b", 3));
}

static void what_is_no_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\x80",             // a continuation byte alone
        "\xC0\x80",         // overlong NUL
        "\xC1\xBF",         // overlong
        "\xE0\x9F\xBF",     // overlong
        "\xF0\x8F\xBF\xBF", // overlong
        "\xED\xA0\x80",     // surrogate
        "\xED\xBF\xBF",     // surrogate
        "\xF4\x90\x80\x80", // above U+10FFFF
        "\xF5\x80\x80\x80",
        "\xFF",
        "\xC3",
        "\xE2\x82",
        "\xF0\x9F\x98",
        "\xC3(",
        "\xE2(\xA1",
        "\xE2\x82(",
        "\xF0\x9F\x98(",
        "ab\xC3\xA9\xA9",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_false(valid(texts[i]));
    }
    assert_false(str_utf8_valid("\xE2\x82\xAC", 2));
}

static bool has_control(const char *text)
{
    return str_has_control(text, strlen(text));
}

static void control_characters_are_found(void **state)
{
    (void)state;
    assert_true(has_control("a\nb"));
    assert_true(has_control("\x1F"));
    assert_true(has_control("\x7F"));
    assert_true(has_control("\xC2\x80"));
    assert_true(has_control("a\xC2\x9F"));
    assert_true(str_has_control("\0", 1));
    assert_false(has_control(""));
    assert_false(has_control(" ~"));
    assert_false(has_control("\xC2\xA0\xC3\x80"));
}

static bool has_noncharacter(const char *text)
{
    return str_has_noncharacter(text, strlen(text));
}

static void noncharacters_are_found(void **state)
{
    (void)state;
    assert_true(has_noncharacter("\xEF\xB7\x90"));     // U+FDD0
    assert_true(has_noncharacter("a\xEF\xB7\xAF/"));   // U+FDEF
    assert_true(has_noncharacter("a/\xEF\xBF\xBE"));   // U+FFFE
    assert_true(has_noncharacter("\xEF\xBF\xBF/b"));   // U+FFFF
    assert_true(has_noncharacter("\xF0\x9F\xBF\xBE")); // U+1FFFE
    assert_true(has_noncharacter("\xF3\xAF\xBF\xBF")); // U+EFFFF
    assert_true(has_noncharacter("\xF4\x8F\xBF\xBF")); // U+10FFFF
    assert_false(has_noncharacter(""));
    assert_false(has_noncharacter("home/caf\xC3\xA9"));
    assert_false(has_noncharacter("\xEF\xB7\x8F"));     // U+FDCF
    assert_false(has_noncharacter("\xEF\xB7\xB0"));     // U+FDF0
    assert_false(has_noncharacter("\xEF\xBF\xBD"));     // U+FFFD
    assert_false(has_noncharacter("\xF0\x9F\x98\x80")); // U+1F600
    assert_false(has_noncharacter("\xF0\x9F\xBF\xBD")); // U+1FFFD
    assert_false(has_noncharacter("\xE2\xBF\xBE"));     // U+2FFE
    assert_false(has_noncharacter("\xF0\x98\xBF\xBE")); // U+18FFE
}

static unsigned unshowable(const char *text)
{
    unsigned code = 0;
    size_t len = str_unshowable(text, strlen(text), &code);
    assert_true(len == 0 || len == strlen(text));
    return len == 0 ? 0 : code;
}

static void what_a_terminal_would_obey_is_unshowable(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned code;
    } rows[] = {{"\n", 0x0A},
                {"\x1B", 0x1B},
                {"\x7F", 0x7F},
                {"\xC2\x80", 0x80},
                {"\xC2\x9B", 0x9B},
                {"\xC2\x9F", 0x9F},
                {"\xD8\x9C", 0x61C},
                {"\xE2\x80\x8E", 0x200E},
                {"\xE2\x80\xA8", 0x2028},
                {"\xE2\x80\xAE", 0x202E},
                {"\xE2\x81\xA6", 0x2066},
                {"\xE2\x81\xA9", 0x2069},
                {"a", 0},
                {" ", 0},
                {"\xC2\xA0", 0},
                {"\xE2\x80\x8D", 0},
                {"\xE2\x80\xAF", 0},
                {"\xE2\x81\xAA", 0},
                {"\xF0\x9F\x98\x80", 0},
                {"\x9B", 0}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(unshowable(rows[i].text), rows[i].code);
    }
    unsigned code = 0;
    assert_int_equal(str_unshowable("", 0, &code), 0);
    assert_int_equal(str_unshowable("\xE2\x80\xAE", 2, &code), 0);
}

static bool glob(const char *pattern, const char *text)
{
    return str_glob(pattern, text, strlen(text));
}

static void globs_match_whole_texts(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "any", true},
        {"lamp-*", "lamp-1", true},
        {"lamp-*", "lamp-", true},
        {"lamp-*", "Lamp-1", false},
        {"lamp-*", "xlamp-1", false},
        {"?", "a", true},
        {"?", "", false},
        {"?", "ab", false},
        {"?", "\xC3\xA9", true},
        {"a?c",
         "a\xF0\x9F\x98\x80"
         "c",
         true},
        {"*a*b", "xxaxxbxxab", true},
        {"*a*b", "xxaxxbx", false},
        {"*ab", "aab", true},
        {"**", "x", true},
        {"a*?", "a", false},
        {"a*?", "ab", true},
        {"[ab]", "a", false},
        {"[ab]", "[ab]", true},
        {"*\xC3\xA9", "a\xC3\xA9\xC3\xA9", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(glob(rows[i].pattern, rows[i].text), rows[i].matches);
    }
}

static void a_glob_reads_no_further_than_the_text(void **state)
{
    (void)state;
    assert_true(str_glob("ab", "abc", 2));
    assert_false(str_glob("abc", "abcd", 2));
    assert_false(str_glob("a", "\0", 1));
}

static void a_glob_of_many_stars_ends_soon(void **state)
{
    (void)state;
    char text[2001];
    memset(text, 'a', 2000);
    text[2000] = '\0';
    assert_false(glob("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

static void distance_counts_single_edits(void **state)
{
    (void)state;
    assert_int_equal(str_distance("", ""), 0);
    assert_int_equal(str_distance("", "abc"), 3);
    assert_int_equal(str_distance("topic", "topic"), 0);
    assert_int_equal(str_distance("tpoic", "topic"), 1);
    assert_int_equal(str_distance("topi", "topic"), 1);
    assert_int_equal(str_distance("topicc", "topic"), 1);
    assert_int_equal(str_distance("tobic", "topic"), 1);
    assert_int_equal(str_distance("kitten", "sitting"), 3);
}

static void distance_to_a_long_text_is_infinite(void **state)
{
    (void)state;
    char text[70];
    memset(text, 'a', sizeof text);
    text[65] = '\0';
    assert_true(str_distance(text, "a") == SIZE_MAX);
    assert_true(str_distance("a", text) == SIZE_MAX);
    text[64] = '\0';
    assert_int_equal(str_distance(text, "a"), 63);
}

static void the_nearest_word_is_told_only_if_it_is_near(void **state)
{
    (void)state;
    static const char *const words[] = {"topic", "for", "idempotent", "latest_only", NULL};
    assert_string_equal(nearest_of("foo", words), "for");
    assert_string_equal(nearest_of("tpoic", words), "topic");
    assert_string_equal(nearest_of("TOPIC", words), "topic");
    assert_string_equal(nearest_of("idempotant", words), "idempotent");
    assert_string_equal(nearest_of("latest-only", words), "latest_only");
    assert_null(nearest_of("color", words));
    assert_null(nearest_of("x", words));
    assert_null(nearest_of("", words));
}

static void durations_carry_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
        int64_t ms;
    } rows[] = {
        {"250ms", ERR_OK, 250},
        {"12s", ERR_OK, 12000},
        {"5m", ERR_OK, 300000},
        {"1h", ERR_OK, 3600000},
        {"2d", ERR_OK, 172800000},
        {"0", ERR_OK, 0},
        {"0s", ERR_OK, 0},
        {"87600h", ERR_OK, 315360000000},
        {"12", ERR_SYNTAX, -1},
        {"s", ERR_SYNTAX, -1},
        {"", ERR_SYNTAX, -1},
        {"-1s", ERR_SYNTAX, -1},
        {"1.5s", ERR_SYNTAX, -1},
        {"1 s", ERR_SYNTAX, -1},
        {" 1s", ERR_SYNTAX, -1},
        {"1S", ERR_SYNTAX, -1},
        {"1w", ERR_SYNTAX, -1},
        {"1sx", ERR_SYNTAX, -1},
        {"87601h", ERR_LIMIT, -1},
        {"99999999999999999999s", ERR_LIMIT, -1},
        {"9223372036854775807h", ERR_LIMIT, -1},
        {"99999999999999999999x", ERR_SYNTAX, -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t ms = -1;
        assert_int_equal(str_parse_duration_ms(rows[i].text, &ms), rows[i].err);
        assert_int_equal(ms, rows[i].ms);
    }
}

static void sizes_are_bytes_or_binary_multiples(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
        int64_t bytes;
    } rows[] = {
        {"512", ERR_OK, 512},
        {"64KiB", ERR_OK, 65536},
        {"64MiB", ERR_OK, 67108864},
        {"1GiB", ERR_OK, 1073741824},
        {"0", ERR_OK, 0},
        {"64KB", ERR_SYNTAX, -1},
        {"64kib", ERR_SYNTAX, -1},
        {"-1", ERR_SYNTAX, -1},
        {"", ERR_SYNTAX, -1},
        {"1.5MiB", ERR_SYNTAX, -1},
        {"9223372036854775808", ERR_LIMIT, -1},
        {"9999999999GiB", ERR_LIMIT, -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t bytes = -1;
        assert_int_equal(str_parse_size(rows[i].text, &bytes), rows[i].err);
        assert_int_equal(bytes, rows[i].bytes);
    }
}

static void rates_are_events_per_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double per_second;
    } rows[] = {{"500/s", 500}, {"30/m", 0.5}, {"3600/h", 1}, {"0.5/s", 0.5}, {"1.5/m", 0.025}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double per_second = -1;
        assert_int_equal(str_parse_rate(rows[i].text, &per_second), ERR_OK);
        assert_true(fabs(per_second - rows[i].per_second) < 1e-12);
    }
    static const char *const malformed[] = {"",     "500",  "/s",    "5/d",   "-5/s", "5/ s",
                                            "5./s", ".5/s", "1e3/s", "inf/s", "0x5/s"};
    double per_second = -1;
    for (size_t i = 0; i < COUNT_OF(malformed); i++) {
        assert_int_equal(str_parse_rate(malformed[i], &per_second), ERR_SYNTAX);
    }
    assert_int_equal(str_parse_rate("0/s", &per_second), ERR_LIMIT);
    assert_int_equal(str_parse_rate("0.0/s", &per_second), ERR_LIMIT);
    assert_int_equal(str_parse_rate("9999999999999999999/s", &per_second), ERR_LIMIT);
    assert_true(per_second < 0);
}

static void integers_are_whole_texts_within_64_bits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
        int64_t value;
    } rows[] = {
        {"0", ERR_OK, 0},
        {"-17", ERR_OK, -17},
        {"+5", ERR_OK, 5},
        {"007", ERR_OK, 7},
        {"9223372036854775807", ERR_OK, INT64_MAX},
        {"-9223372036854775808", ERR_OK, INT64_MIN},
        {"", ERR_SYNTAX, 99},
        {"-", ERR_SYNTAX, 99},
        {"1.0", ERR_SYNTAX, 99},
        {" 1", ERR_SYNTAX, 99},
        {"1 ", ERR_SYNTAX, 99},
        {"0x10", ERR_SYNTAX, 99},
        {"--1", ERR_SYNTAX, 99},
        {"9223372036854775808", ERR_LIMIT, 99},
        {"-9223372036854775809", ERR_LIMIT, 99},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t value = 99;
        assert_int_equal(str_parse_int(rows[i].text, &value), rows[i].err);
        assert_int_equal(value, rows[i].value);
    }
}

static void percent_encoding_keeps_only_unreserved_characters(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    const char *text = "AZaz09-_.~ *+/&=%\"\xC3\xA9\x01";
    str_percent_encode(&out, text, strlen(text));
    assert_string_equal(out.data, "AZaz09-_.~%20%2A%2B%2F%26%3D%25%22%C3%A9%01");
}

static void hex_is_lower_case(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    str_hex_encode(&out, "\x00\x9A\xFF", 3);
    assert_string_equal(out.data, "009aff");
}

static void a_piece_compares_with_a_whole_text(void **state)
{
    (void)state;
    struct str piece = {.data = "hallway", .len = 4};
    assert_true(str_is(piece, "hall"));
    assert_false(str_is(piece, "hallway"));
    assert_false(str_is(piece, "hal"));
    assert_true(str_is((struct str){.data = NULL, .len = 0}, ""));
}

static void characters_that_only_look_like_quotes_or_spaces_are_found(void **state)
{
    (void)state;
    unsigned code = 0;
    const char *text = "a \xE2\x80\x9C"
                       "b\xC2\xA0";
    assert_ptr_equal(str_find_odd_quote(text, strlen(text), &code), text + 2);
    assert_int_equal(code, 0x201C);
    assert_ptr_equal(str_find_odd_space(text, strlen(text), &code), text + 6);
    assert_int_equal(code, 0xA0);
    assert_null(str_find_odd_space(text, 7, &code)); // cut inside the character
    static const char *const fine[] = {"", "plain 'text' \"x\"", "\xC3\xA9\xF0\x9F\x98\x80", "\xC2", "\xFF\xA0"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        assert_null(str_find_odd_quote(fine[i], strlen(fine[i]), &code));
        assert_null(str_find_odd_space(fine[i], strlen(fine[i]), &code));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_that_only_look_like_quotes_or_spaces_are_found),
        cmocka_unit_test(utf8_is_accepted_up_to_its_bounds),
        cmocka_unit_test(what_is_no_utf8_is_refused),
        cmocka_unit_test(control_characters_are_found),
        cmocka_unit_test(noncharacters_are_found),
        cmocka_unit_test(what_a_terminal_would_obey_is_unshowable),
        cmocka_unit_test(globs_match_whole_texts),
        cmocka_unit_test(a_glob_reads_no_further_than_the_text),
        cmocka_unit_test(a_glob_of_many_stars_ends_soon),
        cmocka_unit_test(distance_counts_single_edits),
        cmocka_unit_test(distance_to_a_long_text_is_infinite),
        cmocka_unit_test(the_nearest_word_is_told_only_if_it_is_near),
        cmocka_unit_test(durations_carry_a_unit),
        cmocka_unit_test(sizes_are_bytes_or_binary_multiples),
        cmocka_unit_test(rates_are_events_per_time),
        cmocka_unit_test(integers_are_whole_texts_within_64_bits),
        cmocka_unit_test(percent_encoding_keeps_only_unreserved_characters),
        cmocka_unit_test(hex_is_lower_case),
        cmocka_unit_test(a_piece_compares_with_a_whole_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
