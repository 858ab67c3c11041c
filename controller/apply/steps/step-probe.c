/* Probing: a completed handshake with every address behind a name. As a question, each is
 * asked once. As a step, each is asked until it served the expected certificate as often
 * as was said, in a row: after a reload old workers answer for a while. */
#define _GNU_SOURCE
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "controller/apply/deadline.h"
#include "controller/apply/job.h"
#include "controller/apply/tls/tcp.h"
#include "controller/apply/tls/tls.h"

enum { FIRST_PAUSE_MS = 5, LONGEST_PAUSE_MS = 250, SETTLE_PAUSE_MS = 20 };

struct probe {
	struct arena *arena;
	const struct probe_step *step;
	const char *text; /* which is told in front of whatever went wrong */
	struct tls_peer peer;
	long long deadline;
};

static void addrinfo_done(struct addrinfo **list)
{
	if (*list)
		freeaddrinfo(*list);
}

static bool resolve(struct probe *probe, struct addrinfo **list, struct error *error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *host = NULL, *port = NULL;
	int result;

	if (!tcp_split(probe->arena, probe->step->address, &host, &port, error))
		return false;
	result = getaddrinfo(host, port, &hints, list);
	if (result != 0)
		return fail(error, ERROR_RETRY, "%s: %s", host, gai_strerror(result));
	probe->peer.server_name = arena_copy(probe->arena, probe->step->server_name);
	if (!probe->peer.server_name && !tcp_is_numeric(host))
		probe->peer.server_name = arena_copy(probe->arena, host);
	return true;
}

static const char *address_text(struct arena *arena, const struct addrinfo *address)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof(host), port,
			    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return "?";
	return arena_printf(arena, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static bool shake(struct probe *probe, const struct addrinfo *address, struct tls_result *result,
		struct error *error)
{
	probe->peer.address = address->ai_addr;
	probe->peer.address_size = address->ai_addrlen;
	return tls_handshake(&probe->peer, probe->deadline, result, error);
}

/* ---- as a question ---- */

static void add_failed(struct probe *probe, struct record *answer, const char *address,
		const struct error *why)
{
	const char *items[] = { address, why->text };

	record_add(probe->arena, answer, "failed", (struct words){ .items = items, .count = 2 });
}

static void ask_address(struct probe *probe, const struct addrinfo *address, struct record *answer)
{
	const char *where = address_text(probe->arena, address);
	struct tls_result result;
	const char *items[3];
	struct error error;

	if (!shake(probe, address, &result, &error)) {
		add_failed(probe, answer, where, &error);
		return;
	}
	items[0] = where;
	items[1] = result.served.fingerprint.hex;
	items[2] = arena_printf(probe->arena, "%lld", result.served.not_after);
	record_add(probe->arena, answer, "served", (struct words){ .items = items, .count = 3 });
}

/* ---- as a step ---- */

/* The address, unless it is told already. */
static bool fail_at(const struct probe *probe, const struct addrinfo *address, struct error *error)
{
	const char *where = address_text(probe->arena, address);

	return probe->text && strstr(probe->text, where) ? false : fail_while(error, "%s", where);
}

static bool serves_expected(
		struct probe *probe, const struct addrinfo *address, struct error *error)
{
	struct tls_result result;

	if (!shake(probe, address, &result, error))
		return false;
	if (strcmp(result.served.fingerprint.hex, probe->step->expect) != 0)
		return fail(error, ERROR_RETRY, "it serves %.16s instead of %.16s",
				result.served.fingerprint.hex, probe->step->expect);
	if (*result.refused && !(probe->step->refusal && result.for_certificate))
		return fail(error, ERROR_RETRY, "TLS handshake: %s", result.refused);
	return true;
}

static int longer(int pause)
{
	return pause * 2 < LONGEST_PAUSE_MS ? pause * 2 : LONGEST_PAUSE_MS;
}

/* A name server that fails for a moment says nothing about what is served. */
static bool resolve_in_time(struct probe *probe, struct addrinfo **list, struct error *error)
{
	for (int pause = FIRST_PAUSE_MS; !resolve(probe, list, error); pause = longer(pause)) {
		if (error->kind != ERROR_RETRY || deadline_left(probe->deadline) == 0)
			return false;
		deadline_pause(pause, probe->deadline);
	}
	return true;
}

/* Often enough in a row, and for long enough? */
static bool is_settled(const struct probe *probe, long seen, long long since)
{
	const long times = probe->step->times > 0 ? probe->step->times : 1;

	return seen >= times && deadline_now() - since >= probe->step->settle_ms;
}

static bool wait_until_served(
		struct probe *probe, const struct addrinfo *address, struct error *error)
{
	int pause = FIRST_PAUSE_MS;
	long long since = 0;
	struct error last;

	for (long seen = 0; seen == 0 || !is_settled(probe, seen, since);) {
		if (serves_expected(probe, address, error)) {
			if (seen++ == 0)
				since = deadline_now();
			else if (probe->step->settle_ms > 0)
				deadline_pause(SETTLE_PAUSE_MS, probe->deadline);
			continue;
		}
		/* The deadline may cut an attempt short: the one before tells more. */
		if (deadline_left(probe->deadline) == 0) {
			if (pause > FIRST_PAUSE_MS && strstr(error->text, "in time"))
				*error = last;
			return fail_at(probe, address, error);
		}
		if (error->kind != ERROR_RETRY)
			return false;
		last = *error;
		seen = 0;
		deadline_pause(pause, probe->deadline);
		pause = longer(pause);
	}
	return true;
}

static bool is_duplicate(const struct addrinfo *list, const struct addrinfo *address)
{
	for (; list != address; list = list->ai_next)
		if (list->ai_addrlen == address->ai_addrlen &&
				memcmp(list->ai_addr, address->ai_addr, list->ai_addrlen) == 0)
			return true;
	return false;
}

/* ---- both ---- */

static bool read_protocol(struct probe *probe, struct error *error)
{
	const char *protocol = probe->step->protocol;
	const char *refusal = probe->step->refusal;

	if (protocol && !preamble_read(protocol, &probe->peer.preamble))
		return fail(error, ERROR_CONFIG, "unknown protocol \"%s\"", protocol);
	return !refusal || strcmp(refusal, "counts") == 0 ||
			fail(error, ERROR_CONFIG, "a refusal cannot be \"%s\"", refusal);
}

bool probe_take(struct arena *arena, const struct step *step, struct record *answer,
		struct error *error)
{
	autodone(addrinfo) struct addrinfo *list = NULL;
	struct probe_step read;
	struct probe probe = {
		.arena = arena, .step = &read, .text = step->text, .deadline = deadline_of(step)
	};

	probe_step_read(arena, step, &read);
	probe.peer.client_certificate = read.client_certificate;
	probe.peer.client_key = read.client_key;
	if (!read_protocol(&probe, error))
		return false;
	if (!answer && !read.expect)
		return fail(error, ERROR_INTERNAL, "a probe without an expected fingerprint");
	if (!answer && !resolve_in_time(&probe, &list, error))
		return false;
	if (answer && !resolve(&probe, &list, error)) {
		add_failed(&probe, answer, read.address ? read.address : "", error);
		return true;
	}
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		if (is_duplicate(list, a))
			continue;
		if (answer)
			ask_address(&probe, a, answer);
		else if (!wait_until_served(&probe, a, error))
			return false;
	}
	return true;
}
