// A command as it was mapped: everything that reload and restart may not change. It is stored as text in the outbox.
// Pure data.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/platform/code.h"
#include "core/platform/invoke.h"

enum order { ORDER_DEVICE, ORDER_RULE, ORDER_NONE };
extern const char *const command_orders[]; // their names; ends with NULL

struct command {
    char *id;           // as text
    bool id_is_integer; // echoed as a JSON integer
    bool id_given;      // the sender gave it, so duplicates are looked for
    char *rule;
    char *topic;
    char *platform;
    bool age_known;      // its sender said when it was sent (`sent_at`); not stored
    int64_t lifetime_ms; // deadline = arrival + lifetime; may be 0 or less: it came too late
    bool idempotent;
    bool latest_only;        // a newer command of the rule for the same target replaces it while it waits
    int64_t batch_window_ms; // 0: not folded with others
    int64_t batch_max;
    enum order order;
    // target, for the reply; members may be NULL
    char *product_key;
    char *iot_id;
    char *identifier;
    char **device_names;
    size_t device_count;
    struct call *calls; // empty if refused
    size_t call_count;
    char **lanes; // texts that name the lanes of the command; those of devices are its platform's own
    size_t lane_count;
    // where replies go; NULL publishes none
    char *ack_topic;
    char *result_topic;
    char *response_topic; // requester's, already allowed by policy
    char *correlation_data;
    size_t correlation_len;
    bool reply_topic_refused; // the requester named one that is not allowed
    bool progress;
    // The outbox row of the command that the broker has delivered again with this one: it gets that one's reply and is
    // not run. 0: it is a command of its own; COMMAND_UNKNOWN: that row is not known.
    int64_t redelivery_of;
    struct failure refusal; // code set: nothing may be sent, the final reply is `rejected`
};

#define COMMAND_UNKNOWN (-1)

struct command *command_create(void);
void command_free(struct command *command);
// Adds the call of the command's service for its devices from `first` on, as many as one call takes.
struct call *command_add_invoke(struct command *command, size_t first, const char *args);
// An empty call for a caller to fill.
struct call *command_add_call(struct command *command);
// Frees calls, target and lanes and leaves them empty.
void command_clear_target(struct command *command);
// JSON text, and back. Decoding a damaged text is ERR_SYNTAX. Unknown members are ignored (written by a later version).
char *command_encode(const struct command *command);
enum err command_decode(const char *text, struct command **out, struct diag *diag) MUST_CHECK;
// Key for finding duplicates: SHA-256 of topic and id. The id of ours (UUIDv7) never meets another.
void command_key(const struct command *command, unsigned char key[32]);

static inline void command_auto_free(struct command **command)
{
    command_free(*command);
}
#define AUTO_COMMAND __attribute__((cleanup(command_auto_free)))
