// The last moment at which nothing was in doubt (app/broker/receiver/freshness.h), noted in the outbox for the next
// process. Core thread.
#pragma once

#include "app/broker/receiver/freshness.h"
#include "io/outbox/outbox.h"

struct contact {
    struct freshness *freshness;
    struct outbox *outbox;
    struct moment noted;
};

// Tells `freshness` what an earlier process noted.
void contact_init(struct contact *contact, struct freshness *freshness, struct outbox *outbox);
// Notes the last one if it is time to.
void contact_run(struct contact *contact, const struct moment *now);
void contact_note(struct contact *contact, const struct moment *moment);
