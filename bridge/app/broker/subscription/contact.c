#include "app/broker/subscription/contact.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BUSY_MS      1000 // with a commit that is due anyway
#define IDLE_MS      10000
#define NOTE_CONTACT "last_contact"

// "BOOT-ID BOOT-MS WALL-MS", as contact_note writes it.
static bool parse(const char *text, struct moment *moment)
{
    size_t len = strcspn(text, " ");
    char *rest = NULL;
    if (len == 0 || len >= sizeof moment->boot_id) {
        return false;
    }
    memcpy(moment->boot_id, text, len);
    moment->boot_ms = strtoll(text + len, &rest, 10);
    moment->wall_ms = strtoll(rest, &rest, 10);
    return *rest == '\0';
}

void contact_init(struct contact *contact, struct freshness *freshness, struct outbox *outbox)
{
    struct moment known = {0};
    *contact = (struct contact){.freshness = freshness, .outbox = outbox};
    AUTO_FREE char *text = outbox_read_note(outbox, NOTE_CONTACT);
    if (text != NULL && parse(text, &known)) {
        freshness_set_contact(freshness, &known);
    }
}

void contact_note(struct contact *contact, const struct moment *moment)
{
    AUTO_FREE char *text =
        mem_printf("%s %lld %lld", moment->boot_id, (long long)moment->boot_ms, (long long)moment->wall_ms);
    outbox_stage_note(contact->outbox, NOTE_CONTACT, text);
    contact->noted = *moment;
}

// Not at every contact, as each note costs a commit; but soon when there is one anyway.
void contact_run(struct contact *contact, const struct moment *now)
{
    struct moment last;
    if (!freshness_contact(contact->freshness, &last) || last.boot_ms == contact->noted.boot_ms) {
        return;
    }
    if (now->boot_ms - contact->noted.boot_ms >= (outbox_has_staged(contact->outbox) ? BUSY_MS : IDLE_MS)) {
        contact_note(contact, &last);
    }
}
