#include "base/mailbox.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/lock.h"
#include "base/mem.h"

struct mailbox {
    pthread_mutex_t mutex;
    struct mail *first;
    struct mail *last;
    void (*wake)(void *context);
    void *context;
};

struct mailbox *mailbox_create(void (*wake)(void *context), void *context)
{
    struct mailbox *mailbox = mem_alloc(sizeof *mailbox);
    pthread_mutex_init(&mailbox->mutex, NULL);
    mailbox->wake = wake;
    mailbox->context = context;
    return mailbox;
}

void mailbox_destroy(struct mailbox *mailbox)
{
    if (mailbox == NULL) {
        return;
    }
    assert(mailbox->first == NULL);
    pthread_mutex_destroy(&mailbox->mutex);
    free(mailbox);
}

void mailbox_put(struct mailbox *mailbox, struct mail *mail)
{
    mail->next = NULL;
    pthread_mutex_lock(&mailbox->mutex);
    bool was_empty = mailbox->first == NULL;
    if (was_empty) {
        mailbox->first = mail;
    } else {
        mailbox->last->next = mail;
    }
    mailbox->last = mail;
    pthread_mutex_unlock(&mailbox->mutex);
    if (was_empty) {
        mailbox->wake(mailbox->context);
    }
}

struct mail *mailbox_take_all(struct mailbox *mailbox)
{
    AUTO_LOCK(&mailbox->mutex);
    struct mail *first = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = NULL;
    return first;
}
