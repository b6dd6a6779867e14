#include "app/problem_report.h"

#include <string.h>

#include "app/terminal.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#define LINE_SHOWN 160 // bytes of a line

static bool is_inside_character(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static const char *severity_name(enum severity severity)
{
    return severity == SEVERITY_ERROR ? "error" : "warning";
}

static bool is_source(const struct yaml_document *document_or_null, const char *source)
{
    return document_or_null != NULL && strcmp(yaml_root(document_or_null)->source, source) == 0;
}

static const struct yaml_document *find_document(const char *source, const struct yaml_document *document,
                                                 const struct mapping_files *files)
{
    if (is_source(document, source)) {
        return document;
    }
    for (size_t i = 0; files != NULL && i < files->count; i++) {
        if (is_source(files->documents[i], source)) {
            return files->documents[i];
        }
    }
    return NULL;
}

// Of a long line what stands around the column (a 0-based byte, moved with it).
static struct str part_around(struct str line, size_t *column)
{
    size_t start = *column > LINE_SHOWN / 2 ? *column - LINE_SHOWN / 2 : 0;
    if (line.len <= LINE_SHOWN || start >= line.len) {
        return line;
    }
    size_t end = line.len - start > LINE_SHOWN ? start + LINE_SHOWN : line.len;
    while (is_inside_character(line.data[start])) {
        start++;
    }
    while (end < line.len && is_inside_character(line.data[end])) {
        end--;
    }
    *column -= start;
    return (struct str){line.data + start, end - start};
}

// The line, and below it a caret; tabs of the line are kept so that the caret stands where it should.
static void show_line(FILE *out, const struct problem *problem, const struct yaml_document *document)
{
    struct str line;
    if (document == NULL || !yaml_source_line(document, problem->line, &line.data, &line.len) ||
        !str_utf8_valid(line.data, line.len)) {
        return;
    }
    size_t column = problem->column > 0 ? (size_t)problem->column - 1 : 0;
    line = part_around(line, &column);
    fprintf(out, "    %.*s\n    ", STR_ARG(line));
    for (size_t i = 0; i < column && i < line.len; i++) {
        if (!is_inside_character(line.data[i])) {
            fputc(line.data[i] == '\t' ? '\t' : ' ', out);
        }
    }
    fputs("^\n", out);
}

static void show_place(FILE *out, const struct problem *problem)
{
    if (problem->line > 0) {
        fprintf(out, "%s:%d:%d: ", problem->source, problem->line, problem->column);
    } else {
        fprintf(out, "%s: ", problem->source);
    }
}

void problem_report(FILE *out, const struct problems *problems, const struct yaml_document *document,
                    const struct mapping_files *files)
{
    bool colour = terminal_has_colour(out);
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];
        const char *start = !colour ? "" : problem->severity == SEVERITY_ERROR ? "\033[31m" : "\033[33m";
        show_place(out, problem);
        fprintf(out, "%s%s:%s %s\n", start, severity_name(problem->severity), colour ? "\033[0m" : "", problem->text);
        show_line(out, problem, find_document(problem->source, document, files));
    }
    if (problems->omitted > 0) {
        fprintf(out, "and %zu more\n", problems->omitted);
    }
}

void problem_report_json(FILE *out, const struct problems *problems)
{
    AUTO_JSON struct json_object *map = json_new_map();
    struct json_object *list = json_new_list();
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];
        struct json_object *item = json_new_map();
        json_put_text(item, "file", problem->source);
        json_put(item, "line", json_new_int(problem->line));
        json_put(item, "column", json_new_int(problem->column));
        json_put_text(item, "severity", severity_name(problem->severity));
        json_put_text(item, "text", problem->text);
        json_add(list, item);
    }
    json_put(map, "problems", list);
    json_put(map, "errors", json_new_int((int64_t)problems->errors));
    json_put(map, "omitted", json_new_int((int64_t)problems->omitted));
    AUTO_FREE char *text = json_print(map);
    fprintf(out, "%s\n", text);
}
