// Faults on request, for the crash test: named points at which the process kills itself, and known defects that the
// test has to find. Only in builds with the CMake option THINGBRIDGE_FAULTS; elsewhere nothing of it is compiled.
// Any thread.
#pragma once

#include <stdbool.h>

#ifdef THINGBRIDGE_FAULTS

#define FAULT_ENV_PREFIX "THINGBRIDGE_TEST_"

// Raises SIGKILL when THINGBRIDGE_TEST_KILL is "point:count" and this is the count-th time that the point is passed.
void fault_point(const char *point);
// Is this the defect that THINGBRIDGE_TEST_DEFECT names?
bool fault_defect(const char *name);

#define FAULT_POINT(point) fault_point(point)
#define FAULT_DEFECT(name) fault_defect(name)

#else

#define FAULT_POINT(point) ((void)(point))
#define FAULT_DEFECT(name) false

#endif
