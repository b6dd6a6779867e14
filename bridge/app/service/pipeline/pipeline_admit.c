// How a command enters the scheduler: which lanes it waits in, which others it may be folded with, and which it
// replaces.
#include "app/service/pipeline/pipeline_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text_list.h"

// All in which commands must be equal to be folded, but for platform and action, which the scheduler knows.
static char *fold_key(const struct command *command)
{
    struct buf key = {0};
    buf_text(&key, command->idempotent ? "again" : "once");
    invoke_put_fold_key(&command->calls[0], &key);
    return buf_steal(&key);
}

static bool can_fold(const struct command *command)
{
    return command->batch_window_ms > 0 && command->batch_max > 1 && command->call_count == 1 &&
           command->device_count == 1 && call_is_single(&command->calls[0]);
}

// A newer command with the same key replaces an older one that waits.
static char *latest_key(const struct command *command)
{
    struct buf key = {0};
    buf_printf(&key, "%s\n%s\n%s\n%s", command->rule, command->product_key != NULL ? command->product_key : "",
               command->iot_id != NULL ? command->iot_id : "", command->identifier != NULL ? command->identifier : "");
    for (size_t i = 0; i < command->device_count; i++) {
        buf_printf(&key, "\n%s", command->device_names[i]);
    }
    return buf_steal(&key);
}

static struct schedule_call *waiting_calls(struct entry *entry, size_t *count)
{
    size_t all = entry->command->call_count;
    struct schedule_call *calls = mem_alloc(all * sizeof *calls);
    entry->scheduled_calls = mem_alloc(all * sizeof *entry->scheduled_calls);
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        if (entry->calls[i].state == COMMAND_QUEUED) {
            entry->scheduled_calls[*count] = i;
            calls[(*count)++] = (struct schedule_call){.action = entry->command->calls[i].action,
                                                       .devices = entry->command->calls[i].device_count};
        }
    }
    return calls;
}

// A device's lane belongs to one platform: its namesake on another is another device. A rule's lane is one for all, so
// that it holds when the rule's platform changes. Made here and not where the command is mapped: what the version
// before has stored gets the same names.
static void list_lanes(const struct command *command, struct text_list *out)
{
    for (size_t i = 0; i < command->lane_count; i++) {
        const char *lane = command->lanes[i];
        AUTO_FREE char *of_platform =
            command->order == ORDER_RULE ? NULL : mem_printf("%s\n%s", command->platform, lane);
        text_list_add(out, of_platform != NULL ? of_platform : lane);
    }
}

static void enter_schedule(struct pipeline *pipeline, struct entry *entry, size_t account, const struct moment *now)
{
    const struct command *command = entry->command;
    size_t count = 0;
    AUTO_FREE struct schedule_call *calls = waiting_calls(entry, &count);
    AUTO_FREE char *key = can_fold(command) ? fold_key(command) : NULL;
    AUTO_FREE char *latest = command->latest_only ? latest_key(command) : NULL;
    struct text_list lanes = {0};
    list_lanes(command, &lanes);
    struct schedule_fold fold = {.key = key,
                                 .device = key != NULL ? command->device_names[0] : NULL,
                                 .action = INVOKE_SEVERAL,
                                 .window_ms = command->batch_window_ms,
                                 .max = (size_t)command->batch_max};
    struct schedule_command entered = {
        .id = entry->id,
        .account = account,
        .rule = command->rule,
        .lanes = (const char *const *)lanes.items,
        .lane_count = lanes.count,
        .deadline_ms = entry_deadline_ms(entry, now),
        .calls = calls,
        .call_count = count,
        .latest = latest,
        .fold = key != NULL ? &fold : NULL,
    };
    entry->scheduled = true;
    schedule_enter(pipeline->schedule, &entered);
    text_list_free(&lanes);
}

void pipeline_admit(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    const struct platform *platform = platform_find(pipeline->options.platforms, entry->command->platform);
    if (platform == NULL) {
        pipeline_end_homeless(pipeline, entry, now);
        return;
    }
    entry->overdue = entry_deadline_ms(entry, now) <= now->boot_ms;
    enter_schedule(pipeline, entry, platform->schedule_account, now);
    if (entry->command->progress && entry->command->ack_topic != NULL) {
        pipeline_watch(pipeline, entry);
    }
}
