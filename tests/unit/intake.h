#pragma once

/*
 * What the intake's tests share: a scratch directory with one inlet in it, shell commands
 * with $D for the inlet's directory and $T for the scratch directory, and waiting for
 * events with poll() and a deadline.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "controller/certdrop/intake/intake.h"

enum { DEADLINE_MS = 10000 };

struct fixture {
	char base[64], path[128];
	struct intake *intake;
	struct inlet *inlet;
	struct harvest harvest;
	struct error error;
};

#define quietly __attribute__((unused))

quietly static void run(const struct fixture *fixture, const char *command)
{
	assert_int_equal(setenv("T", fixture->base, 1), 0);
	assert_int_equal(setenv("D", fixture->path, 1), 0);
	if (system(command) != 0)
		fail_msg("failed: %s\n", command);
}

quietly static struct fixture *fixture_new(void)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	strcpy(fixture->base, "/tmp/certdrop-intake-XXXXXX");
	assert_non_null(mkdtemp(fixture->base));
	assert_int_equal(chmod(fixture->base, 0755), 0);
	(void)snprintf(fixture->path, sizeof(fixture->path), "%s/in", fixture->base);
	fixture->intake = intake_new(NULL);
	return fixture;
}

quietly static int fixture_free(void **state)
{
	struct fixture *fixture = *state;

	harvest_done(&fixture->harvest);
	intake_free(fixture->intake);
	run(fixture, "rm -rf --one-file-system $T");
	free(fixture);
	return 0;
}

/* Scans; fails the test when the directory cannot be scanned. */
quietly static void scan(struct fixture *fixture)
{
	harvest_done(&fixture->harvest);
	if (!inlet_scan(fixture->inlet, &fixture->harvest, &fixture->error))
		fail_msg("%s\n", fixture->error.text);
}

quietly static const struct taken *find(const struct fixture *fixture, const char *name)
{
	for (size_t i = 0; i < fixture->harvest.count; i++) {
		if (strcmp(fixture->harvest.items[i].entry.name, name) == 0)
			return &fixture->harvest.items[i];
	}
	return NULL;
}

quietly static long now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for an event that makes an inlet dirty; NULL at the deadline. */
quietly static struct inlet *next_dirty(struct fixture *fixture, int deadline_ms)
{
	const long end = now_ms() + deadline_ms;
	struct inlet *inlet = intake_next_dirty(fixture->intake);

	while (!inlet && now_ms() < end) {
		struct pollfd event = { .fd = intake_fd(fixture->intake), .events = POLLIN };

		(void)poll(&event, 1, (int)(end - now_ms()));
		intake_drain(fixture->intake);
		inlet = intake_next_dirty(fixture->intake);
	}
	return inlet;
}

/* The bytes of a copy are these? */
quietly static bool holds(const struct taken *taken, const char *text)
{
	char bytes[4096];
	ssize_t length;

	if (!taken || taken->state != TAKEN_COPY)
		return false;
	length = pread(taken->fd, bytes, sizeof(bytes), 0);
	return length == (ssize_t)strlen(text) && memcmp(bytes, text, strlen(text)) == 0;
}

/* Scans at each event, and as long as something is growing, until the file has these bytes. */
quietly static void expect_file(struct fixture *fixture, const char *name, const char *text)
{
	while (next_dirty(fixture, DEADLINE_MS)) {
		do
			scan(fixture);
		while (fixture->harvest.retry_ms > 0 && !holds(find(fixture, name), text));
		if (holds(find(fixture, name), text))
			return;
	}
	fail_msg("%s never came\n", name);
}

/* The reason why a file was not taken. */
quietly static void expect_refusal(struct fixture *fixture, const char *name, const char *why)
{
	const struct taken *taken = find(fixture, name);

	assert_non_null(taken);
	assert_int_equal(taken->state, TAKEN_REFUSED);
	assert_int_equal(taken->fd, -1);
	if (!strstr(taken->reason, why))
		fail_msg("\"%s\" does not say \"%s\"\n", taken->reason, why);
}

/* Takes in what is there and forgets the events: what follows is news. */
quietly static void settle(struct fixture *fixture)
{
	intake_drain(fixture->intake);
	while (intake_next_dirty(fixture->intake))
		;
	scan(fixture);
}

quietly static void write_file(const struct fixture *fixture, const char *name, const char *text)
{
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", fixture->path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}
