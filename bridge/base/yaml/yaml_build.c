// libyaml's events to a tree.
//
// The builder asks libyaml for one event after the other and descends with the lists and maps that they open. What the
// core schema does not know, or people hardly mean, is a problem at its place, and building goes on; what libyaml
// refuses ends it. An anchor keeps its node, which aliases share, and its size, so that what aliases expand to is
// counted without being built.
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "base/show.h"
#include "base/yaml/yaml_internal.h"

#define MAX_ANCHORS 1000

struct anchor {
    char *name;
    struct yaml_node *node; // NULL while it is still being built
    size_t size;            // nodes in it, aliases expanded
};

// libyaml counts in characters, people's editors and our columns in bytes. Marks come nearly in order, so two places
// that only move on make this cheap on long lines too.
struct yaml_place {
    size_t index;  // characters
    size_t offset; // bytes
};

struct builder {
    yaml_parser_t parser;
    struct yaml_document *document;
    struct problems *problems;
    const char *source;
    struct yaml_place line_start;
    struct yaml_place at;
    struct anchor anchors[MAX_ANCHORS];
    size_t anchor_count;
    size_t built;                       // nodes so far, aliases expanded
    yaml_mark_t opened[YAML_MAX_DEPTH]; // where the lists and maps begin that are not closed yet
    size_t depth;
    size_t duplicates; // errors for keys that stand twice, with which the tree is whole all the same
};

static size_t byte_offset(const struct yaml_document *document, struct yaml_place *from, size_t index)
{
    if (index < from->index) {
        *from = (struct yaml_place){0};
    }
    while (from->index < index && from->offset < document->text_len) {
        from->offset++;
        while (from->offset < document->text_len && (document->text[from->offset] & 0xC0) == 0x80) {
            from->offset++;
        }
        from->index++;
    }
    return from->offset;
}

static int column_of(struct builder *builder, yaml_mark_t mark)
{
    size_t start = byte_offset(builder->document, &builder->line_start, mark.index - mark.column);
    if (builder->at.index > mark.index || builder->at.index < builder->line_start.index) {
        builder->at = builder->line_start;
    }
    return (int)(byte_offset(builder->document, &builder->at, mark.index) - start) + 1;
}

static int line_of(yaml_mark_t mark)
{
    return (int)mark.line + 1;
}

#define problem_at(builder, mark, ...)                                                                                 \
    problems_add((builder)->problems, SEVERITY_ERROR, (builder)->source, line_of(mark), column_of(builder, mark),      \
                 __VA_ARGS__)

// libyaml could not go on: one problem, in words.
static enum err refused(struct builder *builder)
{
    const yaml_parser_t *parser = &builder->parser;
    struct yaml_refusal refusal = {.problem = parser->problem == NULL ? "the text cannot be read" : parser->problem,
                                   .context = parser->context};
    if (parser->error == YAML_READER_ERROR) {
        refusal.offset = parser->problem_offset;
    } else {
        refusal.line = line_of(parser->problem_mark);
        refusal.column = column_of(builder, parser->problem_mark);
        refusal.offset = builder->at.offset;
    }
    if (parser->context != NULL) {
        // libyaml says "flow node" where the value is missing, not where its list or map began.
        bool of_list = builder->depth > 0 && strstr(parser->context, "flow node") != NULL;
        yaml_mark_t mark = of_list ? builder->opened[builder->depth - 1] : parser->context_mark;
        refusal.context_line = line_of(mark);
        refusal.context_column = column_of(builder, mark);
        refusal.context_byte = builder->document->text[builder->at.offset];
    }
    yaml_words_refused(builder->problems, builder->source, builder->document->text, builder->document->text_len,
                       &refusal);
    return ERR_SYNTAX;
}

static enum err next_event(struct builder *builder, yaml_event_t *event)
{
    if (!yaml_parser_parse(&builder->parser, event)) {
        return refused(builder);
    }
    return ERR_OK;
}

static struct anchor *find_anchor(struct builder *builder, const char *name)
{
    // The latest of a name counts (YAML 1.2, section 3.2.2.2).
    for (size_t i = builder->anchor_count; i > 0; i--) {
        if (strcmp(builder->anchors[i - 1].name, name) == 0) {
            return &builder->anchors[i - 1];
        }
    }
    return NULL;
}

