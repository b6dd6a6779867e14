#include "app/service/pipeline/attempt.h"

#include <stdlib.h>

#include "base/mem.h"

static void fold(struct attempt *attempt)
{
    AUTO_FREE char **names = mem_alloc(attempt->count * sizeof *names);
    for (size_t i = 0; i < attempt->count; i++) {
        names[i] = attempt->entries[i]->command->device_names[0];
    }
    invoke_fold(&attempt->entries[0]->command->calls[0], names, attempt->count, &attempt->folded);
}

struct attempt *attempt_create(const struct schedule_release *release, const struct entry_list *entries)
{
    struct attempt *attempt = mem_alloc(sizeof *attempt);
    attempt->release = release;
    attempt->count = release->count;
    attempt->entries = mem_alloc(release->count * sizeof(struct entry *));
    for (size_t i = 0; i < release->count; i++) {
        attempt->entries[i] = entry_list_find(entries, release->ids[i]);
    }
    attempt->call = attempt->entries[0]->scheduled_calls[release->call];
    if (release->folded) {
        fold(attempt);
    }
    return attempt;
}

void attempt_free(struct attempt *attempt)
{
    call_clear(&attempt->folded);
    free(attempt->entries);
    free(attempt->string_to_sign);
    free(attempt);
}

void attempt_list_clear(struct attempt_list *list)
{
    while (!TAILQ_EMPTY(list)) {
        struct attempt *attempt = TAILQ_FIRST(list);
        TAILQ_REMOVE(list, attempt, in_list);
        attempt_free(attempt);
    }
}

static bool is_for(const struct attempt *attempt, const struct entry *entry)
{
    for (size_t i = 0; i < attempt->count; i++) {
        if (attempt->entries[i] == entry) {
            return true;
        }
    }
    return false;
}

int attempt_list_count(const struct attempt_list *list, const struct entry *entry)
{
    int count = 0;
    const struct attempt *attempt = NULL;
    TAILQ_FOREACH (attempt, list, in_list) {
        count += is_for(attempt, entry) ? 1 : 0;
    }
    return count;
}

void attempt_sign(struct attempt *attempt, const struct platform *platform, const struct moment *now,
                  struct signed_call *out)
{
    const struct call *call =
        attempt->folded.action != NULL ? &attempt->folded : &attempt->entries[0]->command->calls[attempt->call];
    signed_call_make(&platform->account, call, now->wall_ms + platform->clock_offset_ms, out);
    attempt->secret_version = platform->secret_version;
    attempt->clock_offset_ms = platform->clock_offset_ms;
    attempt->string_to_sign = out->string_to_sign;
    out->string_to_sign = NULL;
}

int64_t attempt_deadline_ms(const struct attempt *attempt, const struct moment *now)
{
    int64_t earliest = CLOCK_NEVER;
    for (size_t i = 0; i < attempt->count; i++) {
        earliest = clock_sooner(earliest, entry_deadline_ms(attempt->entries[i], now));
    }
    return earliest;
}
