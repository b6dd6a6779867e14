// Prints the report section by section: the rule and why others do not take the message, templates, the command,
// requests, replies. Everything is read from the JSON report; nothing is computed here.
#include <stdlib.h>
#include <string.h>

#include "app/cli/explain/cli_explain_internal.h"
#include "app/cli/terminal.h"
#include "base/mem.h"

#define PLACE_WIDTH 22

static void heading(const char *text)
{
    bool colour = terminal_has_colour(stdout);
    printf("\n%s%s%s\n", colour ? "\033[1m" : "", text, colour ? "\033[0m" : "");
}

static void row(const char *name, const char *text_or_null)
{
    if (text_or_null != NULL) {
        fputs("  ", stdout);
        terminal_print_clean(stdout, name);
        printf("%*s", strlen(name) < PLACE_WIDTH ? (int)(PLACE_WIDTH - strlen(name)) : 1, "");
        terminal_print_clean(stdout, text_or_null);
        fputc('\n', stdout);
    }
}

// Text as it is, other values as JSON.
static char *plain(const struct json_object *value)
{
    const char *text = json_text(value);
    return text != NULL ? mem_strdup(text) : json_print(value);
}

static bool print_member(void *context, const char *name, struct json_object *value)
{
    (void)context;
    AUTO_FREE char *text = plain(value);
    row(name, text);
    return true;
}

// ---- rules

static void print_rule_line(const char *start, const struct json_object *rule, const char *end)
{
    fputs(start, stdout);
    terminal_print_clean(stdout, json_member_text(rule, "name"));
    fputs(" (", stdout);
    terminal_print_clean(stdout, json_member_text(rule, "topic"));
    printf(")%s", end);
}

static void print_reason(const struct json_object *rule)
{
    const char *capture = json_member_text(rule, "capture");
    const struct json_object *globs = json_get(rule, "globs");
    if (capture == NULL) {
        puts("it fits too, and stands behind the rule that takes it");
        return;
    }
    printf("its topic fits, `where` does not: %s is \"", capture);
    terminal_print_clean(stdout, json_member_text(rule, "value"));
    fputs("\", wanted is ", stdout);
    for (size_t i = 0; i < json_count(globs); i++) {
        fputs(i > 0 ? " or " : "", stdout);
        terminal_print_clean(stdout, json_text(json_at(globs, i)));
    }
    fputc('\n', stdout);
}

static void print_other_rules(const struct json_object *report)
{
    const struct json_object *passed_over = json_get(report, "passed_over");
    const struct json_object *nearest = json_get(report, "nearest");
    long long others = (long long)json_int(json_get(report, "other_rules"));
    long long omitted = (long long)json_int(json_get(report, "passed_over_omitted"));
    heading("other rules");
    for (size_t i = 0; i < json_count(passed_over); i++) {
        print_rule_line("  ", json_at(passed_over, i), ": ");
        print_reason(json_at(passed_over, i));
    }
    if (omitted > 0) {
        printf("  and %lld more whose topic fits\n", omitted);
    }
    if (others > 0) {
        printf("  %lld with another topic; most like it:\n", others);
    }
    for (size_t i = 0; i < json_count(nearest); i++) {
        print_rule_line("    ", json_at(nearest, i), "\n");
    }
    if (others == 0 && json_count(passed_over) == 0) {
        puts("  none");
    }
}

// ---- what becomes of it

static void print_templates(const struct json_object *templates)
{
    heading("templates");
    for (size_t i = 0; i < json_count(templates); i++) {
        const struct json_object *each = json_at(templates, i);
        const char *problem = json_member_text(each, "problem");
        const char *text = json_member_text(each, "template");
        AUTO_FREE char *value =
            problem != NULL ? mem_printf("no value: %s", problem) : json_print(json_get(each, "value"));
        bool constant = strstr(text, "${") == NULL;
        AUTO_FREE char *line = constant ? mem_strdup(value) : mem_printf("%s  =  %s", text, value);
        row(json_member_text(each, "place"), line);
    }
}

// What the rule says beyond the usual.
static void print_waiting(const struct json_object *command)
{
    const struct json_object *batch = json_get(command, "batch");
    const char *order = json_member_text(command, "order");
    if (strcmp(order, "device") != 0) {
        row("order", order);
    }
    if (json_bool(json_get(command, "idempotent"))) {
        row("idempotent", "it is sent again if no answer comes");
    }
    if (json_bool(json_get(command, "latest_only"))) {
        row("latest_only", "it takes the place of an older one that waits");
    }
    if (batch != NULL) {
        AUTO_FREE char *text =
            mem_printf("equal commands that come within %lld ms become one call, of up to %lld devices",
                       (long long)json_int(json_get(batch, "window_ms")), (long long)json_int(json_get(batch, "max")));
        row("batch", text);
    }
}

