// What libyaml refuses or silently cuts, said in words for a person: what is wrong and what to do.
//
// What libyaml says of a refusal is compared with a list of rules, from the most certain to the vaguest; the first that
// knows the case says it, at the place that it finds right. The last one repeats libyaml's own words.
#include "base/yaml/yaml_internal.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum err refuse_byte(struct problems *problems, const char *source, const char *text, size_t len, size_t at,
                            const char *what)
{
    int line = 0;
    int column = 0;
    yaml_lines_place(text, len, at, &line, &column);
    problems_add(problems, SEVERITY_ERROR, source, line, column, "%s", what);
    return ERR_SYNTAX;
}

enum err yaml_words_check_bytes(struct problems *problems, const char *source, const char *text, size_t len)
{
    if (len == 0 || len > YAML_MAX_BYTES) {
        problems_add(problems, SEVERITY_ERROR, source, 0, 0, "the file is %s",
                     len == 0 ? "empty" : "larger than 16 MiB");
        return len == 0 ? ERR_SYNTAX : ERR_LIMIT;
    }
    const char *nul = memchr(text, '\0', len);
    if (nul != NULL) {
        bool is_wide = len >= 2 && nul - text < 4; // of ASCII text in UTF-16 or UTF-32 the second or third byte is NUL
        return refuse_byte(problems, source, text, len, (size_t)(nul - text),
                           is_wide ? "the file is UTF-16 or UTF-32: save it as UTF-8"
                                   : "a NUL byte: this is no text file");
    }
    size_t at = 0;
    for (size_t count; (count = str_utf8_character(text + at, len - at)) > 0; at += count) {
    }
    return at == len
               ? ERR_OK
               : refuse_byte(problems, source, text, len, at, "not valid UTF-8 from here on: save the file as UTF-8");
}

// `{name}` or `${...}` outside quotes: what people write in templates and topics, and YAML takes for a map.
static bool has_bare_template(struct str line)
{
    char quote = '\0';
    for (size_t i = 0; i + 1 < line.len; i++) {
        char c = line.data[i];
        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '{' && (isalpha((unsigned char)line.data[i + 1]) || line.data[i + 1] == '_')) {
            size_t end = i + 1;
            while (end < line.len && (isalnum((unsigned char)line.data[end]) || strchr("_#", line.data[end]))) {
                end++;
            }
            if (end < line.len && line.data[end] == '}') {
                return true;
            }
        }
        if (quote == '\0' && c == '$' && line.data[i + 1] == '{') {
            return true;
        }
    }
    return false;
}

// The place and the words of one refusal while the rules below look at it.
struct explanation {
    const struct yaml_refusal *refusal;
    struct str line; // the source line of the problem
    char byte;       // at the problem; '\0' at the end
    int at_line;
    int at_column;
    char words[256];
};

static bool says(const char *text, const char *part)
{
    return text != NULL && strstr(text, part) != NULL;
}

// Sets the words; true.
static bool say(struct explanation *explanation, const char *fmt, ...) PRINTF(2, 3);
static bool say(struct explanation *explanation, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(explanation->words, sizeof explanation->words, fmt, args);
    va_end(args);
    return true;
}

// The problem is where the construct began; true.
static bool at_context(struct explanation *explanation)
{
    explanation->at_line = explanation->refusal->context_line;
    explanation->at_column = explanation->refusal->context_column;
    return true;
}

static bool explain_tab(struct explanation *explanation)
{
    bool is_tab = explanation->byte == '\t' || says(explanation->refusal->problem, "tab character");
    return is_tab && say(explanation, "a tab: YAML is indented with spaces only");
}

static bool explain_open_quote(struct explanation *explanation)
{
    return says(explanation->refusal->problem, "unexpected end of stream") && at_context(explanation) &&
           say(explanation, "the quote that opens here is never closed");
}

static bool explain_template(struct explanation *explanation)
{
    return has_bare_template(explanation->line) &&
           say(explanation,
               "YAML takes { } and `: ` for its own signs: put the whole value with ${...} or {name} in quotes");
}

static bool explain_open_bracket(struct explanation *explanation)
{
    const struct yaml_refusal *refusal = explanation->refusal;
    bool is_bracket = refusal->context_byte == '{' || refusal->context_byte == '[';
    if (!says(refusal->context, "flow") || !is_bracket || refusal->context_line == refusal->line) {
        return false;
    }
    at_context(explanation);
    return say(explanation, "the %c that opens here is not closed, or a comma is missing before line %d",
               refusal->context_byte, refusal->line);
}

