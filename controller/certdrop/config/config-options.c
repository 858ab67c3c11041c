#include "controller/certdrop/config/config.h"

static const char *const log_levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const clocks[] = { "trusted", "floor", "synchronized", NULL };

enum { SECOND = 1000, HOUR = 3600 * SECOND, DAY = 24 * HOUR };

const struct option config_options[] = {
	{ "drop", OPTION_PATH, .fallback = "/var/lib/certdrop/drop",
			.help = "The directory for uploads, with one sub-directory for each "
				"target. What was taken from it is removed." },
	{ "state", OPTION_PATH, .fallback = "/var/lib/certdrop",
			.help = "The directory for everything that certdrop remembers: its "
				"database and the credentials." },
	{ "socket", OPTION_PATH, .fallback = "/run/certdrop/control.sock",
			.help = "The socket over which the commands ask the service. Only the user of "
				"the service and root may." },
	{ "targets-dir", OPTION_PATH,
			.help = "The directory with more files of targets. Without it, targets.d "
				"beside this file." },
	{ "log", OPTION_CHOICE, .choices = log_levels, .fallback = "info",
			.help = "The least urgent lines to log: \"error\", \"warning\", \"info\" or "
				"\"debug\"." },
	{ "rescan", OPTION_DURATION, .fallback = "30s", .min = SECOND, .max = DAY,
			.help = "How often all watched directories are looked through, besides at "
				"every event." },
	{ "check", OPTION_DURATION, .fallback = "5m", .min = SECOND, .max = 7LL * DAY,
			.help = "How often each target is asked what it serves, besides after "
				"every change." },
	{ "retry-first", OPTION_DURATION, .fallback = "5s", .min = 100, .max = DAY,
			.help = "The shortest wait before a failed pass is tried again. Each further "
				"failure doubles the longest one, and in between chance decides, so "
				"that many targets do not come back at once. What settings, rights or "
				"passwords are to blame for waits for `check` at least." },
	{ "retry-cap", OPTION_DURATION, .fallback = "1h", .min = SECOND, .max = 7LL * DAY,
			.help = "The longest wait between two tries." },
	{ "keep", OPTION_NUMBER, .fallback = "3", .min = 1, .max = 100,
			.help = "How many credentials are kept for each target, the one in service "
				"not counted, to be put back if need be. Whatever came within the "
				"last 30 days is kept besides." },
	{ "workers", OPTION_NUMBER, .fallback = "4", .min = 1, .max = 64,
			.help = "How many plans are carried out at the same time." },
	{ "expiry-warning", OPTION_DURATION, .fallback = "30d", .min = HOUR, .max = 1000LL * DAY,
			.help = "How long before the end of a certificate that is served, or where none is "
				"seen to be served, of the one that is installed, status and receipt "
				"begin to warn." },
	{ "clock", OPTION_CHOICE, .choices = clocks, .fallback = "floor",
			.help = "When the clock is good enough to judge dates: \"trusted\" (always), "
				"\"floor\" (when it is not before a time that must have passed "
				"already, or the kernel says that it is synchronized) or "
				"\"synchronized\" (only when the kernel says so). If it is not, "
				"targets are held." },
	{ "drop-owners", OPTION_WORDS,
			.help = "Names or numbers of the users whose files are taken from the drop, "
				"besides root and the user that certdrop runs as. \"*\" stands for "
				"every user." },
	{ "insecure-drop", OPTION_FLAG, .fallback = "false",
			.help = "Take files also from a directory in which any user may replace the "
				"files of others." },
	{ "inspect-program", OPTION_PATH, FORM_PROGRAM,
			.fallback = CERTDROP_LIBEXECDIR "/certdrop-inspect",
			.help = "The program that reads what was dropped." },
	{ "apply-program", OPTION_PATH, FORM_PROGRAM,
			.fallback = CERTDROP_LIBEXECDIR "/certdrop-apply",
			.help = "The program that carries out plans." },
	{ "worker", OPTION_PATH,
			.help = "A socket at which such programs are started by somebody else, with "
				"other rights (certdrop-apply.socket). Without it, certdrop starts "
				"them itself, and they have its own." },
	{ NULL },
};
