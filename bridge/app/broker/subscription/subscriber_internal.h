// What the files of the subscriber share. Not for others.
#pragma once

#include "app/broker/subscription/subscriber.h"

// True if the filter is not to be asked for now; it then counts as refused.
bool subscriber_leave_out(struct subscriber *subscriber, const char *filter);
// Tells of a fence that is left out, and asks anew for what was when its time has come.
void subscriber_run_left_out(struct subscriber *subscriber, int64_t now_ms);
