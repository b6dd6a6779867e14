#include "app/service/loop.h"

#include <sysexits.h>

#include "app/service/loop_internal.h"
#include "base/log.h"

int loop_run(const struct config *config, const struct mapping *mapping)
{
    struct loop loop;
    loop.code = loop_open(&loop, config, mapping);
    bool opened = loop.code == EX_OK && loop.state == LOOP_RUNNING;
    if (opened) {
        int64_t wait_ms = 0;
        LOG(LOG_INFO, "started", LOG_S("version", THINGBRIDGE_VERSION), LOG_N("rules", mapping_rule_count(mapping)),
            LOG_S("client_id", config->mqtt.client_id));
        while (loop.state != LOOP_ENDED) {
            loop_turn(&loop, &wait_ms);
        }
        health_log(&loop.health);
    }
    loop_close(&loop);
    if (opened) {
        LOG(LOG_INFO, "stopped", LOG_N("exit", loop.code));
    }
    return loop.code;
}
