// MQTT topic names, topic filters, and the rule language's topic patterns. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define TOPIC_MAX_LEN      1024
#define TOPIC_MAX_LEVELS   200 // of a name; Mosquitto ends a connection that publishes or subscribes to more
#define FILTER_MAX_LEVELS  198 // with room for $share/GROUP
#define TOPIC_MAX_CAPTURES 32

// MQTT sections 4.7 and 1.5.4: 1 to TOPIC_MAX_LEN bytes of UTF-8 in up to TOPIC_MAX_LEVELS levels, without control
// characters and noncharacters; a name has no wildcards. MQTT allows some of what is refused here, but brokers answer
// it by ending the connection.
bool topic_name_valid(const char *name, size_t len);
size_t topic_count_levels(const char *text, size_t len); // "a/" has two
enum err topic_filter_check(const char *filter, struct diag *diag) MUST_CHECK;
// Does the filter match the name? Wildcards at the first level do not match names that begin with '$'.
bool topic_filter_matches(const char *filter, const char *name);
// Does every name that `b` matches match `a` too?
bool topic_filter_covers(const char *a, const char *b);
// Is there a name that both match?
bool topic_filter_overlaps(const char *a, const char *b);
// The narrowest single filter that covers both; the caller frees it. NULL if there is none: only one of them is for
// names that begin with '$'.
char *topic_filter_union(const char *a, const char *b);

// A rule's topic: "home/{room}/{path#}". {name} is '+', {name#} at the end is '#'; '+' and '#' work unnamed.
struct topic_pattern {
    char *text;
    char *filter; // as it is subscribed
    size_t level_count;
    struct topic_level {
        enum topic_level_kind { LEVEL_TEXT, LEVEL_ONE, LEVEL_REST } kind;
        char *text;  // LEVEL_TEXT
        int capture; // index into names, or -1
    } * levels;
    char **names; // captures in order
    size_t name_count;
};
// Capture names: a letter or '_', then letters, digits, '_'; not one of the reserved names (payload topic id property
// group now). At most TOPIC_MAX_CAPTURES.
enum err topic_pattern_compile(const char *text, struct topic_pattern **out, struct diag *diag) MUST_CHECK;
void topic_pattern_free(struct topic_pattern *pattern);
// Fills captures[0..name_count) with pieces of `name` ({rest#} holds the slashes; "a/{rest#}" matches "a" with an empty
// capture).
bool topic_pattern_match(const struct topic_pattern *pattern, const char *name, struct str *captures);

// The subscriptions for a set of filters. A filter covered by another is left out. With `merge` (3.1.1) partly
// overlapping filters are replaced by their union until none overlap. Subscription Identifiers are stable across
// restarts: derived from the filter's text (1..268,435,455), so that what a broker queued for an older set of filters
// is still understood.
struct subscription {
    char *filter;
    uint32_t id;
};
struct filter_tree;
struct subscription_set {
    struct subscription *items; // sorted by id
    size_t count;
    struct filter_tree *tree; // positions in items by filter
};
void subscription_set_build(const char *const *filters, size_t count, bool merge, struct subscription_set *out);
void subscription_set_free(struct subscription_set *set);
// The lowest identifier among the filters of the set that match the name; 0 if none does.
uint32_t subscription_set_lowest(const struct subscription_set *set, const char *name);
// The position of a filter; `count` if the set does not have it.
size_t subscription_set_find(const struct subscription_set *set, const char *filter);
bool subscription_set_has(const struct subscription_set *set, const char *filter);
bool subscription_set_has_all(const struct subscription_set *set, const struct subscription_set *part);
// Appended as it is: subscription_set_lowest no longer looks into the set.
void subscription_set_add(struct subscription_set *set, const char *filter, uint32_t id);
// Adds what the set has not, in order. No other thread may look into the set meanwhile.
void subscription_set_add_all(struct subscription_set *set, const struct subscription_set *part);
// JSON text of a set for storing, and back. ERR_SYNTAX leaves *out empty.
char *subscription_set_encode(const struct subscription_set *set);
enum err subscription_set_decode(const char *text, struct subscription_set *out) MUST_CHECK;