static void print_command(const struct json_object *command)
{
    AUTO_FREE char *id = plain(json_get(command, "id"));
    AUTO_FREE char *id_line = mem_printf("%s%s", id, json_bool(json_get(command, "id_given")) ? "" : " (made here)");
    heading("command");
    row("id", id_line);
    row("deadline", json_member_text(command, "deadline"));
    print_waiting(command);
    const char *ack = json_member_text(command, "ack_topic");
    const char *result = json_member_text(command, "result_topic");
    row("acceptance goes to", ack != NULL ? ack : "(nowhere)");
    row("result goes to", result != NULL ? result : "(nowhere)");
    row("and to", json_member_text(command, "response_topic"));
    if (json_bool(json_get(command, "reply_topic_refused"))) {
        row("", "a reply topic is refused; see Replies in mappings/README.md");
    }
}

// The name of the only platform says nothing.
static void print_platform(const struct json_object *request)
{
    const char *name = json_member_text(request, "platform");
    const char *method = json_member_text(request, "method");
    if (method == NULL) {
        row("(not signed)", "there is no platform without a configuration");
        return;
    }
    if (name != NULL && strcmp(name, "default") != 0) {
        row("platform", name);
    }
    row(method, json_member_text(request, "url"));
}

static void print_requests(const struct json_object *requests)
{
    for (size_t i = 0; i < json_count(requests); i++) {
        const struct json_object *request = json_at(requests, i);
        AUTO_FREE char *title = mem_printf("request %zu of %zu", i + 1, json_count(requests));
        heading(title);
        print_platform(request);
        json_each(json_get(request, "parameters"), print_member, NULL);
    }
    for (size_t i = 0; i < json_count(requests); i++) {
        const char *curl = json_member_text(json_at(requests, i), "curl");
        if (curl != NULL) {
            heading("signed now, valid for some minutes, once");
            puts(curl);
        }
    }
}

static void print_reply(const char *title, const struct json_object *reply_or_null)
{
    if (reply_or_null != NULL) {
        AUTO_FREE char *text = json_print_pretty(reply_or_null);
        heading(title);
        terminal_print_json(stdout, text);
    }
}

static void print_replies(const struct json_object *report)
{
    static const char *const rows[][2] = {
        {"sync", "reply, if the device does it (the service is synchronous)"},
        {"async", "reply, if the platform takes it (the call is asynchronous: no answer of the device comes)"},
        {"unknown", "reply, if the platform takes it and the service is asynchronous (`model` would tell)"},
    };
    const char *service = json_member_text(report, "service");
    const char *title =
        strcmp(json_member_text(report, "outcome"), "request") == 0 ? "reply, if the platform takes it" : "reply";
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        title = service != NULL && strcmp(rows[i][0], service) == 0 ? rows[i][1] : title;
    }
    print_reply(title, json_get(report, "reply"));
    print_reply("reply, if the service is synchronous and the device does it", json_get(report, "reply_if_sync"));
}

static void print_reason_of_refusal(const struct json_object *report)
{
    const struct json_object *error = json_get(json_get(report, "reply"), "error");
    if (error != NULL) {
        AUTO_FREE char *text = mem_printf("%s: %s", json_member_text(error, "code"), json_member_text(error, "detail"));
        row("reason", text);
    }
}

static void print_outcome(const struct json_object *report)
{
    static const struct {
        const char *outcome;
        const char *words;
    } rows[] = {
        {"request", "it is sent"},
        {"rejected", "it is rejected; nothing is sent"},
        {"expired", "it comes after its deadline; nothing is sent"},
        {"no_rule", "no rule takes it; it gets no reply"},
        {"own_topic", "the bridge's own topics are never commands; it gets no reply"},
    };
    const char *outcome = json_member_text(report, "outcome");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (strcmp(rows[i].outcome, outcome) == 0) {
            row("outcome", rows[i].words);
        }
    }
    print_reason_of_refusal(report);
}

void explain_print(const struct json_object *report)
{
    const struct json_object *rule = json_get(report, "rule");
    row("topic", json_member_text(report, "topic"));
    if (rule != NULL) {
        print_rule_line("  rule                  ", rule, "\n");
    }
    print_outcome(report);
    if (rule != NULL) {
        if (json_count(json_get(report, "captures")) > 0) {
            heading("captures");
            json_each(json_get(report, "captures"), print_member, NULL);
        }
        print_templates(json_get(report, "templates"));
        print_command(json_get(report, "command"));
        print_requests(json_get(report, "requests"));
        print_replies(report);
    }
    print_other_rules(report);
}
