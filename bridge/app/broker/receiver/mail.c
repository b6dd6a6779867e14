#include "app/broker/receiver/mail.h"

#include "base/mem.h"

void mail_post_event(struct mailbox *mailbox, enum app_mail_kind kind, const struct mqtt_event *event)
{
    struct app_mail *mail = mem_alloc(sizeof *mail);
    mail->kind = kind;
    mail->event = *event;
    mailbox_put(mailbox, &mail->mail);
}

void mail_post_arrival(struct mailbox *mailbox, const struct arrival *arrival)
{
    struct app_mail *mail = mem_alloc(sizeof *mail);
    mail->kind = APP_MAIL_COMMAND;
    mail->arrival = *arrival;
    mailbox_put(mailbox, &mail->mail);
}
