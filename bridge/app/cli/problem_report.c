// Problems are ranked by severity, source and place, and printed with their line and a caret; the line that was found
// last is kept, as many problems can be in one long line.
#include "app/cli/problem_report.h"

#include <stdlib.h>
#include <string.h>

#include "app/cli/problem_line.h"
#include "app/cli/terminal.h"
#include "base/json/json.h"
#include "base/mem.h"

static const char *severity_name(enum severity severity)
{
    return severity == SEVERITY_ERROR ? "error" : "warning";
}

// What the problems of one output share.
struct report {
    FILE *out;
    bool colour;
    const struct yaml_document *document;
    const struct mapping_files *files;
    // The line that was looked for last: many problems can be in one line, which can be as long as its file.
    const struct yaml_document *line_document;
    int line;
    const char *text; // NULL: it is not shown
    size_t len;
};

static const struct yaml_document *find_document(const struct report *report, const char *source)
{
    if (report->document != NULL && strcmp(yaml_source_name(report->document), source) == 0) {
        return report->document;
    }
    for (size_t i = 0; report->files != NULL && i < report->files->count; i++) {
        if (strcmp(yaml_source_name(report->files->documents[i]), source) == 0) {
            return report->files->documents[i];
        }
    }
    return NULL;
}

static void show_line(struct report *report, const struct problem *problem)
{
    const struct yaml_document *document = find_document(report, problem->source);
    if (document == NULL) {
        return;
    }
    if (report->line_document != document || report->line != problem->line) {
        report->line_document = document;
        report->line = problem->line;
        if (!yaml_source_line(document, problem->line, &report->text, &report->len)) {
            report->text = NULL;
        }
    }
    if (report->text != NULL) {
        problem_line_print(report->out, report->text, report->len, problem->column);
    }
}

static void show_problem(struct report *report, const struct problem *problem)
{
    const char *start = !report->colour ? "" : problem->severity == SEVERITY_ERROR ? "\033[31m" : "\033[33m";
    fprintf(report->out, "%s:", problem->source);
    if (problem->line > 0) {
        fprintf(report->out, "%d:%d:", problem->line, problem->column);
    }
    fprintf(report->out, " %s%s:%s %s\n", start, severity_name(problem->severity), report->colour ? "\033[0m" : "",
            problem->text);
    show_line(report, problem);
}

struct ranked {
    const struct problem *problem;
    size_t source; // position of its source's first problem
    size_t position;
};

static int by_place(const void *a, const void *b)
{
    const struct ranked *left = a;
    const struct ranked *right = b;
    const long long order[] = {(long long)left->problem->severity - (long long)right->problem->severity,
                               (long long)left->source - (long long)right->source,
                               (long long)left->problem->line - right->problem->line,
                               (long long)left->problem->column - right->problem->column,
                               (long long)left->position - (long long)right->position};
    size_t i = 0;
    while (i + 1 < COUNT_OF(order) && order[i] == 0) {
        i++;
    }
    return order[i] < 0 ? -1 : order[i] > 0;
}

// Errors before warnings, and those of each source from its top to its bottom. Caller frees.
static struct ranked *sort_problems(const struct problems *problems)
{
    struct ranked *sorted = mem_alloc((problems->count + 1) * sizeof *sorted);
    for (size_t i = 0; i < problems->count; i++) {
        size_t source = 0;
        while (strcmp(problems->items[source].source, problems->items[i].source) != 0) {
            source++;
        }
        sorted[i] = (struct ranked){&problems->items[i], source, i};
    }
    qsort(sorted, problems->count, sizeof *sorted, by_place);
    return sorted;
}

static void show_omitted(FILE *out, size_t count, const char *what)
{
    if (count > 0) {
        fprintf(out, "and %zu more %s%s\n", count, what, count == 1 ? "" : "s");
    }
}

void problem_report(FILE *out, const struct problems *problems, const struct yaml_document *document,
                    const struct mapping_files *files)
{
    struct report report = {.out = out, .colour = terminal_has_colour(out), .document = document, .files = files};
    AUTO_FREE struct ranked *sorted = sort_problems(problems);
    size_t i = 0;
    for (; i < problems->count && sorted[i].problem->severity == SEVERITY_ERROR; i++) {
        show_problem(&report, sorted[i].problem);
    }
    show_omitted(out, problems->omitted_errors, "error");
    for (; i < problems->count; i++) {
        show_problem(&report, sorted[i].problem);
    }
    show_omitted(out, problems->omitted_warnings, "warning");
}

void problem_report_count(FILE *out, const struct problems *problems)
{
    fprintf(out, "%zu error%s", problems->errors, problems->errors == 1 ? "" : "s");
    if (problems->warnings > 0) {
        fprintf(out, ", %zu warning%s", problems->warnings, problems->warnings == 1 ? "" : "s");
    }
    fputc('\n', out);
}

void problem_report_json(FILE *out, const struct problems *problems)
{
    AUTO_JSON struct json_object *map = json_new_map();
    struct json_object *list = json_new_list();
    AUTO_FREE struct ranked *sorted = sort_problems(problems);
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = sorted[i].problem;
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
    json_put(map, "warnings", json_new_int((int64_t)problems->warnings));
    json_put(map, "omitted", json_new_int((int64_t)(problems->omitted_errors + problems->omitted_warnings)));
    AUTO_FREE char *text = json_print(map);
    terminal_print_json(out, text);
}
