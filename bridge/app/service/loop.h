// The service: one loop on the core thread that owns everything but Paho's callbacks.
#pragma once

#include "app/config/config.h"
#include "core/mapping/mapping.h"

// Runs until SIGTERM or SIGINT, or until it cannot go on. Returns an exit code of sysexits.h; the reason has been
// logged.
int loop_run(const struct config *config, const struct mapping *mapping);
