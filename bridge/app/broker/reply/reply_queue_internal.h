// What the files of the reply queue share. Not for others.
#pragma once

#include "app/broker/reply/reply_queue.h"

#define STAGE_MAX_MS 5000 // the others wait no longer for one that is tried

void reply_queue_set_stage(struct reply_queue *queue, enum reply_stage stage, int64_t now_ms);
// Moves the message to the list of its new state.
void reply_queue_set_state(struct reply_queue *queue, struct outgoing *outgoing, enum outgoing_state state);
void reply_queue_put_under_way(struct reply_queue *queue, struct outgoing *outgoing, int64_t now_ms);
// A reply is reported to its owner; a text of our own is freed.
void reply_queue_end(struct reply_queue *queue, struct outgoing *outgoing);
// Ends of a reply: the broker refused it; or it ends connections.
void reply_queue_refuse(struct reply_queue *queue, struct outgoing *outgoing, const char *why, int reason);
void reply_queue_condemn(struct reply_queue *queue, struct outgoing *outgoing, const char *why);
// What is under way waits again; what is lost since then or earlier.
void reply_queue_put_back(struct reply_queue *queue, struct outgoing *outgoing, int64_t now_ms);
void reply_queue_put_back_lost(struct reply_queue *queue, int64_t lost_before_ms, int64_t now_ms);
