#include "core/command/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(texts[i]);
    }
    free(texts);
}

struct command *command_create(void)
{
    struct command *command = mem_alloc(sizeof *command);
    command->refusal.retry_after_ms = -1;
    return command;
}

struct call *command_add_call(struct command *command)
{
    command->calls = mem_resize(command->calls, command->call_count + 1, sizeof *command->calls);
    command->calls[command->call_count] = (struct call){0};
    return &command->calls[command->call_count++];
}

struct call *command_add_invoke(struct command *command, size_t first, const char *args)
{
    struct invocation invocation = {.iot_id = command->iot_id,
                                    .product_key = command->product_key,
                                    .device_names = command->device_names,
                                    .device_count = command->device_count,
                                    .identifier = command->identifier,
                                    .args = args};
    struct call *call = command_add_call(command);
    invoke_call(&invocation, first, call);
    return call;
}

void command_clear_target(struct command *command)
{
    for (size_t i = 0; i < command->call_count; i++) {
        call_clear(&command->calls[i]);
    }
    free(command->calls);
    free_texts(command->device_names, command->device_count);
    free_texts(command->lanes, command->lane_count);
    free(command->product_key);
    free(command->iot_id);
    free(command->identifier);
    command->calls = NULL;
    command->device_names = NULL;
    command->lanes = NULL;
    command->call_count = command->device_count = command->lane_count = 0;
    command->product_key = command->iot_id = command->identifier = NULL;
}

void command_free(struct command *command)
{
    if (command == NULL) {
        return;
    }
    command_clear_target(command);
    free(command->id);
    free(command->rule);
    free(command->topic);
    free(command->platform);
    free(command->ack_topic);
    free(command->result_topic);
    free(command->response_topic);
    free(command->correlation_data);
    free(command);
}

void command_key(const struct command *command, unsigned char key[32])
{
    AUTO_BUF struct buf text = {0};
    buf_text(&text, command->topic);
    // Neither text holds NUL, so no topic and id can be read as another pair.
    buf_char(&text, '\0');
    buf_text(&text, command->id);
    crypto_sha256(text.data, text.len, key);
}
