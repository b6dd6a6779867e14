// Shared by the config*.c files only.
#pragma once

#include "app/config/config.h"

// The node of an item of a list of texts, for places: a single text may stand in place of a list.
const struct yaml_node *config_item_node(const struct yaml_node *list_or_null, size_t index);

// Checks of values after the keys were read. What is wrong is a problem at its place, and replaced if it would only
// make follow-up errors.
void config_check_values(struct config *config, const struct yaml_node *root, struct problems *problems);
void config_check_platform(const struct config_platform *platform, const struct yaml_node *node,
                           struct problems *problems);
