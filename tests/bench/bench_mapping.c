// Prints what one match and one mapped command cost with 10 and with 10,000 rules, which are told apart by topic, by
// fixed values in `where`, or by globs in `where`.
//
//   bench_mapping [MESSAGES]    default: 2000000 matches, a tenth of it mapped commands
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/yaml/yaml.h"
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/mapping.h"

#define FEW          10
#define MANY         10000
#define TOPICS       1000 // different ones, taken from all rules
#define MATCHES      2000000L
#define ROUNDS       5 // the fastest counts, as other programs only slow one down
#define TOPIC_BYTES  64
#define UUID         "0192d3c1-0000-7000-8000-000000000001"
#define PAYLOAD      "{\"level\": 128, \"color\": \"Red\"}"
#define INVOKE_START "    invoke: {identifier: Set, "
#define INVOKE_END                                                                                                     \
    "args: {brightness: \"${payload.level | scale(0,255,0,100) | int}\","                                              \
    " color: \"${payload.color | default(\\\"white\\\") | lower}\"}}\n"

struct kind {
    const char *name;
    const char *rule;  // topic and `where`; %d is the rule's number
    const char *topic; // one that the rule takes
};

static const struct kind kinds[] = {
    {"topic", "    topic: \"home/room-%d/{device}/set\"\n    where: {device: lamp}\n", "home/room-%d/lamp/set"},
    {"where value", "    topic: \"home/{room}/{device}/set\"\n    where: {room: room-%d, device: lamp}\n",
     "home/room-%d/lamp/set"},
    {"where glob", "    topic: \"home/{room}/{device}/set\"\n    where: {room: \"room-%d-*\", device: lamp}\n",
     "home/room-%d-3/lamp/set"},
};

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void format_number(struct buf *out, const char *format, int number)
{
    const char *place = strstr(format, "%d");
    buf_printf(out, "%.*s%d%s", (int)(place - format), format, number, place + 2);
}

static struct mapping *load(const struct kind *kind, int count)
{
    AUTO_BUF struct buf text = {0};
    buf_text(&text, "version: 1\ndefaults: {product_key: k1ymv1DuLfE}\nrules:\n");
    for (int i = 0; i < count; i++) {
        buf_printf(&text, "  - name: rule-%d\n", i);
        format_number(&text, kind->rule, i);
        buf_text(&text, INVOKE_START "device: \"${device}\", " INVOKE_END);
    }
    const struct mapping_options options = {.base_topic = "thingbridge",
                                            .default_platform = "main",
                                            .discovery_prefix = "homeassistant",
                                            .max_payload = 256 * 1024,
                                            .max_json_depth = 32};
    struct problems problems = {0};
    struct yaml_document *document = NULL;
    struct mapping *mapping = NULL;
    if (yaml_load_text("bench.yaml", text.data, text.len, &document, &problems) != ERR_OK ||
        mapping_create(&document, 1, &options, &mapping, &problems) != ERR_OK) {
        fprintf(stderr, "bench_mapping: %s\n", problems.items[0].text);
        exit(70);
    }
    yaml_free(document);
    problems_clear(&problems);
    return mapping;
}

static char (*make_topics(const struct kind *kind, int count))[TOPIC_BYTES]
{
    char(*topics)[TOPIC_BYTES] = mem_alloc(TOPICS * sizeof *topics);
    for (int i = 0; i < TOPICS; i++) {
        AUTO_BUF struct buf topic = {0};
        format_number(&topic, kind->topic, (int)((int64_t)i * count / TOPICS));
        memcpy(topics[i], topic.data, topic.len + 1);
    }
    return topics;
}

static double time_matches(const struct mapping *mapping, char (*topics)[TOPIC_BYTES], long count)
{
    double began = now_ns();
    for (long i = 0; i < count; i++) {
        if (mapping_match(mapping, topics[i % TOPICS]) == NULL) {
            fprintf(stderr, "bench_mapping: no rule takes %s\n", topics[i % TOPICS]);
            exit(70);
        }
    }
    return (now_ns() - began) / (double)count;
}

static double time_commands(const struct mapping *mapping, char (*topics)[TOPIC_BYTES], long count)
{
    const struct moment arrived = {.boot_id = "boot", .boot_ms = 1000, .wall_ms = 1795262400000LL};
    double began = now_ns();
    for (long i = 0; i < count; i++) {
        char *topic = topics[i % TOPICS];
        const struct message message = {
            .topic = topic, .payload = (char *)PAYLOAD, .payload_len = sizeof PAYLOAD - 1, .qos = 1};
        struct command *command =
            mapping_command(mapping, mapping_match(mapping, topic), &message, &arrived, UUID, NULL);
        if (command->refusal.code != NULL) {
            fprintf(stderr, "bench_mapping: %s\n", command->refusal.detail);
            exit(70);
        }
        command_free(command);
    }
    return (now_ns() - began) / (double)count;
}

typedef double time_messages(const struct mapping *mapping, char (*topics)[TOPIC_BYTES], long count);

static void print_row(const struct kind *kind, const char *what, time_messages *measure, long count)
{
    const int rules[] = {FEW, MANY};
    double fastest[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
        struct mapping *mapping = load(kind, rules[k]);
        char(*topics)[TOPIC_BYTES] = make_topics(kind, rules[k]);
        for (int round = 0; round < ROUNDS; round++) {
            double taken = measure(mapping, topics, count / ROUNDS);
            fastest[k] = round == 0 || taken < fastest[k] ? taken : fastest[k];
        }
        free(topics);
        mapping_destroy(mapping);
    }
    printf("%-9s rules differ by %-12s %8.0f ns %8.0f ns  %6.2f\n", what, kind->name, fastest[0], fastest[1],
           fastest[1] / fastest[0]);
}

int main(int argc, char **argv)
{
    long matches = argc > 1 ? atol(argv[1]) : MATCHES;
    printf("%-38s %8s %2d %8s %5d  ratio\n", "", "rules:", FEW, "", MANY);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        print_row(&kinds[i], "match", time_matches, matches);
        print_row(&kinds[i], "command", time_commands, matches / 10);
    }
    return 0;
}
