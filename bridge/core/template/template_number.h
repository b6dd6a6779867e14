// The filters of the rule language that compute with numbers. Private to the template module.
#pragma once

#include "core/template/template_internal.h"

// Each gives the new value, or NULL if the value is not one that the filter takes; *wants is then what it takes.
struct json_object *template_number_int(const struct filter *filter, const struct json_object *value,
                                        const char **wants);
struct json_object *template_number_float(const struct filter *filter, const struct json_object *value,
                                          const char **wants);
struct json_object *template_number_round(const struct filter *filter, const struct json_object *value,
                                          const char **wants);
struct json_object *template_number_scale(const struct filter *filter, const struct json_object *value,
                                          const char **wants);
struct json_object *template_number_clamp(const struct filter *filter, const struct json_object *value,
                                          const char **wants);

// At load: are the arguments ones that the filter can work with?
enum err template_number_check_round(const struct filter *filter, struct diag *diag) MUST_CHECK;
enum err template_number_check_scale(const struct filter *filter, struct diag *diag) MUST_CHECK;
enum err template_number_check_clamp(const struct filter *filter, struct diag *diag) MUST_CHECK;
