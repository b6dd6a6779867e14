// What list and show say of a row is read once into a view: the state, the age, what the stored command and the reply
// say, and the attempts from the calls' notes. It is printed as a line of a table or as JSON.
#include <stdlib.h>
#include <string.h>

#include "app/cli/outbox/cli_outbox_internal.h"
#include "app/cli/terminal.h"
#include "app/service/pipeline/pipeline.h"
#include "base/mem.h"
#include "base/show.h"
#include "core/command/command.h"
#include "core/command/reply.h"

#define WIDTH_ID    36 // a UUID
#define WIDTH_RULE  20
#define WIDTH_ERROR 16

const char *const outbox_state_words[] = {
    [COMMAND_QUEUED] = "queued", [COMMAND_SENT] = "sent", [COMMAND_REPLIED] = "replied", [COMMAND_DONE] = "done", NULL,
};

// ---- reading

static void read_plan(const char *command_text, const struct outbox_row *row, struct outbox_view *view)
{
    AUTO_COMMAND struct command *command = NULL;
    struct diag ignored;
    if (command_decode(command_text, &command, &ignored) != ERR_OK) {
        return;
    }
    view->id = mem_strdup(command->id);
    view->id_is_integer = command->id_is_integer;
    view->rule = mem_strdup(command->rule);
    view->platform = mem_strdup_or_null(command->platform);
    view->waits = (row->state == COMMAND_QUEUED || row->state == COMMAND_SENT) && command->refusal.code == NULL;
    view->left_ms = view->age_ms < 0 ? 0 : command->lifetime_ms - view->age_ms;
}

static void set_text(char **text, const struct json_object *map, const char *name)
{
    const char *value = json_member_text(map, name);
    if (value != NULL) {
        free(*text);
        *text = mem_strdup(value);
    }
}

// A row that is done has nothing but its reply.
static void read_reply_facts(const struct json_object *map, struct outbox_view *view)
{
    struct json_object *value = NULL;
    set_text(&view->rule, map, "rule");
    set_text(&view->topic, map, "topic");
    set_text(&view->status, map, "status");
    if (json_member(map, "attempts", &value)) {
        view->attempts = json_int(value);
    }
    if (view->id == NULL && json_member(map, "id", &value)) {
        view->id_is_integer = json_kind(value) == JSON_INT;
        view->id = view->id_is_integer ? json_print(value) : mem_strdup_or_null(json_text(value));
    }
}

static void read_reply(const char *stored, struct outbox_view *view)
{
    struct reply_record record = {0};
    if (reply_record_decode(stored, &record) == ERR_OK) {
        AUTO_JSON struct json_object *map = reply_parse(record.reply);
        read_reply_facts(map, view);
        reply_record_clear(&record);
    }
}

// What a command that waits has behind it. One that is under way has one attempt more than its note knows, but for
// those that stay SENT because they may have run.
static void read_attempts(const struct outbox_row *row, struct outbox_view *view)
{
    struct retry_note note = {0};
    if (row->note != NULL && retry_note_decode(row->note, &note) != ERR_OK) {
        return;
    }
    view->attempts = note.attempts + (row->state == COMMAND_SENT && !note.may_have_run ? 1 : 0);
    view->failure = note.failure;
}

void outbox_view_read(const struct outbox_row *row, const struct moment *now, struct outbox_view *view)
{
    *view = (struct outbox_view){.number = row->id,
                                 .state = row->state,
                                 .topic = row->state == COMMAND_DONE ? NULL : mem_strdup_or_null(row->message.topic),
                                 .refusal = mem_strdup_or_null(row->refusal),
                                 .arrived_ms = row->arrived.wall_ms,
                                 .age_ms = clock_elapsed_ms(&row->arrived, now),
                                 .attempts = -1};
    if (row->command_text != NULL) {
        read_plan(row->command_text, row, view);
    }
    if (row->reply != NULL) {
        read_reply(row->reply, view);
    } else if (view->waits) {
        read_attempts(row, view);
    }
}

void outbox_view_look(struct outbox_reader *reader, struct outbox_view *view)
{
    if (!view->waits || view->platform == NULL) {
        return;
    }
    AUTO_FREE char *name = mem_printf(PIPELINE_NOTE_DOWN "%s", view->platform);
    AUTO_FREE char *text = outbox_reader_note(reader, name);
    view->down = reply_parse(text);
}