static bool explain_first_byte(struct explanation *explanation)
{
    bool refused = says(explanation->refusal->problem, "cannot start any token") ||
                   says(explanation->refusal->problem, "expected node content");
    return refused && explanation->byte != '\0' && !isspace((unsigned char)explanation->byte) &&
           say(explanation, "plain text may not begin with `%c`: put it in quotes", explanation->byte);
}

static bool explain_colon(struct explanation *explanation)
{
    const char *colon = memmem(explanation->line.data, explanation->line.len, ": ", 2);
    bool second = colon != NULL && colon - explanation->line.data < explanation->refusal->column - 1;
    return says(explanation->refusal->problem, "mapping values are not allowed") &&
           say(explanation, "%s",
               second ? "a second `: ` in one line: if it belongs to the text, put the text in quotes"
                      : "no key is expected here: check the indentation, and that the line before has a space "
                        "after its colon");
}

// Is what stands before the problem the end of a quoted text?
static bool is_behind_quote(const struct explanation *explanation)
{
    size_t before = explanation->refusal->column > 0 ? (size_t)explanation->refusal->column - 1 : 0;
    before = before < explanation->line.len ? before : explanation->line.len;
    while (before > 0 && explanation->line.data[before - 1] == ' ') {
        before--;
    }
    return before > 0 && (explanation->line.data[before - 1] == '"' || explanation->line.data[before - 1] == '\'');
}

static bool explain_closed_quote(struct explanation *explanation)
{
    bool goes_on = says(explanation->refusal->context, "block") || says(explanation->refusal->context, "flow");
    return goes_on && explanation->refusal->line == explanation->at_line && is_behind_quote(explanation) &&
           say(explanation, "the quoted text ends before this: inside \"...\" a quote is written \\\", inside '...' it "
                            "is written ''");
}

static bool explain_stray_bracket(struct explanation *explanation)
{
    if (explanation->byte != ']' && explanation->byte != '}') {
        return false;
    }
    if (says(explanation->refusal->context, "flow")) {
        return say(explanation, "this `%c` closes nothing that is open here: a list is closed by ], a map by }",
                   explanation->byte);
    }
    return say(explanation, "one `%c` too many: nothing is open here", explanation->byte);
}

static bool explain_missing_colon(struct explanation *explanation)
{
    return says(explanation->refusal->problem, "could not find expected ':'") && at_context(explanation) &&
           say(explanation,
               "a key is expected here, with `: ` behind it: check the indentation, or put a text that goes "
               "on in the next line in quotes");
}

static bool explain_rest_of_line(struct explanation *explanation)
{
    if (!says(explanation->refusal->context, "block")) {
        return false;
    }
    size_t indent = 0;
    while (indent < explanation->line.len && explanation->line.data[indent] == ' ') {
        indent++;
    }
    if ((size_t)explanation->refusal->column > indent + 1) {
        return say(explanation, "the value has ended before this: put the whole value in quotes");
    }
    return say(explanation, "the line does not fit into the list or map that began in line %d: check the indentation",
               explanation->refusal->context_line);
}

static bool explain_by_table(struct explanation *explanation)
{
    static const struct {
        const char *problem;
        const char *words;
    } rows[] = {
        {"block sequence entries", "a list with `- ` begins in a line of its own"},
        {"expected alphabetic or numeric", "if the text begins with `*` or `&`, put it in quotes"},
        {"unknown escape", "unknown escape in double quotes: write \\\\ for a backslash, or use single quotes"},
        {"<document start>", "something follows after the end: check brackets, and remove `...`"},
        {"incompatible YAML document", "this is read as YAML 1.2: remove the line that begins with `%`"},
        {"unknown directive",
         "a line that begins with `%` speaks to YAML itself: remove it, or put the text in quotes"},
        {"control characters", "a control character: remove it, or write it as an escape in double quotes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (says(explanation->refusal->problem, rows[i].problem)) {
            return say(explanation, "%s", rows[i].words);
        }
    }
    return false;
}

static bool explain_as_libyaml(struct explanation *explanation)
{
    const struct yaml_refusal *refusal = explanation->refusal;
    return say(explanation, "%s%s%s", refusal->context == NULL ? "" : refusal->context,
               refusal->context == NULL ? "" : ", ", refusal->problem);
}

