// A message as it came from the broker. Shared by io (makes it), core (maps it) and app. Plain data, no thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct user_property {
    char *name;
    char *value;
};

#define MESSAGE_MAX_SUBSCRIPTION_IDS 8

struct message {
    char *topic; // valid UTF-8 without NUL
    char *payload;
    size_t payload_len;
    int qos; // as delivered to us: 0 or 1
    bool dup;
    bool retained;
    uint16_t packet_id; // 0 for QoS 0
    // MQTT 5 only, MQTT section 3.3.2.3:
    bool has_expiry;
    uint32_t expiry_s;      // Message Expiry Interval, what is left of it
    char *response_topic;   // or NULL
    char *correlation_data; // or NULL
    size_t correlation_len;
    struct user_property *properties;
    size_t property_count;
    uint32_t subscription_ids[MESSAGE_MAX_SUBSCRIPTION_IDS];
    size_t subscription_id_count;
};

// Frees what the struct points to, not the struct.
void message_clear(struct message *message);
// SHA-256 over topic, payload and the properties that stay the same in a redelivery (not Message Expiry Interval,
// Subscription Identifier, Topic Alias).
void message_hash(const struct message *message, unsigned char out[32]);
// SHA-256 of the payload alone.
void message_hash_payload(const struct message *message, unsigned char out[32]);
