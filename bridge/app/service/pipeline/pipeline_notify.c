// What is said while commands wait: `queued` to a sender that asked for it, and whether the platform can be reached.
// The commands of such senders are in a list of their own, which is looked through twice a second; each is notified
// once, and only of what is the platform's doing. A breaker that opens or closes is logged, published as an event and
// in bridge/platform, and noted in the outbox for those who look into it.
#include "app/service/pipeline/pipeline_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/command/reply.h"

#define WAIT_MS 1000 // a shorter wait is not worth a word
#define LOOK_MS 500

// A message that is not kept on disk.
struct notice {
    struct outgoing outgoing; // first member; has no owner
    char *topic;
    char *payload;
};

bool pipeline_end_notice(struct outgoing *outgoing)
{
    struct notice *notice = (struct notice *)outgoing;
    if (outgoing->owner != NULL) {
        return false;
    }
    free(notice->topic);
    free(notice->payload);
    free(notice);
    return true;
}

static void send_notice(struct pipeline *pipeline, const char *topic, char *payload)
{
    struct notice *notice = mem_alloc(sizeof *notice);
    notice->topic = mem_strdup(topic);
    notice->payload = payload;
    notice->outgoing = (struct outgoing){.topic = notice->topic, .payload = notice->payload};
    broker_send(pipeline->broker, &notice->outgoing);
}

// ---- waiting commands

void pipeline_watch(struct pipeline *pipeline, struct entry *entry)
{
    entry->watched = true;
    LIST_INSERT_HEAD(&pipeline->watched, entry, in_watched);
}

void pipeline_unwatch(struct entry *entry)
{
    if (entry->watched) {
        entry->watched = false;
        LIST_REMOVE(entry, in_watched);
    }
}

static void notify_waiting(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    struct call_outcome outcome = {.status = STATUS_QUEUED};
    if (clock_elapsed_ms(&entry->arrived, now) < WAIT_MS ||
        !pipeline_describe_queued(pipeline, entry, now, &outcome.failure)) {
        return;
    }
    struct reply_facts facts = entry_facts(entry, now);
    send_notice(pipeline, entry->command->ack_topic, reply_progress(entry->command, STATUS_QUEUED, &outcome, &facts));
    pipeline_unwatch(entry);
}

void pipeline_notify_waiting(struct pipeline *pipeline, const struct moment *now)
{
    struct entry *next = NULL;
    if (LIST_EMPTY(&pipeline->watched) || now->boot_ms < pipeline->watch_at_ms) {
        return;
    }
    pipeline->watch_at_ms = now->boot_ms + LOOK_MS;
    for (struct entry *entry = LIST_FIRST(&pipeline->watched); entry != NULL; entry = next) {
        next = LIST_NEXT(entry, in_watched);
        notify_waiting(pipeline, entry, now);
    }
}

// ---- the platform

void pipeline_publish_platform(struct pipeline *pipeline, const struct moment *now)
{
    bool reachable = true;
    for (size_t i = 0; i < pipeline->options.platforms->count; i++) {
        size_t account = pipeline->options.platforms->items[i].schedule_account;
        reachable = reachable && schedule_account_state(pipeline->schedule, account).breaker == SCHEDULE_CLOSED;
    }
    broker_publish_own(pipeline->broker, "platform", reachable ? "online" : "offline", true, now->boot_ms);
}

struct json_object *pipeline_describe_platforms(const struct pipeline *pipeline)
{
    struct json_object *list = json_new_list();
    for (size_t i = 0; i < pipeline->options.platforms->count; i++) {
        const struct platform *platform = &pipeline->options.platforms->items[i];
        struct schedule_account_state state = schedule_account_state(pipeline->schedule, platform->schedule_account);
        struct json_object *map = json_new_map();
        json_put_text(map, "name", platform->config->name);
        json_put_text(map, "breaker", schedule_breaker_name(state.breaker));
        json_put(map, "in_flight", json_new_int((int64_t)state.in_flight));
        json_put(map, "in_flight_limit", json_new_int((int64_t)state.in_flight_limit));
        json_put(map, "clock_offset_ms", json_new_int(platform->clock_offset_ms));
        json_add(list, map);
    }
    return list;
}

static const char *cause_name(enum schedule_finding cause)
{
    return cause == SCHEDULE_NOT_CONNECTED ? "no connection"
           : cause == SCHEDULE_NO_ANSWER   ? "no answers"
                                           : "server errors";
}

static void publish_event(struct pipeline *pipeline, const char *name, const char *breaker, const char *cause,
                          const struct moment *now)
{
    AUTO_JSON struct json_object *map = json_new_map();
    json_put_time(map, "time", now->wall_ms);
    json_put_text(map, "event", "breaker");
    json_put_text(map, "platform", name);
    json_put_text(map, "state", breaker);
    json_put_text(map, "cause", cause);
    AUTO_FREE char *text = json_print(map);
    broker_publish_own(pipeline->broker, "event", text, false, now->boot_ms);
}

// For those who look into the outbox: what waits for a platform may never have been tried itself.
static void note_platform(struct pipeline *pipeline, struct platform *platform,
                          const struct schedule_account_state *state, const struct moment *now)
{
    bool is_down = state->breaker != SCHEDULE_CLOSED;
    if (is_down == (platform->down_since_ms != 0)) {
        return;
    }
    platform->down_since_ms = is_down ? now->wall_ms : 0;
    AUTO_FREE char *name = mem_printf(PIPELINE_NOTE_DOWN "%s", platform->config->name);
    AUTO_JSON struct json_object *map = json_new_map();
    json_put_text(map, "cause", cause_name(state->cause));
    json_put_time(map, "since", now->wall_ms);
    AUTO_FREE char *text = is_down ? json_print(map) : NULL;
    outbox_stage_note(pipeline->options.outbox, name, text);
}

void pipeline_forget_platforms(struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->options.platforms->count; i++) {
        struct platform *platform = &pipeline->options.platforms->items[i];
        AUTO_FREE char *name = mem_printf(PIPELINE_NOTE_DOWN "%s", platform->config->name);
        AUTO_FREE char *text = outbox_read_note(pipeline->options.outbox, name);
        platform->down_since_ms = 0;
        if (text != NULL) {
            outbox_stage_note(pipeline->options.outbox, name, NULL);
        }
    }
}

void pipeline_notify_platforms(struct pipeline *pipeline, const struct moment *now)
{
    size_t account = 0;
    while (schedule_breaker_changed(pipeline->schedule, &account)) {
        struct platform *platform = &pipeline->options.platforms->items[account];
        struct schedule_account_state state = schedule_account_state(pipeline->schedule, account);
        const char *cause = state.breaker == SCHEDULE_CLOSED ? NULL : cause_name(state.cause);
        const char *breaker = schedule_breaker_name(state.breaker);
        LOG(state.breaker == SCHEDULE_CLOSED ? LOG_INFO : LOG_WARN, "breaker",
            LOG_S("platform", platform->config->name), LOG_S("state", breaker), LOG_S("cause", cause));
        note_platform(pipeline, platform, &state, now);
        publish_event(pipeline, platform->config->name, breaker, cause, now);
        pipeline_publish_platform(pipeline, now);
    }
}
