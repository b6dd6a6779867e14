// A pattern is compiled level by level: text, a capture of one level, or of the rest. The MQTT filter is written from
// the levels and checked by the same function as a filter from outside, so a pattern never asks the broker for what
// MQTT forbids. A match walks the levels of pattern and name side by side and copies nothing: captures point into the
// name.
#include "core/topic/topic.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/topic/level.h"

static const char *const reserved_names[] = {"payload", "topic", "id", "property", "group", "now"};

size_t topic_count_levels(const char *text, size_t len)
{
    size_t levels = 1;
    for (size_t i = 0; i < len; i++) {
        levels += text[i] == '/' ? 1 : 0;
    }
    return levels;
}

static bool characters_allowed(const char *text, size_t len)
{
    return str_utf8_valid(text, len) && !str_has_control(text, len) && !str_has_noncharacter(text, len);
}

bool topic_name_valid(const char *name, size_t len)
{
    return len > 0 && len <= TOPIC_MAX_LEN && memchr(name, '+', len) == NULL && memchr(name, '#', len) == NULL &&
           characters_allowed(name, len) && topic_count_levels(name, len) <= TOPIC_MAX_LEVELS;
}

static enum err check_text(const char *filter, struct diag *diag)
{
    size_t len = strlen(filter);
    if (len == 0) {
        return diag_set(diag, ERR_SYNTAX, "the topic is empty");
    }
    if (len > TOPIC_MAX_LEN) {
        return diag_set(diag, ERR_LIMIT, "the topic has %zu bytes; at most %d are allowed", len, TOPIC_MAX_LEN);
    }
    if (!characters_allowed(filter, len)) {
        return diag_set(diag, ERR_SYNTAX,
                        "the topic holds control characters or noncharacters (as U+FDD0), or is not valid UTF-8");
    }
    size_t levels = topic_count_levels(filter, len);
    if (levels > FILTER_MAX_LEVELS) {
        return diag_set(diag, ERR_LIMIT, "the topic has %zu levels; at most %d are allowed", levels, FILTER_MAX_LEVELS);
    }
    return ERR_OK;
}

enum err topic_filter_check(const char *filter, struct diag *diag)
{
    enum err err = check_text(filter, diag);
    if (err != ERR_OK) {
        return err;
    }
    struct str level;
    while (level_next(&filter, &level)) {
        if (level_is_rest(level) && filter != NULL) {
            return diag_set(diag, ERR_SYNTAX, "'#' can only be the last level");
        }
        bool has_wildcard = memchr(level.data, '+', level.len) != NULL || memchr(level.data, '#', level.len) != NULL;
        if (has_wildcard && !level_is_wild(level)) {
            return diag_set(diag, ERR_SYNTAX, "'+' and '#' stand for whole levels, not for a part as in \"%.*s\"",
                            STR_ARG(level));
        }
    }
    return ERR_OK;
}

static bool name_is_well_formed(struct str name)
{
    if (name.len == 0 || isdigit((unsigned char)name.data[0])) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c >= 0x80 || (!isalnum(c) && c != '_')) {
            return false;
        }
    }
    return true;
}

static enum err check_capture(const struct topic_pattern *pattern, struct str name, struct diag *diag)
{
    if (!name_is_well_formed(name)) {
        return diag_set(diag, ERR_SYNTAX,
                        "a capture's name is a letter or '_' and then letters, digits and '_', not \"%.*s\"",
                        STR_ARG(name));
    }
    for (size_t i = 0; i < COUNT_OF(reserved_names); i++) {
        if (str_is(name, reserved_names[i])) {
            return diag_set(diag, ERR_REFUSED, "a capture cannot be called {%.*s}: ${%.*s} means something else",
                            STR_ARG(name), STR_ARG(name));
        }
    }
    for (size_t i = 0; i < pattern->name_count; i++) {
        if (str_is(name, pattern->names[i])) {
            return diag_set(diag, ERR_REFUSED, "the capture {%.*s} stands twice in the topic", STR_ARG(name));
        }
    }
    if (pattern->name_count == TOPIC_MAX_CAPTURES) {
        return diag_set(diag, ERR_LIMIT, "the topic has more than %d captures", TOPIC_MAX_CAPTURES);
    }
    return ERR_OK;
}

static int add_capture(struct topic_pattern *pattern, struct str name)
{
    pattern->names = mem_resize(pattern->names, pattern->name_count + 1, sizeof *pattern->names);
    pattern->names[pattern->name_count] = mem_dup(name.data, name.len);
    return (int)pattern->name_count++;
}

static bool is_capture(struct str text)
{
    return text.len >= 2 && text.data[0] == '{' && text.data[text.len - 1] == '}';
}