static bool is_plain_before(struct str line, const char *at)
{
    for (const char *c = line.data; c < at; c++) {
        if (*c == '#' || *c == '"' || *c == '\'') {
            return false;
        }
    }
    return true;
}

// To YAML it is a letter. It stands where the construct began, or later, up to where that was refused.
static bool explain_odd_space(struct explanation *explanation, const char *text, size_t len)
{
    const struct yaml_refusal *refusal = explanation->refusal;
    int first = refusal->context_line > 0 ? refusal->context_line : refusal->line;
    size_t offset = 0;
    struct str line;
    for (int number = 1; number <= refusal->line && yaml_lines_next(text, len, &offset, &line); number++) {
        unsigned code;
        const char *space = number >= first ? str_find_odd_space(line.data, line.len, &code) : NULL;
        if (space != NULL && is_plain_before(line, space)) {
            explanation->at_line = number;
            explanation->at_column = (int)(space - line.data) + 1;
            return say(explanation,
                       "here is a character (U+%04X) that only looks like a space or nothing, and YAML takes it for a "
                       "letter: replace it by a space",
                       code);
        }
    }
    return false;
}

static void find_line(struct explanation *explanation, const char *text, size_t len)
{
    size_t offset = 0;
    for (int number = 0; number < explanation->at_line; number++) {
        if (!yaml_lines_next(text, len, &offset, &explanation->line)) {
            explanation->line = (struct str){.data = text, .len = 0};
        }
    }
}

void yaml_words_refused(struct problems *problems, const char *source, const char *text, size_t len,
                        const struct yaml_refusal *refusal)
{
    static bool (*const rules[])(struct explanation *) = {
        explain_tab,          explain_open_quote,    explain_closed_quote,  explain_template,
        explain_open_bracket, explain_stray_bracket, explain_missing_colon, explain_first_byte,
        explain_colon,        explain_rest_of_line,  explain_by_table,      explain_as_libyaml,
    };
    struct yaml_refusal placed = *refusal;
    if (placed.line == 0) {
        yaml_lines_place(text, len, placed.offset, &placed.line, &placed.column);
    }
    struct explanation explanation = {.refusal = &placed, .at_line = placed.line, .at_column = placed.column};
    explanation.byte = placed.offset < len ? text[placed.offset] : '\0';
    find_line(&explanation, text, len);
    if (!explain_odd_space(&explanation, text, len)) {
        for (size_t i = 0; !rules[i](&explanation); i++) {
        }
    }
    problems_add(problems, SEVERITY_ERROR, source, explanation.at_line, explanation.at_column, "%s", explanation.words);
}

void yaml_words_odd(struct problems *problems, const struct yaml_node *node)
{
    size_t len = strlen(node->text);
    unsigned code;
    const char *space = str_find_odd_space(node->text, len, &code);
    // Inside a text they are common.
    if (str_find_odd_quote(node->text, len, &code) == node->text) {
        yaml_warn(
            problems, node,
            "these are typographic quotes, which YAML takes for a part of the text: write straight ones, \" or '");
    }
    if (space != NULL) {
        problems_add(problems, SEVERITY_WARNING, node->source, node->line,
                     yaml_column_of(node, (size_t)(space - node->text)),
                     "here is a character (U+%04X) that only looks like a space or nothing, and belongs to the text: "
                     "replace it, or put the text in quotes",
                     code);
    }
}

void yaml_words_cut(struct problems *problems, const struct yaml_node *node, const char *text, size_t len, size_t end)
{
    size_t next = end;
    while (next < len && (text[next] == ' ' || text[next] == '\t')) {
        next++;
    }
    if (next == end || next == len || text[next] != '#') {
        return;
    }
    const char *opened = strstr(node->text, "${");
    for (const char *later = opened; later != NULL; later = strstr(later + 1, "${")) {
        opened = later;
    }
    if (opened != NULL && strchr(opened, '}') == NULL) {
        yaml_error(problems, node,
                   "YAML cuts this value at ` #`, where a comment begins: put the whole value in quotes");
    } else if (node->text[0] != '\0' && node->text[strlen(node->text) - 1] == '/') {
        yaml_warn(problems, node,
                  "YAML ends this value at ` #`, where a comment begins: if # belongs to it, put it in quotes");
    }
}
