#include "app/broker/receiver/redelivery.h"

#include "base/log.h"

// A broker may read from disk what it delivers again, and let the fence overtake it (aedes does).
#define BEHIND_MS 1000

void redelivery_init(struct redelivery *redelivery, struct outbox *outbox, bool by_content)
{
    *redelivery = (struct redelivery){.outbox = outbox, .by_content = by_content, .before_fence = true};
}

void redelivery_connected(struct redelivery *redelivery, bool session_present)
{
    outbox_begin_connection(redelivery->outbox, session_present);
    redelivery->session_present = session_present;
    atomic_store(&redelivery->before_fence, true);
}

void redelivery_fence_came(struct redelivery *redelivery)
{
    if (atomic_exchange(&redelivery->before_fence, false)) {
        atomic_store(&redelivery->behind_ms, clock_now().boot_ms + BEHIND_MS);
    }
}

bool redelivery_is_by_content(const struct redelivery *redelivery)
{
    return redelivery->by_content &&
           (atomic_load(&redelivery->before_fence) || clock_now().boot_ms < atomic_load(&redelivery->behind_ms));
}

static void say_once(bool *said, enum log_level level, const char *event, const char *hint)
{
    if (!*said) {
        *said = true;
        LOG(level, event, LOG_S("hint", hint));
    }
}

void redelivery_note_known(struct redelivery *redelivery, enum outbox_append_result how)
{
    if (how == OUTBOX_RENUMBERED) {
        say_once(&redelivery->said_renumbered, LOG_INFO, "redelivery_renumbered",
                 "this broker numbers its packets anew for each connection; commands are known by their content");
    }
    if (how != OUTBOX_RESENT && !redelivery->session_present && !redelivery->by_content) {
        say_once(&redelivery->said_denied, LOG_WARN, "redelivery_session_denied",
                 "this broker says that it has no session of ours, and delivers what that session held; with"
                 " mqtt.redelivery: content its age is told as well");
    }
}

// What a broker delivers again without DUP cannot be distinguished from a new command.
void redelivery_note_new(struct redelivery *redelivery, const struct message *message)
{
    if (!redelivery->said_without_dup && atomic_load(&redelivery->before_fence) &&
        outbox_knows(redelivery->outbox, message)) {
        say_once(&redelivery->said_without_dup, LOG_WARN, "redelivery_without_dup",
                 "after a reconnect a command came that equals one which may not have been acknowledged, and it is run;"
                 " if this broker delivers again without the DUP flag, set mqtt.redelivery: content");
    }
}
