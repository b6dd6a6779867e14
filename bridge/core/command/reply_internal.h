// What the parts of the reply module share. Pure.
#pragma once

#include "base/json/json.h"

// Of our own texts that come back from the outbox; ERR_SYNTAX for a damaged one.
enum err reply_parse(const char *text, struct json_object **out) MUST_CHECK;
