// Two texts are walked together, from pairs of places to pairs of places: both take the same character, or one passes
// a sign that can be for nothing. The texts have a topic in common if a walk ends behind both, and the characters on
// the way are one. A pair is visited once, so a walk has at most as many steps as there are pairs; most texts differ in
// what they begin or end with, which is looked at before.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/mapping/check/topic_set.h"

#define MAX_PAIRS ((size_t)1 << 28) // of two texts: a bit each

struct topic_step {
    uint32_t a; // places in the texts
    uint32_t b;
    uint32_t from; // the step before this one; the first one's is itself
    uint32_t next; // below it on the stack; once a walk is found, the step behind this one
    const char *took;
};

struct topic_walk {
    const char *a;
    const char *b;
    size_t b_size;
    unsigned char *visited; // a bit for each pair
    struct topic_step *steps;
    size_t count;
    size_t capacity;
    uint32_t top; // of the stack of steps to go on from
    size_t *left;
};

static bool is_sign(char c)
{
    return (unsigned char)c < SIGN_COUNT; // and the end
}

static void push(struct topic_walk *walk, uint32_t from, const char *a, const char *b, const char *took)
{
    *walk->left -= *walk->left > 0;
    if (*a != *b && (!is_sign(*a) || *a == '\0') && (!is_sign(*b) || *b == '\0')) {
        return; // leads nowhere
    }
    size_t at_a = (size_t)(a - walk->a);
    size_t at_b = (size_t)(b - walk->b);
    size_t pair = at_a * walk->b_size + at_b;
    if ((walk->visited[pair / 8] >> (pair % 8) & 1) != 0) {
        return;
    }
    walk->visited[pair / 8] |= (unsigned char)(1U << (pair % 8));
    walk->steps = mem_grow(walk->steps, walk->count, &walk->capacity, sizeof *walk->steps);
    walk->steps[walk->count] = (struct topic_step){(uint32_t)at_a, (uint32_t)at_b, from, walk->top, took};
    walk->top = (uint32_t)walk->count++;
}

// The character that both can take, or NULL.
static const char *common_character(const char *a, const char *b)
{
    if (topic_sign_is_long(a) && topic_sign_is_long(b)) {
        return NULL;
    }
    const char *character = !is_sign(*a) ? a : !is_sign(*b) ? b : "x";
    return topic_sign_takes(a, character) && topic_sign_takes(b, character) ? character : NULL;
}

static void go_on(struct topic_walk *walk, uint32_t from)
{
    const char *a = walk->a + walk->steps[from].a;
    const char *b = walk->b + walk->steps[from].b;
    bool is_plain = !topic_sign_is_group(a) && !topic_sign_is_group(b);
    const char *to = NULL;
    while ((is_plain || topic_sign_is_group(a)) && (to = topic_sign_skip(a, to)) != NULL) {
        push(walk, from, to, b, NULL);
    }
    while (!topic_sign_is_group(a) && (to = topic_sign_skip(b, to)) != NULL) {
        push(walk, from, a, to, NULL);
    }
    const char *took = is_plain ? common_character(a, b) : NULL;
    if (took != NULL) {
        push(walk, from, topic_sign_behind(a), topic_sign_behind(b), took);
    }
}

// An empty level in which both have any text becomes "x".
static void end_level(struct buf *topic, bool *any)
{
    if (*any && (topic->len == 0 || topic->data[topic->len - 1] == '/')) {
        buf_char(topic, 'x');
    }
    *any = false;
}

static char *write_example(const struct topic_walk *walk, uint32_t last)
{
    struct buf topic = {0};
    bool any = false;
    uint32_t at = last;
    while (at != walk->steps[at].from) {
        walk->steps[walk->steps[at].from].next = at;
        at = walk->steps[at].from;
    }
    for (; at != last; at = walk->steps[at].next) {
        const char *took = walk->steps[walk->steps[at].next].took;
        any |= topic_sign_is_long(walk->a + walk->steps[at].a) && topic_sign_is_long(walk->b + walk->steps[at].b);
        if (took != NULL && *took == '/') {
            end_level(&topic, &any);
        }
        if (took != NULL) {
            buf_append(&topic, took, topic_sign_len(took));
        }
    }
    end_level(&topic, &any);
    return buf_steal(&topic);
}

// Do what both texts surely begin or end with differ?
static bool ends_differ(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t first = 0;
    while (a[first] == b[first] && !is_sign(a[first])) {
        first++;
    }
    if ((!is_sign(a[first]) && !is_sign(b[first])) || (a[0] == '$') != (b[0] == '$')) {
        return true;
    }
    while (a_len > 0 && b_len > 0 && a[a_len - 1] == b[b_len - 1] && !is_sign(a[a_len - 1])) {
        a_len--;
        b_len--;
    }
    return a_len > 0 && b_len > 0 && !is_sign(a[a_len - 1]) && !is_sign(b[b_len - 1]);
}

static enum topic_answer take_walks(struct topic_walk *walk, char **example)
{
    push(walk, 0, walk->a, walk->b, NULL);
    while (walk->top != UINT32_MAX && *walk->left > 0) {
        uint32_t at = walk->top;
        walk->top = walk->steps[at].next;
        if (walk->a[walk->steps[at].a] == '\0' && walk->b[walk->steps[at].b] == '\0') {
            *example = write_example(walk, at);
            return TOPIC_YES;
        }
        go_on(walk, at);
    }
    return walk->top == UINT32_MAX ? TOPIC_NO : TOPIC_UNKNOWN;
}

static enum topic_answer texts_meet(const char *a, const char *b, size_t *left, char **example)
{
    unsigned char few[64] = {0};
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    *left -= *left > 0;
    bool has_none = a_len == 0 || b_len == 0; // a topic has a character (MQTT 5 section 4.7.3)
    if (has_none || ends_differ(a, a_len, b, b_len)) {
        return TOPIC_NO;
    }
    if (a_len + 1 > MAX_PAIRS / (b_len + 1)) {
        return TOPIC_UNKNOWN;
    }
    size_t bytes = (a_len + 1) * (b_len + 1) / 8 + 1;
    AUTO_FREE unsigned char *many = bytes > sizeof few ? mem_alloc(bytes) : NULL;
    struct topic_walk walk = {
        .a = a, .b = b, .b_size = b_len + 1, .visited = many != NULL ? many : few, .top = UINT32_MAX, .left = left};
    enum topic_answer answer = take_walks(&walk, example);
    free(walk.steps);
    return answer;
}

enum topic_answer topic_set_meets(const struct topic_set *a, const struct topic_set *b, size_t *left, char **example)
{
    enum topic_answer answer = TOPIC_NO;
    for (const char *of_a = topic_set_next(a, NULL); of_a != NULL; of_a = topic_set_next(a, of_a)) {
        for (const char *of_b = topic_set_next(b, NULL); of_b != NULL; of_b = topic_set_next(b, of_b)) {
            enum topic_answer one = texts_meet(of_a, of_b, left, example);
            if (one == TOPIC_YES) {
                return one;
            }
            answer = one == TOPIC_UNKNOWN ? one : answer;
        }
    }
    return answer;
}
