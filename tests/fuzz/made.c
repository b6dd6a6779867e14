#include "made.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

// ---- seeds and words

static bool read_file(const char *path, struct buf *out)
{
    char piece[4096];
    FILE *file = fopen(path, "rb");
    size_t len = 0;
    if (file == NULL) {
        return false;
    }
    while ((len = fread(piece, 1, sizeof piece, file)) > 0) {
        buf_append(out, piece, len);
    }
    bool whole = ferror(file) == 0;
    return fclose(file) == 0 && whole;
}

static void add(struct made_parts *parts, const char *data, size_t len)
{
    parts->items = mem_resize(parts->items, parts->count + 1, sizeof *parts->items);
    parts->items[parts->count++] = (struct str){mem_dup(len == 0 ? "" : data, len), len};
}

bool made_add_seed(struct made *made, const char *path)
{
    AUTO_BUF struct buf text = {0};
    if (!read_file(path, &text)) {
        return false;
    }
    add(&made->seeds, text.data, text.len);
    return true;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = memchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c, 16);
    return found == NULL ? -1 : (int)(found - digits);
}

// Behind the opening quote of a dictionary's word.
static void read_word(const char *text, struct buf *out)
{
    for (; *text != '\0' && *text != '"'; text++) {
        if (*text != '\\') {
            buf_char(out, *text);
        } else if (text[1] == 'x' && hex_digit(text[2]) >= 0 && hex_digit(text[3]) >= 0) {
            buf_char(out, (char)(hex_digit(text[2]) * 16 + hex_digit(text[3])));
            text += 3;
        } else if (text[1] != '\0') {
            buf_char(out, *++text);
        }
    }
}

bool made_add_words(struct made *made, const char *path)
{
    AUTO_BUF struct buf text = {0};
    char *rest = NULL;
    if (!read_file(path, &text) || text.len == 0) {
        return false;
    }
    for (char *line = strtok_r(text.data, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        const char *quote = line[0] == '#' ? NULL : strchr(line, '"');
        AUTO_BUF struct buf word = {0};
        if (quote != NULL) {
            read_word(quote + 1, &word);
            add(&made->words, word.data, word.len);
        }
    }
    return true;
}

static void free_parts(struct made_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        free((char *)parts->items[i].data);
    }
    free(parts->items);
}

void made_free(struct made *made)
{
    free_parts(&made->seeds);
    free_parts(&made->words);
    *made = (struct made){0};
}

// ---- chance

// C leaves the order of arguments and operands open, so that no expression may ask for chance twice.
struct maker {
    const struct made *made;
    uint64_t random;
    struct buf *input;
};

