#include "controller/inspect/sandbox.h"

const bool sandbox_limits_memory = true;
const int sandbox_more_calls[] = { -1 };