static enum err count_nodes(struct builder *builder, yaml_mark_t mark, size_t more)
{
    builder->built += more;
    if (builder->built > YAML_MAX_NODES) {
        problem_at(builder, mark, "more than %d values (aliases expanded): split the file, or use fewer aliases",
                   YAML_MAX_NODES);
        return ERR_LIMIT;
    }
    return ERR_OK;
}

static enum err open_anchor(struct builder *builder, const yaml_event_t *event, const char *name,
                            struct anchor **anchor)
{
    *anchor = NULL;
    if (name == NULL) {
        return ERR_OK;
    }
    if (builder->anchor_count == MAX_ANCHORS) {
        problem_at(builder, event->start_mark, "more than %d anchors", MAX_ANCHORS);
        return ERR_LIMIT;
    }
    *anchor = &builder->anchors[builder->anchor_count++];
    **anchor = (struct anchor){.name = mem_strdup(name), .size = builder->built};
    return ERR_OK;
}

static void close_anchor(struct builder *builder, struct anchor *anchor, struct yaml_node *node)
{
    if (anchor != NULL) {
        anchor->node = node;
        anchor->size = builder->built - anchor->size;
    }
}

// Only text may be tagged: what else a tag could ask for, the core schema knows by itself.
static void check_tag(struct builder *builder, const yaml_event_t *event, const char *tag)
{
    // No other tag is named: a secret can begin with `!`.
    static const char *const of_others[] = {"!secret", "!include", "!env_var", NULL};
    static const char *const known[] = {"!", YAML_STR_TAG, NULL};
    if (tag == NULL || str_is_one_of(tag, known)) {
        return;
    }
    if (str_is_one_of(tag, of_others)) {
        problem_at(builder, event->start_mark,
                   "%s is known to Home Assistant only: write the value itself, and for a secret where it is read "
                   "from, as {file: /path/to/file} or {env: NAME}",
                   tag);
    } else {
        problem_at(builder, event->start_mark,
                   "unknown tag: a value may not begin with `!`, put it in quotes (only !!str is known)");
    }
}

static void check_scalar(struct builder *builder, const yaml_event_t *event, const struct yaml_node *node)
{
    if (node->quoted) {
        return;
    }
    size_t end = byte_offset(builder->document, &builder->at, event->end_mark.index);
    yaml_words_odd(builder->problems, node);
    yaml_words_cut(builder->problems, node, builder->document->text, builder->document->text_len, end);
}

// Escapes, folded lines and blocks change the text.
static void set_inset(struct builder *builder, const yaml_event_t *event, struct yaml_node *node)
{
    const struct yaml_document *document = builder->document;
    size_t len = event->data.scalar.length;
    size_t quote = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? 0 : 1;
    size_t start = byte_offset(document, &builder->at, event->start_mark.index) + quote;
    bool written = start + len <= document->text_len && memcmp(document->text + start, node->text, len) == 0;
    node->inset = written && memchr(node->text, '\n', len) == NULL ? (int)quote : -1;
}

static enum err build_scalar(struct builder *builder, const yaml_event_t *event, struct yaml_node **out)
{
    const char *text = (const char *)event->data.scalar.value;
    if (memchr(text, '\0', event->data.scalar.length) != NULL) {
        problem_at(builder, event->start_mark, "NUL is not allowed in text");
        return ERR_SYNTAX;
    }
    const char *tag = (const char *)event->data.scalar.tag;
    check_tag(builder, event, tag);
    struct anchor *anchor = NULL;
    enum err err = open_anchor(builder, event, (const char *)event->data.scalar.anchor, &anchor);
    if (err != ERR_OK) {
        return err;
    }
    struct yaml_node *node = yaml_tree_add(builder->document, YAML_SCALAR, line_of(event->start_mark),
                                           column_of(builder, event->start_mark));
    node->text = mem_dup(text, event->data.scalar.length);
    node->quoted = tag != NULL || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    set_inset(builder, event, node);
    check_scalar(builder, event, node);
    err = count_nodes(builder, event->start_mark, 1);
    close_anchor(builder, anchor, node);
    *out = node;
    return err;
}

