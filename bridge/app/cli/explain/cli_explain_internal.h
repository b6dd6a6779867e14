// What the files of `thingbridge explain` share. Not for others.
//
// cli_explain.c          options, and the message
// cli_explain_request.c  the signed requests, and the curl command that sends one
// cli_explain_print.c    the report for people
#pragma once

#include "app/config/config.h"
#include "base/clock.h"
#include "base/json/json.h"
#include "core/command/command.h"

// Puts `requests` into the report: [{platform, method, url, parameters {NAME: value}, curl}]. What may be a
// secret (invoke_is_shown) is in `curl` only, which is there if `curl` is set; for that the secret is read.
// ERR_REFUSED: it cannot be; ERR_SYNTAX: the endpoint or the TLS files are wrong.
enum err explain_put_requests(struct json_object *report, const struct config *config, const struct command *command,
                              const struct moment *now, bool curl, struct diag *diag) MUST_CHECK;

// The same without a platform: [{parameters}], with what the command itself says.
void explain_put_unsigned_requests(struct json_object *report, const struct command *command);

void explain_print(const struct json_object *report);
