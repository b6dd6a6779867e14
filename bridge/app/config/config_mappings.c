// The mapping files that the configuration or the command line names.
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/config_internal.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/mapping/load/mapping_load.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool fits_any(const char *pattern)
{
    glob_t found = {0};
    bool fits = glob(pattern, GLOB_BRACE | GLOB_TILDE, NULL, &found) == 0;
    globfree(&found);
    return fits;
}

// The pattern with another of the endings that such files have, if files fit that one. NULL if none; the caller frees.
static char *find_with_other_ending(const char *pattern)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    const char *dot = strrchr(pattern, '.');
    bool is_known = false;
    for (size_t i = 0; dot != NULL && i < COUNT_OF(endings); i++) {
        is_known |= strcmp(dot, endings[i]) == 0;
    }
    for (size_t i = 0; is_known && i < COUNT_OF(endings); i++) {
        char *other = mem_printf("%.*s%s", (int)(dot - pattern), pattern, endings[i]);
        if (fits_any(other)) {
            return other;
        }
        free(other);
    }
    return NULL;
}

// `node`: of the pattern; NULL if it was given on the command line.
static void report_missing(const char *pattern, const struct yaml_node *node, struct problems *problems)
{
    bool is_pattern = strpbrk(pattern, "*?[{") != NULL;
    AUTO_FREE char *other = find_with_other_ending(pattern);
    AUTO_FREE char *cure =
        other != NULL ? mem_printf("; %s %s: name that", other, is_pattern ? "fits some" : "is there") : mem_strdup("");
    if (node == NULL) {
        problems_add(problems, SEVERITY_ERROR, pattern, 0, 0, "%s%s",
                     is_pattern ? "no file fits this pattern" : "there is no such file, or its folder cannot be read",
                     cure);
    } else {
        yaml_error(problems, node, "`mappings`: %s %s%s", is_pattern ? "no file fits" : "there is no file", pattern,
                   other != NULL ? cure : "; a relative path begins where the bridge is started");
    }
}

const struct yaml_node *config_item_node(const struct yaml_node *list_or_null, size_t index)
{
    bool is_list = list_or_null != NULL && list_or_null->kind == YAML_LIST && index < list_or_null->count;
    return is_list ? list_or_null->items[index] : list_or_null;
}

// All files of all patterns, sorted by name.
static void expand(const struct text_list *patterns, const struct yaml_node *node, struct text_list *paths,
                   struct problems *problems)
{
    for (size_t i = 0; i < patterns->count; i++) {
        glob_t found = {0};
        if (glob(patterns->items[i], GLOB_BRACE | GLOB_TILDE, NULL, &found) != 0) {
            report_missing(patterns->items[i], config_item_node(node, i), problems);
        }
        for (size_t k = 0; k < found.gl_pathc; k++) {
            text_list_add(paths, found.gl_pathv[k]);
        }
        globfree(&found);
    }
    if (paths->count > 1) {
        qsort(paths->items, paths->count, sizeof *paths->items, by_name);
    }
}

static bool is_configuration(const struct yaml_node *root)
{
    return options_has_any(config_options, root) && !options_has_any(mapping_file_options, root);
}

static void check_kind(const struct yaml_node *root, struct problems *problems)
{
    if (is_configuration(root)) {
        yaml_error(problems, root,
                   "this is a configuration and no mapping file: give it with -c, and keep it out of the folder that "
                   "`mappings` names");
    }
}

static void load_file(const char *path, struct mapping_files *files, struct problems *problems)
{
    struct yaml_document *document = NULL;
    if (yaml_load_file(path, &document, problems) != ERR_OK) {
        files->incomplete = true;
    }
    if (document != NULL) {
        files->documents = mem_resize(files->documents, files->count + 1, sizeof(struct yaml_document *));
        files->documents[files->count++] = document;
        if (yaml_root(document) != NULL) {
            check_kind(yaml_root(document), problems);
        }
    }
}

