// Why a message becomes what it becomes: the rule that takes it, why others do not, and the value of each template.
// Pure.
#pragma once

#include "base/clock.h"
#include "base/json/json.h"
#include "base/message.h"
#include "core/command/command.h"
#include "core/mapping/mapping.h"

#define EXPLAIN_MAX_RULES 50 // of those whose topic fits, that are reported
#define EXPLAIN_NEAREST   3

// A JSON object that the caller frees:
//   outcome                   "request", "rejected", "expired", "no_rule" or "own_topic" (never a command)
//   rule {name, topic}        that takes it; not for the last two
//   passed_over [{name, topic, capture, value, globs}]   rules whose topic fits: with the member of `where` that does
//                             not, or without it if the rule that takes it comes first
//   passed_over_omitted       how many more of these there are
//   other_rules               how many rules have another topic
//   nearest [{name, topic}]   of these, those whose topic is most like it
//   captures {NAME: text}
//   templates [{place, template, value or problem}]
//   command {id, id_given, platform, arrived, deadline, expire_ms, order, idempotent, latest_only, progress,
//            batch {window_ms, max}, ack_topic, result_topic, response_topic, reply_topic_refused}
//   service                   "sync", "async", or "unknown" without a thing model; not for other actions
//   reply                     the final reply if all goes well (of an unknown service: if it is asynchronous), or the
//                             refusal
//   reply_if_sync             of an unknown service
// *command_or_null is set to the command, which the caller frees, or NULL without a rule.
struct json_object *explain_message(const struct mapping *mapping, const struct message *message,
                                    const struct moment *arrived, const char *uuid, struct command **command_or_null);