void outbox_view_clear(struct outbox_view *view)
{
    json_free(view->down);
    free(view->platform);
    free(view->id);
    free(view->rule);
    free(view->topic);
    free(view->status);
    free(view->refusal);
    *view = (struct outbox_view){0};
}

// ---- for people

static void print_cell(FILE *out, const char *text_or_null, size_t width)
{
    char cut[64];
    const char *text = text_or_null == NULL ? "-" : text_or_null;
    bool too_long = strlen(text) > width;
    show_cut(cut, too_long ? width - 2 : width + 1, text);
    size_t len = strlen(cut) + (too_long ? 3 : 0);
    terminal_print_clean(out, cut);
    fprintf(out, "%s%*s", too_long ? "..." : "", (int)(len > width ? 1 : width - len + 1), "");
}

static void format_ms(int64_t ms, char *out, size_t size)
{
    long long seconds = (long long)(ms / 1000);
    if (ms < 0) {
        snprintf(out, size, "?");
    } else if (seconds < 60) {
        snprintf(out, size, "%lld.%llds", seconds, (long long)(ms % 1000 / 100));
    } else if (seconds < 3600) {
        snprintf(out, size, "%lldm%02llds", seconds / 60, seconds % 60);
    } else if (seconds < 172800) {
        snprintf(out, size, "%lldh%02lldm", seconds / 3600, seconds / 60 % 60);
    } else {
        snprintf(out, size, "%lldd", seconds / 86400);
    }
}

void outbox_view_print_head(FILE *out)
{
    fprintf(out, "%8s  %-*s %-*s %-7s %8s %8s %5s %-*s %s\n", "NUMBER", WIDTH_ID, "ID", WIDTH_RULE, "RULE", "STATE",
            "AGE", "LEFT", "TRIED", WIDTH_ERROR, "ERROR", "TOPIC");
}

void outbox_view_print(FILE *out, const struct outbox_view *view)
{
    char age[24];
    char left[24] = "-";
    char attempts[24] = "-";
    const char *cause = view->down != NULL ? json_member_text(view->down, "cause") : NULL;
    const char *error = view->failure.code != NULL ? view->failure.code->code : cause;
    format_ms(view->age_ms, age, sizeof age);
    if (view->waits && view->left_ms <= 0) {
        snprintf(left, sizeof left, "passed");
    } else if (view->waits) {
        format_ms(view->left_ms, left, sizeof left);
    }
    if (view->attempts >= 0) {
        snprintf(attempts, sizeof attempts, "%lld", (long long)view->attempts);
    }
    fprintf(out, "%8lld  ", (long long)view->number);
    print_cell(out, view->id, WIDTH_ID);
    print_cell(out, view->rule, WIDTH_RULE);
    fprintf(out, "%-7s %8s %8s %5s ", outbox_state_words[view->state], age, left, attempts);
    print_cell(out, error, WIDTH_ERROR);
    terminal_print_clean(out, view->topic == NULL ? "-" : view->topic);
    fputc('\n', out);
}

// ---- for programs

struct json_object *outbox_view_json(const struct outbox_view *view)
{
    char arrived[CLOCK_ISO_LEN];
    struct json_object *map = json_new_map();
    clock_iso_ms(view->arrived_ms, arrived);
    json_put(map, "number", json_new_int(view->number));
    if (view->id != NULL) {
        json_put(map, "id", view->id_is_integer ? json_new_number(view->id) : json_new_text(view->id));
    }
    json_put_text(map, "rule", view->rule);
    json_put_text(map, "state", outbox_state_words[view->state]);
    json_put_text(map, "status", view->status);
    json_put_text(map, "refused", view->refusal);
    json_put_text(map, "topic", view->topic);
    json_put_text(map, "arrived", arrived);
    if (view->age_ms >= 0) {
        json_put(map, "age_ms", json_new_int(view->age_ms));
    }
    if (view->waits) {
        json_put(map, "left_ms", json_new_int(view->left_ms > 0 ? view->left_ms : 0));
    }
    if (view->attempts >= 0) {
        json_put(map, "attempts", json_new_int(view->attempts));
    }
    if (view->failure.code != NULL) {
        const char *platform_code = view->failure.platform_code;
        struct json_object *error = json_new_map();
        json_put_text(error, "code", view->failure.code->code);
        json_put_text(error, "detail", view->failure.detail);
        json_put_text(error, "platform_code", platform_code[0] != '\0' ? platform_code : NULL);
        json_put(map, "last_error", error);
    }
    if (view->down != NULL) {
        json_put(map, "platform_down", json_ref(view->down));
    }
    return map;
}
