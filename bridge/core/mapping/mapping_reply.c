// Where replies may go (design, section 6).
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/mapping/mapping_internal.h"

static bool is_below(const char *prefix_or_null, const char *topic)
{
    size_t len = prefix_or_null != NULL ? strlen(prefix_or_null) : 0;
    return len > 0 && strncmp(topic, prefix_or_null, len) == 0 && (topic[len] == '/' || topic[len] == '\0');
}

bool mapping_is_closed_topic(const struct mapping *mapping, const char *topic)
{
    return topic[0] == '$' || mapping_is_own_topic(mapping, topic) || is_below(mapping->discovery_prefix, topic);
}

bool mapping_reply_possible(const struct mapping *mapping, const char *topic)
{
    return topic_name_valid(topic, strlen(topic)) && !mapping_is_closed_topic(mapping, topic) &&
           mapping_match(mapping, topic) == NULL;
}

static bool allows(const struct mapping *mapping, const char *filter, const char *command_topic, const char *topic)
{
    const struct {
        const char *word;
        const char *stands_for;
    } words[] = {{ALLOW_COMMAND_TOPIC, command_topic}, {ALLOW_BASE, mapping->base_topic}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        size_t len = strlen(words[i].word);
        if (strncmp(filter, words[i].word, len) == 0) {
            AUTO_FREE char *text = mem_printf("%s%s", words[i].stands_for, filter + len);
            return topic_filter_matches(text, topic);
        }
    }
    return topic_filter_matches(filter, topic);
}

bool mapping_reply_allowed(const struct mapping *mapping, const char *command_topic, const char *topic)
{
    if (!mapping_reply_possible(mapping, topic)) {
        return false;
    }
    for (size_t i = 0; i < mapping->reply_allow.count; i++) {
        if (allows(mapping, mapping->reply_allow.items[i], command_topic, topic)) {
            return true;
        }
    }
    return false;
}
