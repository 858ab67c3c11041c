#include "controller/inspect/sandbox.h"

#include <sys/syscall.h>

const bool sandbox_limits_memory = false;

/* What the sanitizers' run time does outside of a report. */
const int sandbox_more_calls[] = { SYS_sigaltstack, SYS_sched_yield, SYS_rt_sigaction,
	SYS_rt_sigprocmask, SYS_gettid, -1 };

/* Looking for leaks at exit takes threads and ptrace. The unit tests, outside the
 * sandbox, look for them. */
const char *__asan_default_options(void); /* NOLINT(bugprone-reserved-identifier) */
const char *__asan_default_options(void) /* NOLINT(bugprone-reserved-identifier) */
{
	return "detect_leaks=0";
}
