#include "app/broker/receiver/info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"

#define NOTE_INSTANCE "instance"
#define ANSWER_MS     60000   // two bridges answer each other no more often
#define LOG_AGAIN_MS  3600000 // the same is said no more often
#define MAX_BYTES     4096

static char *know_instance(struct outbox *outbox, const struct moment *now)
{
    char *known = outbox_read_note(outbox, NOTE_INSTANCE);
    if (known != NULL) {
        return known;
    }
    char made[CRYPTO_UUID_LEN];
    crypto_uuid7(now->wall_ms, made);
    outbox_stage_note(outbox, NOTE_INSTANCE, made);
    return mem_strdup(made);
}

void info_init(struct info *info, const struct config *config, struct outbox *outbox, size_t rules)
{
    struct moment now = clock_now();
    *info = (struct info){.base_topic = config->bridge.base_topic};
    info->instance = know_instance(outbox, &now);
    AUTO_JSON struct json_object *map = json_new_map();
    json_put_text(map, "version", THINGBRIDGE_VERSION);
    json_put_time(map, "started", now.wall_ms);
    json_put(map, "rules", json_new_int((int64_t)rules));
    json_put_text(map, "configuration", config->fingerprint);
    json_put_text(map, "instance", info->instance);
    json_put_text(map, "client_id", config->mqtt.client_id);
    info->text = json_print(map);
}

void info_clear(struct info *info)
{
    free(info->text);
    free(info->instance);
}

bool info_read(const char *payload, size_t len, struct mqtt_event *event)
{
    static const struct json_limits limits = {.max_depth = 4};
    struct diag diag;
    struct json_object *parsed = NULL;
    if (len == 0 || len > MAX_BYTES || json_parse(payload, len, &limits, &parsed, &diag) != ERR_OK) {
        return false;
    }
    AUTO_JSON struct json_object *map = parsed;
    const char *instance = json_member_text(map, "instance");
    const char *client_id = json_member_text(map, "client_id");
    bool fits = instance != NULL && client_id != NULL && strlen(instance) == CRYPTO_UUID_LEN - 1;
    if (fits) {
        snprintf(event->text, sizeof event->text, "%s %.200s", instance, client_id);
    }
    return fits;
}

bool info_take(struct info *info, const struct mqtt_event *event, bool is_live, int64_t now_ms)
{
    size_t len = strlen(info->instance);
    if (strncmp(event->text, info->instance, len) == 0 && event->text[len] == ' ') {
        return false;
    }
    if (is_live && (info->logged_ms == 0 || now_ms - info->logged_ms >= LOG_AGAIN_MS)) {
        info->logged_ms = now_ms;
        LOG(LOG_ERROR, "base_topic_shared", LOG_S("base_topic", info->base_topic),
            LOG_S("client_id", event->text + len + 1),
            LOG_S("hint",
                  "another bridge on this broker uses the same bridge.base_topic, so neither one's state can be "
                  "relied on: give each its own"));
    }
    if (info->answered_ms != 0 && now_ms - info->answered_ms < ANSWER_MS) {
        return false;
    }
    info->answered_ms = now_ms;
    return true;
}
