#include "core/mapping/rule.h"

#include <string.h>

#include "base/nearest.h"
#include "base/show.h"

const char *rule_name(const struct rule *rule)
{
    return rule->options.name;
}

const char *rule_filter(const struct rule *rule)
{
    return rule->pattern->filter;
}

double rule_rate(const struct rule *rule)
{
    return rule->options.rate;
}

bool rule_accepts_retained(const struct rule *rule)
{
    return rule->options.retained == RETAINED_ACCEPT;
}

static bool where_fits(const struct rule_where *where, struct str capture)
{
    for (size_t i = 0; i < where->globs.count; i++) {
        if (str_glob(where->globs.items[i], capture.data, capture.len)) {
            return true;
        }
    }
    return false;
}

const struct rule_where *rule_where_failed(const struct rule *rule, const struct str *captures)
{
    for (size_t i = 0; i < rule->where_count; i++) {
        if (!where_fits(&rule->where[i], captures[rule->where[i].capture])) {
            return &rule->where[i];
        }
    }
    return NULL;
}

bool rule_takes(const struct rule *rule, const char *topic, struct str *captures)
{
    return topic_pattern_match(rule->pattern, topic, captures) && rule_where_failed(rule, captures) == NULL;
}

const struct rule_where *rule_find_where(const struct rule *rule, int capture)
{
    for (size_t i = 0; i < rule->where_count; i++) {
        if (rule->where[i].capture == capture) {
            return &rule->where[i];
        }
    }
    return NULL;
}

void rule_fixed_captures(const struct rule *rule, const struct text_list *out[TOPIC_MAX_CAPTURES])
{
    for (size_t i = 0; i < TOPIC_MAX_CAPTURES; i++) {
        const struct rule_where *where = rule_find_where(rule, (int)i);
        bool fixed = where != NULL;
        for (size_t k = 0; fixed && k < where->globs.count; k++) {
            fixed = strpbrk(where->globs.items[k], "*?") == NULL;
        }
        out[i] = fixed ? &where->globs : NULL;
    }
}

const struct topic_level *rule_level_of_capture(const struct topic_pattern *pattern, int capture)
{
    size_t i = 0;
    while (pattern->levels[i].capture != capture) {
        i++;
    }
    return &pattern->levels[i];
}

static const char *nearest_service(const struct rule *rule, const char *identifier)
{
    struct nearest nearest = {.text = identifier};
    for (size_t i = 0; i < rule->model_count; i++) {
        for (size_t k = 0; k < rule->models[i]->service_count; k++) {
            nearest_try(&nearest, rule->models[i]->services[k].identifier);
        }
    }
    return nearest.name;
}

enum err rule_find_service(const struct rule *rule, const char *identifier, const struct model_service **out,
                           struct failure *failure)
{
    for (size_t i = 0; i < rule->model_count; i++) {
        const struct model_service *service = model_find(rule->models[i], identifier);
        if (service != NULL) {
            *out = service;
            return ERR_OK;
        }
    }
    bool is_access = strcmp(identifier, "set") == 0 || strcmp(identifier, "get") == 0;
    const char *nearest = is_access ? NULL : nearest_service(rule, identifier);
    failure_set(failure, "name_invalid", "the thing model has no service %s" NEAREST_FORMAT, show_text(identifier).text,
                NEAREST_ARGS(nearest, is_access ? ": properties are written by `call` with SetDeviceProperty" : ""));
    return ERR_MISSING;
}

const struct yaml_node *rule_place(const struct rule_source *source, const char *key)
{
    const struct yaml_node *node = yaml_get(source->rule, key);
    if (node == NULL && source->defaults != NULL) {
        node = yaml_get(source->defaults, key);
    }
    return node != NULL ? node : source->rule;
}