static enum err build_alias(struct builder *builder, const yaml_event_t *event, struct yaml_node **out)
{
    const char *name = (const char *)event->data.alias.anchor;
    const struct anchor *anchor = find_anchor(builder, name);
    if (anchor == NULL) {
        // Without the name: it may be a secret that begins with '*'.
        problem_at(builder, event->start_mark,
                   "unknown alias: no anchor of this name stands before it; if the text begins with `*`, put it in "
                   "quotes");
        return ERR_SYNTAX;
    }
    if (anchor->node == NULL) {
        problem_at(builder, event->start_mark, "the alias stands inside its own anchor");
        return ERR_SYNTAX;
    }
    *out = anchor->node;
    return count_nodes(builder, event->start_mark, anchor->size);
}

static enum err build_node(struct builder *builder, yaml_event_t *event, struct yaml_node **out);

// The next item or key; NULL at the end of the list or map, which is the event `end`.
static enum err build_next(struct builder *builder, yaml_event_type_t end, struct yaml_node **out)
{
    yaml_event_t event;
    *out = NULL;
    enum err err = next_event(builder, &event);
    if (err == ERR_OK && event.type == end) {
        yaml_event_delete(&event);
        return ERR_OK;
    }
    return err != ERR_OK ? err : build_node(builder, &event, out);
}

static enum err build_items(struct builder *builder, struct yaml_node *list)
{
    for (;;) {
        struct yaml_node *item;
        enum err err = build_next(builder, YAML_SEQUENCE_END_EVENT, &item);
        if (err != ERR_OK || item == NULL) {
            return err;
        }
        yaml_tree_push(list, item);
    }
}

static bool key_usable(struct builder *builder, const struct yaml_node *key)
{
    if (key->kind != YAML_SCALAR) {
        yaml_error(builder->problems, key,
                   "a key must be text, not %s; if { } or [ ] belong to the text, put it in quotes",
                   yaml_kind_name(key));
        return false;
    }
    if (!key->quoted && strcmp(key->text, "<<") == 0) {
        yaml_error(builder->problems, key,
                   "the merge key `<<` is not known here: write the keys out, or put them into `defaults`");
        return false;
    }
    return true;
}

static enum err build_pairs(struct builder *builder, struct yaml_node *map)
{
    for (;;) {
        struct yaml_node *key;
        struct yaml_node *value;
        enum err err = build_next(builder, YAML_MAPPING_END_EVENT, &key);
        if (err != ERR_OK || key == NULL) {
            return err;
        }
        err = build_next(builder, YAML_NO_EVENT, &value);
        if (err != ERR_OK) {
            return err;
        }
        if (key_usable(builder, key)) {
            yaml_tree_put(map, key, value);
        }
    }
}

static int by_text(const void *a, const void *b)
{
    const struct yaml_node *left = *(struct yaml_node *const *)a;
    const struct yaml_node *right = *(struct yaml_node *const *)b;
    int order = strcmp(left->text, right->text);
    if (order != 0) {
        return order;
    }
    int lines = (left->line > right->line) - (left->line < right->line);
    return lines != 0 ? lines : (left->column > right->column) - (left->column < right->column);
}

static void check_duplicates(struct builder *builder, const struct yaml_node *map)
{
    if (map->count < 2) {
        return;
    }
    size_t errors = builder->problems->errors;
    AUTO_FREE struct yaml_node **sorted = mem_dup(map->keys, map->count * sizeof(struct yaml_node *));
    qsort(sorted, map->count, sizeof(struct yaml_node *), by_text);
    const struct yaml_node *first = sorted[0];
    for (size_t i = 1; i < map->count; i++) {
        if (strcmp(first->text, sorted[i]->text) == 0) {
            yaml_error(builder->problems, sorted[i], "duplicate key `%s`: it is in line %d already",
                       show_short(first->text).text, first->line);
        } else {
            first = sorted[i];
        }
    }
    builder->duplicates += builder->problems->errors - errors;
}

