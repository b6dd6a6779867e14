#include "base/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"

void message_clear(struct message *message)
{
    free(message->topic);
    free(message->payload);
    free(message->response_topic);
    free(message->correlation_data);
    for (size_t i = 0; i < message->property_count; i++) {
        free(message->properties[i].name);
        free(message->properties[i].value);
    }
    free(message->properties);
    *message = (struct message){0};
}

// Every piece is led by its length, so that no two messages give the same bytes. An absent piece (NULL) differs from an
// empty one.
static void append_piece(struct buf *bytes, const void *data, size_t len)
{
    uint64_t head = data == NULL ? UINT64_MAX : len;
    buf_append(bytes, &head, sizeof head);
    if (data != NULL) {
        buf_append(bytes, data, len);
    }
}

static void append_text(struct buf *bytes, const char *text)
{
    append_piece(bytes, text, text == NULL ? 0 : strlen(text));
}

void message_hash(const struct message *message, unsigned char out[32])
{
    AUTO_BUF struct buf bytes = {0};
    append_text(&bytes, message->topic);
    append_piece(&bytes, message->payload == NULL ? "" : message->payload, message->payload_len);
    append_text(&bytes, message->response_topic);
    append_piece(&bytes, message->correlation_data, message->correlation_len);
    for (size_t i = 0; i < message->property_count; i++) {
        append_text(&bytes, message->properties[i].name);
        append_text(&bytes, message->properties[i].value);
    }
    crypto_sha256(bytes.data, bytes.len, out);
}

void message_hash_payload(const struct message *message, unsigned char out[32])
{
    crypto_sha256(message->payload == NULL ? "" : message->payload, message->payload_len, out);
}
