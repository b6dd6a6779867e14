// A queue from other threads to the core thread: mailbox_put from anywhere, mailbox_take_all on the core. Unbounded by
// itself: what is put is bounded by its makers (Receive Maximum and the outbox for messages, the reply window for
// acknowledgments).
#pragma once

struct mail {
    struct mail *next;
};

struct mailbox;

// `wake(context)` is called after a put into an empty box, on the thread of the put; it must not block.
struct mailbox *mailbox_create(void (*wake)(void *context), void *context);
void mailbox_destroy(struct mailbox *mailbox); // must be empty
void mailbox_put(struct mailbox *mailbox, struct mail *mail);
// All mails in the order of their puts, linked by `next`; NULL if there are none. The caller owns them.
struct mail *mailbox_take_all(struct mailbox *mailbox);
