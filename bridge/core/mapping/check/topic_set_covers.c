// The narrow set is walked through alone, place by place; beside each place goes the subset of the wide set's places
// that the same characters can lead to. A walk that ends where no place of its subset is an end has found a topic that
// the wide set lacks. Where the narrow set takes any character, one that no text names is tried, as all others lead to
// more places of the wide set, and '/'. A place is visited once with each subset, breadth first.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/mapping/check/topic_set.h"

static const char fresh[] = "\11"; // a character that no text names

struct topic_subset {
    size_t narrow; // the place in the narrow set
    size_t first;  // its places
    size_t count;
    size_t len;      // characters on the way here
    size_t previous; // another one with this place in the narrow set, counted from 1; 0: none
};

struct topic_cover {
    const struct topic_set *wide;
    const struct topic_set *narrow;
    struct topic_subset *subsets;
    size_t count;
    size_t capacity;
    size_t *latest; // per place of the narrow set: its last subset, counted from 1
    size_t *places; // of all subsets
    size_t place_count;
    size_t place_capacity;
    size_t *seen; // per place of the wide set: the last round that has it
    size_t round;
    size_t *left;
};

// With the places that are reached from it without a character.
static void add_place(struct topic_cover *cover, const char *at)
{
    size_t place = (size_t)(at - cover->wide->texts);
    if (cover->seen[place] == cover->round) {
        return;
    }
    cover->seen[place] = cover->round;
    for (const char *to = topic_sign_skip(at, NULL); to != NULL; to = topic_sign_skip(at, to)) {
        add_place(cover, to);
    }
    if (topic_sign_is_group(at)) {
        return;
    }
    cover->places = mem_grow(cover->places, cover->place_count, &cover->place_capacity, sizeof *cover->places);
    cover->places[cover->place_count++] = place;
}

// The places just added are a subset; it is dropped if there is the same one.
static void keep(struct topic_cover *cover, size_t narrow, size_t first, size_t len)
{
    size_t count = cover->place_count - first;
    *cover->left -= *cover->left < count + 1 ? *cover->left : count + 1;
    for (size_t i = cover->latest[narrow]; i > 0; i = cover->subsets[i - 1].previous) {
        const struct topic_subset *other = &cover->subsets[i - 1];
        size_t common = 0;
        while (common < other->count && cover->seen[cover->places[other->first + common]] == cover->round) {
            common++;
        }
        *cover->left -= *cover->left > 0;
        if (common == other->count && common == count && (other->len > 0) == (len > 0)) {
            cover->place_count = first;
            return;
        }
    }
    cover->subsets = mem_grow(cover->subsets, cover->count, &cover->capacity, sizeof *cover->subsets);
    cover->subsets[cover->count++] = (struct topic_subset){narrow, first, count, len, cover->latest[narrow]};
    cover->latest[narrow] = cover->count;
}

// On to a place of the narrow set, with a character or without.
static void go_on(struct topic_cover *cover, const struct topic_subset *from, const char *narrow,
                  const char *character_or_null)
{
    size_t first = cover->place_count;
    cover->round++;
    for (size_t i = 0; i < from->count; i++) {
        const char *at = cover->wide->texts + cover->places[from->first + i];
        if (character_or_null == NULL) {
            add_place(cover, at);
        } else if (topic_sign_takes(at, character_or_null)) {
            add_place(cover, topic_sign_behind(at));
        }
    }
    keep(cover, (size_t)(narrow - cover->narrow->texts), first, from->len + (character_or_null != NULL));
}

static void go_on_behind(struct topic_cover *cover, const struct topic_subset *from)
{
    const char *at = cover->narrow->texts + from->narrow;
    for (const char *to = topic_sign_skip(at, NULL); to != NULL; to = topic_sign_skip(at, to)) {
        go_on(cover, from, to, NULL);
    }
    if (topic_sign_is_group(at)) {
        return;
    }
    bool is_any = *at > '\0' && *at < SIGN_OPEN;
    go_on(cover, from, topic_sign_behind(at), is_any ? fresh : at);
    if (is_any && topic_sign_takes(at, "/")) {
        go_on(cover, from, topic_sign_behind(at), "/");
    }
}

static bool is_end(const struct topic_cover *cover, const struct topic_subset *subset)
{
    for (size_t i = 0; i < subset->count; i++) {
        if (cover->wide->texts[cover->places[subset->first + i]] == '\0') {
            return true;
        }
    }
    return false;
}

static bool begins_with_dollar(const struct topic_set *set)
{
    return set->texts[0] == '$';
}

static enum topic_answer visit_all(struct topic_cover *cover)
{
    bool is_certain = memchr(cover->narrow->texts, SIGN_NEVER, cover->narrow->len) == NULL;
    enum topic_answer answer = TOPIC_YES;
    for (size_t i = 0; i < cover->count; i++) {
        if (*cover->left == 0) {
            return TOPIC_UNKNOWN;
        }
        struct topic_subset subset = cover->subsets[i];
        bool lacks = subset.count == 0 || (cover->narrow->texts[subset.narrow] == '\0' && !is_end(cover, &subset));
        if (lacks && (subset.len > 0 || subset.count == 0)) {
            return is_certain && subset.len <= TOPIC_MAX_LEN ? TOPIC_NO : TOPIC_UNKNOWN;
        }
        // Nobody can publish to the empty topic.
        answer = lacks ? TOPIC_UNKNOWN : answer;
        if (cover->narrow->texts[subset.narrow] != '\0') {
            go_on_behind(cover, &subset);
        }
    }
    return *cover->left > 0 ? answer : TOPIC_UNKNOWN;
}

enum topic_answer topic_set_covers(const struct topic_set *wide, const struct topic_set *narrow, size_t *left)
{
    if (begins_with_dollar(wide) != begins_with_dollar(narrow)) {
        return TOPIC_UNKNOWN;
    }
    AUTO_FREE size_t *latest = mem_alloc((narrow->len + 1) * sizeof *latest);
    AUTO_FREE size_t *seen = mem_alloc((wide->len + 1) * sizeof *seen);
    struct topic_cover cover = {.wide = wide, .narrow = narrow, .latest = latest, .seen = seen, .left = left};
    cover.subsets = mem_grow(NULL, 0, &cover.capacity, sizeof *cover.subsets);
    for (const char *text = topic_set_next(narrow, NULL); text != NULL; text = topic_set_next(narrow, text)) {
        cover.round++;
        size_t first = cover.place_count;
        for (const char *start = topic_set_next(wide, NULL); start != NULL; start = topic_set_next(wide, start)) {
            add_place(&cover, start);
        }
        keep(&cover, (size_t)(text - narrow->texts), first, 0);
    }
    enum topic_answer answer = visit_all(&cover);
    free(cover.subsets);
    free(cover.places);
    return answer;
}
