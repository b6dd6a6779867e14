// What the parts of the reply module share. Pure.
#pragma once

#include "base/json/json.h"

extern const struct json_limits reply_limits; // for our own texts that come back from the outbox