// Is it a file that was met already, perhaps under another name? `real` holds the true names of those.
static bool is_repeated(const char *path, struct text_list *real)
{
    AUTO_FREE char *name = realpath(path, NULL);
    for (size_t i = 0; name != NULL && i < real->count; i++) {
        if (strcmp(real->items[i], name) == 0) {
            return true;
        }
    }
    text_list_add(real, name != NULL ? name : path);
    return false;
}

static enum err load_mappings(const struct text_list *patterns, const struct yaml_node *node,
                              struct mapping_files *files, struct problems *problems)
{
    size_t errors = problems->errors;
    struct text_list paths = {0};
    struct text_list real = {0};
    *files = (struct mapping_files){0};
    expand(patterns, node, &paths, problems);
    for (size_t i = 0; i < paths.count; i++) {
        if (!is_repeated(paths.items[i], &real)) {
            load_file(paths.items[i], files, problems);
        }
    }
    files->incomplete |= problems->errors > errors;
    text_list_free(&paths);
    text_list_free(&real);
    return files->incomplete ? ERR_SYNTAX : ERR_OK;
}

enum err config_load_mappings(const struct text_list *patterns, struct mapping_files *files, struct problems *problems)
{
    return load_mappings(patterns, NULL, files, problems);
}

enum err config_load_own_mappings(const struct config *config, struct mapping_files *files, struct problems *problems)
{
    const struct yaml_node *node = yaml_get(yaml_root(config->document), "mappings");
    if (config->mappings_unknown) {
        *files = (struct mapping_files){.incomplete = true};
        return ERR_SYNTAX;
    }
    return load_mappings(&config->mappings, node, files, problems);
}

void config_clear_mappings(struct mapping_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        yaml_free(files->documents[i]);
    }
    free(files->documents);
    *files = (struct mapping_files){0};
}

enum err config_build_mapping(const struct config *config, const struct mapping_files *files, struct mapping **out,
                              struct problems *problems)
{
    size_t document_count = 0;
    AUTO_FREE struct yaml_document **documents = mem_alloc((files->count + 1) * sizeof(struct yaml_document *));
    for (size_t i = 0; i < files->count; i++) {
        const struct yaml_node *root = yaml_root(files->documents[i]);
        if (root != NULL && !is_configuration(root)) {
            documents[document_count++] = files->documents[i];
        }
    }
    size_t count = config->platform_count;
    AUTO_FREE const char **names = mem_alloc((count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = config->platforms[i].name;
    }
    struct mapping_options options = {
        .base_topic = config->bridge.base_topic,
        .reply_allow = (const char *const *)config->reply.allow.items,
        .reply_allow_count = config->reply.allow.count,
        .platforms = names,
        .platform_count = count,
        .default_platform = count > 0 ? names[0] : "default",
        .discovery_prefix = "homeassistant",
        .max_payload = config->limits.payload,
        .max_json_depth = config->limits.json_depth,
        .incomplete = files->incomplete,
        .read_file = file_read,
    };
    return mapping_create(documents, document_count, &options, out, problems);
}

static void add_document(struct buf *text, const struct yaml_document *document)
{
    AUTO_JSON struct json_object *value = yaml_to_json(yaml_root(document));
    AUTO_FREE char *printed = json_print(value);
    buf_printf(text, "%s\n", printed);
}

void config_fingerprint(struct config *config, const struct mapping_files *files)
{
    unsigned char digest[CRYPTO_SHA256_LEN];
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf hex = {0};
    add_document(&text, config->document);
    for (size_t i = 0; i < files->count; i++) {
        add_document(&text, files->documents[i]);
    }
    crypto_sha256(text.data, text.len, digest);
    str_hex_encode(&hex, digest, sizeof config->fingerprint / 2);
    memcpy(config->fingerprint, hex.data, sizeof config->fingerprint);
}
