// What mapping a message consists of: the payload, what templates see, the calls, where replies may go. Private to
// core/mapping.
#pragma once

#include "core/mapping/rule.h"
#include "core/template/template.h"

// Below BASE/bridge/: the bridge's own topics.
bool mapping_is_own_topic(const struct mapping *mapping, const char *topic);
// Topics, or beginnings of topics, to which nobody may reply whatever the rules are: those that begin with '$', our
// own, and Home Assistant's discovery topics.
bool mapping_is_closed_topic(const struct mapping *mapping, const char *topic);
// A reply may be published there: a valid name, not one of ours, not one that a rule takes.
bool mapping_reply_possible(const struct mapping *mapping, const char *topic);
// And a requester may name it.
bool mapping_reply_allowed(const struct mapping *mapping, const char *command_topic, const char *topic);

// A message's payload as the rule sees it, and what is in it for the bridge.
struct mapping_payload {
    bool present; // false: empty or not readable
    bool exact;   // false: numbers are rounded, so only what a rejection reports may be read
    struct json_object *value;
    struct json_object *id; // owned, as the others; a $id or $reply_to of null is none
    struct json_object *reply_to;
    struct json_object *expire; // has_ keeps JSON null from none
    struct json_object *sent_at;
    bool has_expire;
    bool has_sent_at;
    struct failure failure; // code set: the command is rejected for it
};
void mapping_payload_read(const struct mapping *mapping, const struct rule *rule, const struct message *message,
                          struct mapping_payload *out);
void mapping_payload_clear(struct mapping_payload *payload);

// What the rule's templates see of a message that it takes, but for the id. Fills `captures` (TOPIC_MAX_CAPTURES);
// everything in *out is borrowed.
void mapping_make_input(const struct rule *rule, const struct message *message, const struct moment *arrived,
                        const struct mapping_payload *payload, struct str *captures, struct template_input *out);

// Fills calls, target and lanes of the command. On failure they are left empty.
enum err mapping_fill_target(const struct rule *rule, const struct template_input *input, struct command *command,
                             struct failure *failure) MUST_CHECK;