static enum err read_capture(struct topic_pattern *pattern, struct str text, bool last, struct topic_level *level,
                             struct diag *diag)
{
    struct str name = {text.data + 1, text.len - 2};
    bool rest = name.len > 0 && name.data[name.len - 1] == '#';
    if (rest) {
        name.len--;
    }
    enum err err = check_capture(pattern, name, diag);
    if (err != ERR_OK) {
        return err;
    }
    if (rest && !last) {
        return diag_set(diag, ERR_SYNTAX, "{%.*s#} can only be the last level", STR_ARG(name));
    }
    *level = (struct topic_level){rest ? LEVEL_REST : LEVEL_ONE, NULL, add_capture(pattern, name)};
    return ERR_OK;
}

static enum err read_level(struct topic_pattern *pattern, struct str text, bool last, struct topic_level *level,
                           struct diag *diag)
{
    if (is_capture(text)) {
        return read_capture(pattern, text, last, level, diag);
    }
    if (text.len > 2 && text.data[0] == '$' && is_capture((struct str){text.data + 1, text.len - 1})) {
        return diag_set(diag, ERR_SYNTAX, "in a topic a capture is written without $: %.*s", (int)text.len - 1,
                        text.data + 1);
    }
    if (memchr(text.data, '{', text.len) != NULL || memchr(text.data, '}', text.len) != NULL) {
        return diag_set(diag, ERR_SYNTAX, "a capture is a whole level, as {name}, not a part as in \"%.*s\"",
                        STR_ARG(text));
    }
    if (level_is_wild(text)) {
        *level = (struct topic_level){level_is_one(text) ? LEVEL_ONE : LEVEL_REST, NULL, -1};
    } else {
        *level = (struct topic_level){LEVEL_TEXT, mem_dup(text.data, text.len), -1};
    }
    return ERR_OK;
}

static enum err read_levels(struct topic_pattern *pattern, struct diag *diag)
{
    const char *rest = pattern->text;
    struct str text;
    while (level_next(&rest, &text)) {
        pattern->levels = mem_resize(pattern->levels, pattern->level_count + 1, sizeof *pattern->levels);
        enum err err = read_level(pattern, text, rest == NULL, &pattern->levels[pattern->level_count], diag);
        if (err != ERR_OK) {
            return err;
        }
        pattern->level_count++;
    }
    return ERR_OK;
}

static char *write_filter(const struct topic_pattern *pattern)
{
    AUTO_BUF struct buf out = {0};
    for (size_t i = 0; i < pattern->level_count; i++) {
        const struct topic_level *level = &pattern->levels[i];
        buf_text(&out, i > 0 ? "/" : "");
        buf_text(&out, level->kind == LEVEL_TEXT ? level->text : level->kind == LEVEL_ONE ? "+" : "#");
    }
    return buf_steal(&out);
}

enum err topic_pattern_compile(const char *text, struct topic_pattern **out, struct diag *diag)
{
    enum err err = check_text(text, diag);
    if (err != ERR_OK) {
        return err;
    }
    if (strncmp(text, "$share/", 7) == 0) {
        return diag_set(diag, ERR_REFUSED, "a rule's topic is without $share; set mqtt.share in the configuration");
    }
    struct topic_pattern *pattern = mem_alloc(sizeof *pattern);
    pattern->text = mem_strdup(text);
    err = read_levels(pattern, diag);
    if (err == ERR_OK) {
        pattern->filter = write_filter(pattern);
        err = topic_filter_check(pattern->filter, diag);
    }
    if (err != ERR_OK) {
        topic_pattern_free(pattern);
        return err;
    }
    *out = pattern;
    return ERR_OK;
}

void topic_pattern_free(struct topic_pattern *pattern)
{
    if (pattern == NULL) {
        return;
    }
    for (size_t i = 0; i < pattern->level_count; i++) {
        free(pattern->levels[i].text);
    }
    for (size_t i = 0; i < pattern->name_count; i++) {
        free(pattern->names[i]);
    }
    free(pattern->levels);
    free(pattern->names);
    free(pattern->filter);
    free(pattern->text);
    free(pattern);
}

static void capture(const struct topic_level *level, struct str value, struct str *captures)
{
    if (level->capture >= 0) {
        captures[level->capture] = value;
    }
}

bool topic_pattern_match(const struct topic_pattern *pattern, const char *name, struct str *captures)
{
    if (name[0] == '$' && pattern->levels[0].kind != LEVEL_TEXT) {
        return false;
    }
    const char *rest = name;
    for (size_t i = 0; i < pattern->level_count; i++) {
        const struct topic_level *level = &pattern->levels[i];
        if (level->kind == LEVEL_REST) {
            capture(level, rest != NULL ? (struct str){rest, strlen(rest)} : (struct str){"", 0}, captures);
            return true;
        }
        struct str text;
        if (!level_next(&rest, &text) || (level->kind == LEVEL_TEXT && !str_is(text, level->text))) {
            return false;
        }
        capture(level, text, captures);
    }
    return rest == NULL;
}
