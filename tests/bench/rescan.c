/*
 * Rescans of many files that did not change: a bare loop of readdir() and statx(), and certdrop's,
 * in turn.
 *
 *         bench-rescan DIRECTORY
 *
 * Fills the directory, and prints the medians of both in microseconds: "BARE CERTDROP".
 */
#define _GNU_SOURCE
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "controller/certdrop/intake/intake.h"

enum { FILES = 10000, ROUNDS = 41 };

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median(double *took)
{
	qsort(took, ROUNDS, sizeof(*took), compare);
	return took[ROUNDS / 2];
}

static void fill(int directory)
{
	for (int i = 0; i < FILES; i++) {
		char name[32];
		int fd;

		(void)snprintf(name, sizeof(name), "certificate-%05d.pem", i);
		fd = openat(directory, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		assert(fd >= 0 && write(fd, "not yet\n", 8) == 8 && close(fd) == 0);
	}
}

static double bare(const char *path)
{
	const double start = now_us();
	DIR *entries = opendir(path);
	const struct dirent *entry;

	assert(entries);
	while ((entry = readdir(entries))) {
		struct statx status;

		assert(statx(dirfd(entries), entry->d_name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS,
				       &status) == 0);
	}
	(void)closedir(entries);
	return now_us() - start;
}

static double ours(struct intake *intake)
{
	const double start = now_us();

	intake_rescan(intake);
	return now_us() - start;
}

/* The first scans: files that were only just written are looked at again. */
static void settle(struct intake *intake)
{
	const struct timespec pause = { .tv_nsec = 100000000 };

	for (;;) {
		struct inlet *inlet = intake_next_dirty(intake);
		autodone(harvest) struct harvest harvest = { 0 };
		struct error error;
		bool scanned;

		if (!inlet)
			return;
		nanosleep(&pause, NULL);
		scanned = inlet_scan(inlet, &harvest, &error);
		assert(scanned);
		intake_rescan(intake);
	}
}

int main(int argc, char **argv)
{
	double took[2][ROUNDS];
	struct intake *intake;
	int directory;

	if (argc != 2 || (directory = open(argv[1], O_DIRECTORY | O_RDONLY | O_CLOEXEC)) < 0) {
		(void)fprintf(stderr, "usage: bench-rescan DIRECTORY\n");
		return 2;
	}
	fill(directory);
	intake = intake_new(NULL);
	(void)intake_add_source(intake, argv[1], NULL, NULL);
	settle(intake);
	for (int round = 0; round < ROUNDS; round++) {
		took[0][round] = bare(argv[1]);
		took[1][round] = ours(intake);
		assert(!intake_next_dirty(intake));
	}
	printf("%.0f %.0f\n", median(took[0]), median(took[1]));
	intake_free(intake);
	(void)close(directory);
	return 0;
}