static enum err build_collection(struct builder *builder, const yaml_event_t *event, struct yaml_node **out)
{
    bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
    if (builder->depth == YAML_MAX_DEPTH) {
        problem_at(builder, event->start_mark, "lists and maps are nested deeper than %d levels", YAML_MAX_DEPTH);
        return ERR_LIMIT;
    }
    check_tag(builder, event, (const char *)(is_list ? event->data.sequence_start.tag : event->data.mapping_start.tag));
    struct anchor *anchor = NULL;
    enum err err = open_anchor(
        builder, event, (const char *)(is_list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor),
        &anchor);
    if (err != ERR_OK) {
        return err;
    }
    struct yaml_node *node = yaml_tree_add(builder->document, is_list ? YAML_LIST : YAML_MAP,
                                           line_of(event->start_mark), column_of(builder, event->start_mark));
    err = count_nodes(builder, event->start_mark, 1);
    if (err == ERR_OK) {
        builder->opened[builder->depth++] = event->start_mark;
        err = is_list ? build_items(builder, node) : build_pairs(builder, node);
        builder->depth--;
    }
    if (err == ERR_OK && !is_list) {
        check_duplicates(builder, node);
    }
    close_anchor(builder, anchor, node);
    *out = node;
    return err;
}

// Takes the event.
static enum err build_node(struct builder *builder, yaml_event_t *event, struct yaml_node **out)
{
    enum err err = ERR_INTERNAL;
    if (event->type == YAML_SCALAR_EVENT) {
        err = build_scalar(builder, event, out);
    } else if (event->type == YAML_ALIAS_EVENT) {
        err = build_alias(builder, event, out);
    } else if (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT) {
        err = build_collection(builder, event, out);
    }
    yaml_event_delete(event);
    return err;
}

// Passes over an event that has nothing but its type.
static enum err pass_event(struct builder *builder, yaml_event_type_t *type)
{
    yaml_event_t event;
    enum err err = next_event(builder, &event);
    if (err == ERR_OK) {
        *type = event.type;
        yaml_event_delete(&event);
    }
    return err;
}

static enum err expect_end(struct builder *builder)
{
    yaml_event_type_t document_end;
    yaml_event_t event;
    enum err err = pass_event(builder, &document_end);
    err = err != ERR_OK ? err : next_event(builder, &event);
    if (err != ERR_OK) {
        return err;
    }
    if (event.type != YAML_STREAM_END_EVENT) {
        problem_at(builder, event.start_mark,
                   "a second document begins here: one file holds one document, remove `---`");
        err = ERR_SYNTAX;
    }
    yaml_event_delete(&event);
    return err;
}

static enum err build_document(struct builder *builder)
{
    yaml_event_type_t type;
    yaml_event_t event;
    enum err err = pass_event(builder, &type); // the stream's start
    err = err != ERR_OK ? err : pass_event(builder, &type);
    if (err == ERR_OK && type == YAML_STREAM_END_EVENT) {
        problems_add(builder->problems, SEVERITY_ERROR, builder->source, 0, 0, "holds nothing but comments or space");
        return ERR_SYNTAX;
    }
    err = err != ERR_OK ? err : next_event(builder, &event);
    err = err != ERR_OK ? err : build_node(builder, &event, &builder->document->root);
    return err != ERR_OK ? err : expect_end(builder);
}

static enum err build_stream(struct builder *builder)
{
    if (!yaml_parser_initialize(&builder->parser)) {
        abort();
    }
    yaml_parser_set_encoding(&builder->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&builder->parser, (const unsigned char *)builder->document->text,
                                 builder->document->text_len);
    enum err err = build_document(builder);
    yaml_parser_delete(&builder->parser);
    for (size_t i = 0; i < builder->anchor_count; i++) {
        free(builder->anchors[i].name);
    }
    return err;
}

enum err yaml_build(struct yaml_document *document, struct problems *problems)
{
    struct builder *builder = mem_alloc(sizeof *builder);
    *builder = (struct builder){.document = document, .problems = problems, .source = yaml_source_name(document)};
    size_t errors = problems->errors;
    enum err err = build_stream(builder);
    // A value that was cut or a key that was left out would only make follow-up errors.
    bool whole = problems->errors - errors == builder->duplicates;
    free(builder);
    return err == ERR_OK && !whole ? ERR_SYNTAX : err;
}
