// Templates of the rule language: text with ${...} expressions and filters, compiled when a rule is loaded. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/yaml/yaml.h"
#include "core/platform/code.h"
#include "core/topic/topic.h"

#define TEMPLATE_MAX_LEN   65536  // bytes of one template as written
#define TEMPLATE_MAX_VALUE 262144 // bytes of the text that one template gives

struct template_text; // one text
struct template_tree; // JSON-like value whose texts are templates (args, parameters)

struct device_group {
    char *name;
    struct json_object *members; // a list of device names, which the templates share
};

// What names mean while compiling: so that unknown captures and groups are errors with the nearest known name.
struct template_scope {
    const struct topic_pattern *pattern; // captures; or NULL
    const struct device_group *groups;
    size_t group_count;
    // What defines them could not be read, so any name is taken for right: the template is for finding errors only.
    bool captures_unknown;
    bool groups_unknown;
};

// What a template is evaluated against. Everything is borrowed.
struct template_input {
    const struct str *captures; // of the topic
    const char *topic;
    const char *id; // as text; NULL while id_from itself is evaluated
    bool id_is_integer;
    struct json_object *payload; // JSON null is NULL; a text payload is a JSON text
    bool has_payload;            // false: an empty payload, or
    bool payload_unreadable;     // one that is refused
    const struct user_property *properties;
    size_t property_count;
    int64_t now_wall_ms; // ${now}: RFC 3339 with milliseconds
};

// Compiles one text at a YAML scalar; problems carry its place. Only a quoted or plain text scalar can hold ${...}.
enum err template_compile(const struct yaml_node *node, const struct template_scope *scope, struct template_text **out,
                          struct problems *problems) MUST_CHECK;
// The same for a text without a place.
enum err template_compile_text(const char *text, const struct template_scope *scope, struct template_text **out,
                               struct diag *diag) MUST_CHECK;
void template_free(struct template_text *tmpl);
// True if it uses what the sender chooses: a capture, the topic, the payload, the id or a property.
bool template_uses_outside(const struct template_text *tmpl);

// The value as text (text as it is, numbers and booleans as JSON writes them; lists, maps and null are filter_failed;
// missing is member_missing). The caller frees it.
enum err template_string(const struct template_text *tmpl, const struct template_input *input, char **out,
                         struct failure *failure) MUST_CHECK;

// `of_names`: its scalars, but for null, are text as they are written, as 007 and 0x1F.
enum err template_tree_compile(const struct yaml_node *node, const struct template_scope *scope, bool of_names,
                               struct template_tree **out, struct problems *problems) MUST_CHECK;
void template_tree_free(struct template_tree *tree);
// Missing values anywhere are member_missing with the member's name.
enum err template_tree_value(const struct template_tree *tree, const struct template_input *input,
                             struct json_object **out, struct failure *failure) MUST_CHECK;
