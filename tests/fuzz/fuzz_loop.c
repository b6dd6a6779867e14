// Rules and replies made of a few levels, chosen byte by byte: if they load, no reply of theirs to any short topic is
// taken for a command. (What fuzz_mapping holds too, but seldom meets by chance.)
#include "base/yaml/yaml.h"
#include "core/mapping/load/mapping_load.h"
#include "rules.h"

#define MAX_RULES  4
#define MAX_LEVELS 4

static const char *const pattern_levels[] = {"a", "b", "ab", "{x}", "{y}", "+"};
static const char *const pattern_ends[] = {"", "", "/{p#}", "/#"};
static const char *const globs[] = {"a", "b", "ab", "a*", "*b", "?", "a/b", "*/a", "b/*", "*a*", "?/?"};
static const char *const reply_pieces[] = {"a", "b", "/", "/", "${x}", "${y}", "${p}", "${topic}", "-", "ab"};
static const char *const name_levels[] = {"a", "b", "ab", ""};

struct choices {
    const uint8_t *at;
    const uint8_t *end;
};

// One of `count`; the first when the input is used up.
static size_t choose(struct choices *choices, size_t count)
{
    return choices->at < choices->end ? *choices->at++ % count : 0;
}

static void write_topic(struct choices *choices, struct buf *out)
{
    size_t count = 1 + choose(choices, MAX_LEVELS - 1);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s%s", i > 0 ? "/" : "", pattern_levels[choose(choices, COUNT_OF(pattern_levels))]);
    }
    buf_text(out, pattern_ends[choose(choices, COUNT_OF(pattern_ends))]);
}

static void write_where(struct choices *choices, const char *topic, struct buf *out)
{
    static const char *const captures[] = {"x", "y", "p#"};
    for (size_t i = 0; i < COUNT_OF(captures); i++) {
        AUTO_FREE char *mark = mem_printf("{%s}", captures[i]);
        size_t count = strstr(topic, mark) != NULL ? choose(choices, 3) : 0;
        if (count > 0) {
            const char *first = globs[choose(choices, COUNT_OF(globs))];
            const char *second = globs[choose(choices, COUNT_OF(globs))];
            buf_printf(out, "    %.1s: [\"%s\", \"%s\"]\n", captures[i], first, count > 1 ? second : first);
        }
    }
}

static void write_reply(struct choices *choices, const char *topic, struct buf *out)
{
    size_t count = 1 + choose(choices, 6);
    for (size_t i = 0; i < count; i++) {
        const char *piece = reply_pieces[choose(choices, COUNT_OF(reply_pieces))];
        bool is_capture = piece[0] == '$' && piece[3] == '}';
        // Only captures that the topic has.
        AUTO_FREE char *mark = mem_printf("{%c", is_capture ? piece[2] : '}');
        buf_text(out, !is_capture || strstr(topic, mark) != NULL ? piece : "c");
    }
}

static void write_rule(struct choices *choices, size_t number, struct buf *out)
{
    AUTO_BUF struct buf topic = {0};
    AUTO_BUF struct buf where = {0};
    AUTO_BUF struct buf reply = {0};
    write_topic(choices, &topic);
    write_where(choices, topic.data, &where);
    write_reply(choices, topic.data, &reply);
    buf_printf(out,
               "- name: r%zu\n  topic: \"%s\"\n  reply: {ack: none, result: \"%s\"}\n"
               "  invoke: {identifier: Set, device: d}\n%s%s",
               number, topic.data, reply.data, where.len > 0 ? "  where:\n" : "", where.len > 0 ? where.data : "");
}

static void check_topic(const struct mapping *mapping, const char *topic)
{
    struct message message = {.topic = (char *)topic, .qos = 1};
    const struct rule *rule = topic_name_valid(topic, strlen(topic)) ? must_match(mapping, topic) : NULL;
    if (rule != NULL) {
        must_be_no_loop(mapping, rule, &message, rule->result);
    }
}

static void check_topics(const struct mapping *mapping)
{
    size_t all = 1;
    for (size_t levels = 1; levels <= MAX_LEVELS; levels++) {
        all *= COUNT_OF(name_levels);
        for (size_t i = 0; i < all; i++) {
            AUTO_BUF struct buf topic = {0};
            for (size_t k = 0, rest = i; k < levels; k++, rest /= COUNT_OF(name_levels)) {
                buf_printf(&topic, "%s%s", k > 0 ? "/" : "", name_levels[rest % COUNT_OF(name_levels)]);
            }
            check_topic(mapping, topic.data);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct mapping_options options = {.base_topic = "thingbridge",
                                                   .default_platform = "default",
                                                   .discovery_prefix = "homeassistant",
                                                   .max_payload = 262144,
                                                   .max_json_depth = 32};
    struct choices choices = {data, data + size};
    AUTO_BUF struct buf text = {0};
    buf_text(&text, "version: 1\ndefaults: {product_key: k1}\nrules:\n");
    for (size_t i = 0; i < MAX_RULES && choices.at < choices.end; i++) {
        write_rule(&choices, i, &text);
    }
    struct problems problems = {0};
    struct mapping *mapping = NULL;
    AUTO_YAML struct yaml_document *document = NULL;
    MUST(yaml_load_text("loop.yaml", text.data, text.len, &document, &problems) == ERR_OK);
    if (mapping_create(&document, 1, &options, &mapping, &problems) == ERR_OK) {
        check_topics(mapping);
    }
    mapping_destroy(mapping);
    problems_clear(&problems);
    return 0;
}
