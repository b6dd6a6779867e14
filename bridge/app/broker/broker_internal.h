// What the files of the broker share. Not for others.
#pragma once

#include "app/broker/broker.h"
#include "app/broker/connection/connection.h"
#include "app/broker/receiver/info.h"
#include "app/broker/subscription/proof.h"
#include "app/broker/subscription/subscriber.h"

struct broker {
    struct broker_options options;
    struct connection commands;
    struct connection replies;
    struct subscriber subscriber;
    struct proof proof;
    struct reply_queue queue;
    struct info info;
    struct own_topic commands_state; // the state's topic on the commands connection
    bool state_under_way;
    struct own_topic info_filter; // bridge/info on the commands connection
    bool info_under_way;          // its SUBSCRIBE
    uint64_t commands_losses;
    struct mqtt_event connected; // of the commands connection, until its quiet time has passed
    bool subscribe_due;
    bool online;
    bool held; // the commands connection is closed by us until commands are taken again
};
