#pragma once

/*
 * Watches: one inotify descriptor, and who wants to hear about which directory or about
 * which name in it. Several may listen to the same directory, and share a watch then.
 *
 *         watches_init(&watches, calls);
 *         watches_open(&watches, &error)                      again later when it fails
 *         watches_listen(&watches, directory, NULL, &listeners, who, &error)
 *         watches_drain(&watches, hear)                       when the descriptor is readable
 *         watches_leave(&watches, &listeners)
 *
 * Finding who listens costs the same however many there are: 10,000 drops below one
 * directory each listen for their own name in it.
 */

#include <stddef.h>
#include <stdint.h>

#include "controller/base/error.h"

struct intake_calls;
struct listener;
struct watch;

struct watches {
	int fd; /* -1: not open */
	const struct intake_calls *calls;
	struct watch **by_number;
	struct listener **by_name;
	size_t count;
	unsigned long long events;
};

void watches_init(struct watches *watches, const struct intake_calls *calls);
void watches_done(struct watches *watches);

/* Nothing to do when it is open already. ERROR_RETRY: inotify is not to be had. */
bool watches_open(struct watches *watches, struct error *error) must_check;

/* Lets `who` hear about all that happens in the open `directory`, or only about one name
 * in it (and about the directory itself), and adds the listener to the list. ERROR_RETRY:
 * no watch is to be had. */
bool watches_listen(struct watches *watches, int directory, const char *name,
		struct listener **listeners, void *who, struct error *error) must_check;
void watches_leave(struct watches *watches, struct listener **listeners);

/* What happened: an inotify mask, the name ("" when it is about the directory itself),
 * and whether the listener asked for a name. It may not listen or leave. */
typedef void watches_hear(void *who, uint32_t mask, const char *name, bool named);

/* Reads what is there, and tells. False: the queue had overflowed and anything may have
 * happened to anyone. */
bool watches_drain(struct watches *watches, watches_hear *hear) must_check;
