// Shared by the config*.c files only.
#pragma once

#include "app/config/config.h"

// Checks of values after the keys were read. What is wrong is a problem at its place, and replaced if it would only
// make follow-up errors.
void config_check_values(struct config *config, const struct yaml_node *root, struct problems *problems);
void config_check_platform(const struct config_platform *platform, const struct yaml_node *node,
                           struct problems *problems);
