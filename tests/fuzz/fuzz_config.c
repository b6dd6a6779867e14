// A configuration file, read as `check` reads it; and YAML as such: its places, and that JSON means in YAML what it
// means as JSON.
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "app/config/config.h"
#include "base/yaml/yaml.h"

#define SECRET "hunter2hunter2"
#define PLACES 50 // that are looked up: each time from the first line

static void must_have_place(const struct yaml_document *document, const struct yaml_node *node, size_t *count)
{
    const char *line = NULL;
    size_t len = 0;
    MUST(node->line >= 1 && node->column >= 1);
    // A line that may hold a secret is not shown.
    if (yaml_source_line(document, node->line, &line, &len)) {
        MUST((size_t)node->column <= len + 1);
    }
    for (size_t i = 0; i < node->count && ++*count < PLACES; i++) {
        must_have_place(document, node->items[i], count);
    }
}

static bool is_json(const char *data, size_t size, struct json_object **out)
{
    struct diag diag;
    return json_parse(data, size, &(struct json_limits){YAML_MAX_DEPTH}, out, &diag) == ERR_OK;
}

static void check_yaml(const char *data, size_t size)
{
    struct problems problems = {0};
    AUTO_YAML struct yaml_document *document = NULL;
    AUTO_JSON struct json_object *as_json = NULL;
    enum err err = yaml_load_text("config.yaml", data, size, &document, &problems);
    must_be_problems(&problems, err != ERR_OK);
    problems_clear(&problems);
    if (err != ERR_OK) {
        return;
    }
    size_t count = 0;
    must_have_place(document, yaml_root(document), &count);
    AUTO_JSON struct json_object *value = yaml_to_json(yaml_root(document));
    AUTO_FREE char *printed = json_print(value);
    json_free(must_be_json(printed));
    if (is_json(data, size, &as_json)) {
        must_be_same(mem_strdup(printed), json_print(as_json));
    }
}

static bool is_secret(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *node = map != NULL ? yaml_get(map, key) : NULL;
    return node != NULL && node->kind == YAML_SCALAR && strcmp(node->text, SECRET) == 0;
}

// A secret in the file itself is reported as an error, and never shown.
static void must_hide_secret(const struct yaml_document *document, const struct problems *problems, const char *data,
                             size_t size)
{
    const char *first = memmem(data, size, SECRET, strlen(SECRET));
    size_t left = first != NULL ? size - (size_t)(first + 1 - data) : 0;
    bool once = first != NULL && memmem(first + 1, left, SECRET, strlen(SECRET)) == NULL;
    // Another value that is the same one by an alias is told in words.
    bool is_shared = memchr(data, '&', size) != NULL;
    const struct yaml_node *root = document != NULL ? yaml_root(document) : NULL; // NULL: YAML refused it
    if (root == NULL || !once ||
        !(is_secret(yaml_get(root, "platform"), "access_key_secret") ||
          is_secret(yaml_get(root, "mqtt"), "password"))) {
        return;
    }
    MUST(problems->errors > 0);
    for (size_t i = 0; i < problems->count; i++) {
        const char *line = NULL;
        size_t len = 0;
        MUST(is_shared || strstr(problems->items[i].text, SECRET) == NULL);
        MUST(!yaml_source_line(document, problems->items[i].line, &line, &len) ||
             memmem(line, len, SECRET, strlen(SECRET)) == NULL);
    }
}

// A value of the environment, which is YAML too, put below a key.
static void check_override(const char *data, size_t size)
{
    static const char *const path[] = {"platform", "tls", "ca_file"};
    AUTO_FREE char *text = mem_dup(data, size);
    AUTO_YAML struct yaml_document *document = NULL;
    struct problems problems = {0};
    enum err err = yaml_override(&document, path, COUNT_OF(path), "environment", text, &problems);
    must_be_problems(&problems, err != ERR_OK);
    if (err == ERR_OK) {
        const struct yaml_node *at = yaml_root(document);
        for (size_t i = 0; i < COUNT_OF(path); i++) {
            at = yaml_get(at, path[i]);
            MUST(at != NULL);
        }
        AUTO_JSON struct json_object *value = yaml_to_json(yaml_root(document));
        AUTO_FREE char *printed = json_print(value);
        json_free(must_be_json(printed));
    }
    problems_clear(&problems);
}

static void check_config(const char *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("config", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    MUST(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    struct config config = {0};
    struct problems problems = {0};
    enum err err = config_load(path, &config, &problems);
    must_be_problems(&problems, err != ERR_OK);
    if (err == ERR_OK) {
        MUST(config.platform_count > 0 && config.platforms[0].endpoint != NULL);
        MUST(config.mqtt.urls.count > 0 && config.mqtt.client_id != NULL);
        MUST(config.platforms[0].limit_count >= 2);
    }
    must_hide_secret(config.document, &problems, data, size);
    config_clear(&config);
    problems_clear(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_yaml((const char *)data, size);
    check_config((const char *)data, size);
    check_override((const char *)data, size);
    return 0;
}
