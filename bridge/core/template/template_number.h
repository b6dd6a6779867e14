// The filters of the rule language that compute with numbers. Private to the template module.
#pragma once

#include "core/template/template_internal.h"

// Each gives the new value, or NULL if the value is not one that the filter takes.
struct json_object *template_number_int(struct template_filter_use *use);
struct json_object *template_number_float(struct template_filter_use *use);
struct json_object *template_number_round(struct template_filter_use *use);
struct json_object *template_number_scale(struct template_filter_use *use);
struct json_object *template_number_clamp(struct template_filter_use *use);

// At load: are the arguments ones that the filter can work with?
enum err template_number_check_round(const struct template_filter *filter, struct diag *diag) MUST_CHECK;
enum err template_number_check_scale(const struct template_filter *filter, struct diag *diag) MUST_CHECK;
enum err template_number_check_clamp(const struct template_filter *filter, struct diag *diag) MUST_CHECK;
