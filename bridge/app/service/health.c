#include "app/service/health.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

#define HEALTH_MS       60000
#define HEALTH_FIRST_MS 5000

void health_init(struct health *health)
{
    struct moment now = clock_now();
    health->started_ms = now.boot_ms;
    health->next_ms = now.boot_ms + HEALTH_FIRST_MS;
    health->intake = "";
}

static struct json_object *counters(void)
{
    struct json_object *map = json_new_map();
    for (int i = 0; i < METRIC_COUNT; i++) {
        json_put(map, metrics_name((enum metric)i), json_new_int((int64_t)metrics_get((enum metric)i)));
    }
    return map;
}

static struct json_object *durability(const struct broker *broker)
{
    struct broker_durability found = broker_durability(broker);
    struct json_object *map = json_new_map();
    json_put(map, "commands_qos", json_new_int(found.commands_qos));
    json_put(map, "replies_qos", json_new_int(found.replies_qos));
    json_put(map, "state_retained", json_new_bool(found.is_state_retained));
    return map;
}

void health_run(struct health *health, struct broker *broker, const struct pipeline *pipeline, const struct moment *now)
{
    if (now->boot_ms < health->next_ms) {
        return;
    }
    health->next_ms = now->boot_ms + HEALTH_MS;
    AUTO_JSON struct json_object *map = json_new_map();
    json_put_time(map, "time", now->wall_ms);
    json_put(map, "uptime_s", json_new_int((now->boot_ms - health->started_ms) / 1000));
    json_put(map, "commands", json_new_int((int64_t)pipeline_count(pipeline)));
    json_put(map, "in_flight", json_new_int((int64_t)pipeline_in_flight(pipeline)));
    json_put(map, "replies_due", json_new_int((int64_t)pipeline_replies_due(pipeline)));
    json_put_text(map, "intake", health->intake);
    json_put(map, "mqtt", durability(broker));
    json_put(map, "platforms", pipeline_describe_platforms(pipeline));
    json_put(map, "counters", counters());
    AUTO_FREE char *text = json_print(map);
    broker_publish_own(broker, "health", text, false, now->boot_ms);
}

int64_t health_wait_ms(const struct health *health, int64_t now_ms)
{
    return health->next_ms > now_ms ? health->next_ms - now_ms : 0;
}

static void publish_intake(struct broker *broker, const struct intake *intake, const struct moment *now)
{
    AUTO_JSON struct json_object *map = json_new_map();
    json_put_time(map, "time", now->wall_ms);
    json_put_text(map, "event", "intake");
    json_put_text(map, "state", intake_state_name(intake->state));
    json_put_text(map, "cause", intake->cause[0] == '\0' ? NULL : intake->cause);
    AUTO_FREE char *text = json_print(map);
    broker_publish_own(broker, "event", text, false, now->boot_ms);
}

static void log_intake(const struct intake *intake, int64_t now_ms)
{
    bool is_full = intake->state == INTAKE_FULL;
    if (intake->state == INTAKE_OPEN) {
        LOG(LOG_INFO, "intake_opened", LOG_S("state", intake_state_name(intake->state)));
        return;
    }
    LOG(is_full ? LOG_WARN : LOG_ERROR, "intake_closed", LOG_S("state", intake_state_name(intake->state)),
        LOG_S("error", intake->cause),
        LOG_S("hint", is_full ? "the broker keeps what is published with QoS 1 until there is room; find out who "
                                "publishes so much, or raise outbox.max_commands"
                              : "no command is taken and nothing is sent until the outbox can be written; the broker "
                                "keeps what is published with QoS 1"),
        LOG_N("retry_in_ms", intake_wait_ms(intake, now_ms)));
}

void health_notify_intake(struct health *health, struct broker *broker_or_null, struct intake *intake,
                          const struct moment *now)
{
    const char *before = health->intake;
    health->intake = intake_state_name(intake->state);
    if (!intake_take_change(intake)) {
        return;
    }
    log_intake(intake, now->boot_ms);
    if (strcmp(before, health->intake) == 0) {
        return;
    }
    metrics_add(METRIC_INTAKE_CLOSINGS, intake_is_open(intake) ? 0 : 1);
    if (broker_or_null != NULL) {
        publish_intake(broker_or_null, intake, now);
    }
}

void health_log(const struct health *health)
{
    struct moment now = clock_now();
    AUTO_JSON struct json_object *map = counters();
    AUTO_FREE char *text = json_print(map);
    LOG(LOG_INFO, "counters", LOG_N("uptime_s", (now.boot_ms - health->started_ms) / 1000), LOG_S("counters", text));
}
