// `<base>/bridge/info`, retained: what runs here. And whether another bridge uses the same base topic, whose state,
// events and requests would then be mixed with ours. Core thread, but for info_read.
//
// The retained message of another instance proves nothing: it may be long gone. So ours is published, and another
// bridge that lives answers it with its own, which then comes live. An instance is the id of an outbox.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/config/config.h"
#include "io/mqtt/mqtt.h"
#include "io/outbox/outbox.h"

struct info {
    const char *base_topic; // borrowed
    char *text;
    char *instance;
    int64_t answered_ms; // CLOCK_BOOTTIME, 0: never
    int64_t logged_ms;
};

// Makes the id of the outbox if it has none yet. `rules` is their number.
void info_init(struct info *info, const struct config *config, struct outbox *outbox, size_t rules);
void info_clear(struct info *info);

// Reads what came on the topic: event.text gets the instance, a blank and the client id. False if it is no such
// information. Any thread.
bool info_read(const char *payload, size_t len, struct mqtt_event *event);
// Something like that came; `is_live`: it was published just now. True if ours is to be published (again), retained.
bool info_take(struct info *info, const struct mqtt_event *event, bool is_live, int64_t now_ms);
