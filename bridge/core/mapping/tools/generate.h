// Writes a mapping file from thing models: a rule and tests for each service. Pure.
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "core/model/model.h"

#define GENERATE_DEFAULT_TOPIC "home/{device}/{service}"

struct generate_options {
    const char *topic;       // topic pattern; {service} stands for the service's identifier
    const char *product_key; // NULL: the models'
    const struct model *const *models;
    const char *const *paths; // of the models, as the mapping file names them
    size_t model_count;
};

// The text of the mapping file, which the caller frees. ERR_REFUSED: the topic has no {device} or {service}, the
// product key is missing or not one, or the models have a service twice or two products; ERR_MISSING: the models have
// no services. The text loads without a problem if the topic is a rule's topic whose replies are no commands.
enum err generate_mapping(const struct generate_options *options, char **out, struct diag *diag) MUST_CHECK;