// splitmix64
static uint64_t next_random(struct maker *maker)
{
    uint64_t z = maker->random += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

// 0 .. limit-1; 0 for a limit of 0.
static size_t below(struct maker *maker, size_t limit)
{
    return limit == 0 ? 0 : (size_t)(next_random(maker) % limit);
}

static struct str pick(struct maker *maker, const struct made_parts *parts)
{
    return parts->count == 0 ? (struct str){"", 0} : parts->items[below(maker, parts->count)];
}

// Often short, seldom as long as it can be.
static size_t some_len(struct maker *maker, size_t most)
{
    size_t limit = below(maker, 4) > 0 && most > 16 ? 16 : most;
    return limit == 0 ? 0 : 1 + below(maker, limit);
}

static struct str some_piece(struct maker *maker, struct str text)
{
    size_t at = below(maker, text.len);
    return (struct str){text.data + at, some_len(maker, text.len - at)};
}

// ---- places

static struct str whole(const struct maker *maker)
{
    return (struct str){maker->input->len == 0 ? "" : maker->input->data, maker->input->len};
}

static void replace(struct maker *maker, size_t at, size_t len, struct str with)
{
    struct buf out = {0};
    struct str old = whole(maker);
    if (old.len - len + with.len > maker->made->max_len && with.len > len) {
        return;
    }
    buf_append(&out, old.data, at);
    buf_append(&out, with.data, with.len);
    buf_append(&out, old.data + at + len, old.len - at - len);
    buf_free(maker->input);
    *maker->input = out;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
           c == '-' || c == '+';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// What lies around `at` and is of one kind; a byte that is of none stands alone.
static struct str token_at(struct str text, size_t at, bool (*is_kind)(char))
{
    size_t start = at;
    size_t end = at;
    while (start > 0 && is_kind(text.data[start - 1]) && is_kind(text.data[at])) {
        start--;
    }
    while (end < text.len && is_kind(text.data[end])) {
        end++;
    }
    end = end == at && end < text.len ? end + 1 : end;
    return (struct str){text.data + start, end - start};
}

static struct str some_token(struct maker *maker, struct str text)
{
    return token_at(text, below(maker, text.len), is_word);
}

static void replace_part(struct maker *maker, struct str part, struct str with)
{
    replace(maker, (size_t)(part.data - whole(maker).data), part.len, with);
}

// ---- changes

static void flip_bit(struct maker *maker)
{
    if (maker->input->len > 0) {
        char *byte = &maker->input->data[below(maker, maker->input->len)];
        *byte = (char)(*byte ^ (1 << below(maker, 8)));
    }
}

static void put_mark(struct maker *maker)
{
    static const char marks[] = "{}[]()<>\"'\\/,;:|&#*+-.%$!?=@~^_ \t\r\n\0\x01\x1F\x7F\x80\xC2\xED\xF4\xFF"
                                "0aZ";
    char mark = below(maker, 8) == 0 ? (char)below(maker, 256) : marks[below(maker, sizeof marks - 1)];
    size_t at = below(maker, maker->input->len + 1);
    size_t len = at < maker->input->len ? below(maker, 2) : 0;
    replace(maker, at, len, (struct str){&mark, 1});
}

static void drop_piece(struct maker *maker)
{
    replace_part(maker, some_piece(maker, whole(maker)), (struct str){"", 0});
}

static void repeat_piece(struct maker *maker)
{
    struct str piece = some_piece(maker, whole(maker));
    size_t times = below(maker, 8) == 0 ? 30 + below(maker, 300) : 1 + below(maker, 4);
    AUTO_BUF struct buf more = {0};
    for (size_t i = 0; i < times && more.len < maker->made->max_len; i++) {
        buf_append(&more, piece.data, piece.len);
    }
    replace(maker, (size_t)(piece.data - whole(maker).data), 0, (struct str){more.len == 0 ? "" : more.data, more.len});
}

static void put_word(struct maker *maker)
{
    struct str word = pick(maker, &maker->made->words);
    replace(maker, below(maker, maker->input->len + 1), 0, word);
}

static void token_to_word(struct maker *maker)
{
    struct str word = pick(maker, &maker->made->words);
    replace_part(maker, some_token(maker, whole(maker)), word);
}

static void token_to_token(struct maker *maker)
{
    struct str other = some_token(maker, pick(maker, &maker->made->seeds));
    replace_part(maker, some_token(maker, whole(maker)), other);
}

static void put_piece(struct maker *maker)
{
    struct str piece = some_piece(maker, pick(maker, &maker->made->seeds));
    replace(maker, below(maker, maker->input->len + 1), 0, piece);
}

static void cross_over(struct maker *maker)
{
    struct str other = pick(maker, &maker->made->seeds);
    size_t from = below(maker, other.len + 1);
    size_t at = below(maker, maker->input->len + 1);
    replace(maker, at, maker->input->len - at, (struct str){other.data + from, other.len - from});
}

// Numbers at the bounds of something.
static struct str some_number(struct maker *maker, char *out, size_t size)
{
    static const char *const bounds[] = {
        "0",
        "-1",
        "-0",
        "1",
        "99",
        "100",
        "101",
        "127",
        "128",
        "255",
        "256",
        "32767",
        "65535",
        "65536",
        "2147483647",
        "2147483648",
        "4294967295",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "1e999",
        "1e-999",
        "0.1",
        "1.0",
        "00",
        "100000000000000000000000000000000000000000",
    };
    size_t which = below(maker, COUNT_OF(bounds) * 2);
    if (which < COUNT_OF(bounds)) {
        return (struct str){bounds[which], strlen(bounds[which])};
    }
    size_t shift = below(maker, 64);
    int len = snprintf(out, size, "%llu", (unsigned long long)(next_random(maker) >> shift));
    return (struct str){out, (size_t)len};
}

static void change_number(struct maker *maker)
{
    char made[24];
    struct str text = whole(maker);
    size_t at = below(maker, text.len);
    while (at < text.len && !is_digit(text.data[at])) {
        at++;
    }
    struct str old = token_at(text, at, is_digit);
    replace_part(maker, old, some_number(maker, made, sizeof made));
}

void made_input(const struct made *made, uint64_t number, struct buf *out)
{
    static void (*const changes[])(struct maker *) = {
        flip_bit,      put_mark,       put_mark,  drop_piece, repeat_piece,  put_word,
        token_to_word, token_to_token, put_piece, cross_over, change_number,
    };
    struct maker maker = {.made = made, .random = number * 0xD1342543DE82EF95U, .input = out};
    struct str seed = pick(&maker, &made->seeds);
    buf_reset(out);
    buf_append(out, seed.data, seed.len);
    size_t count = (size_t)1 << below(&maker, 4);
    for (size_t i = 0; i < count; i++) {
        changes[below(&maker, COUNT_OF(changes))](&maker);
    }
}
