/*
 * What the cluster shows: the addresses, what they are asked, and the proof that they show the new
 * certificate.
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

enum { USUAL_SETTLE_MS = 250, OLD_WORKERS_SETTLE_MS = 3000 /* see settle_ms() */ };

/* Those that the operator names; else this certificate's port on each node. */
static struct words addresses_of(const struct redis *r)
{
	const struct words apis = setting_words(r->settings, "api");
	struct words addresses = setting_words(r->settings, "probe");

	if (addresses.count > 0 || !r->slot->port)
		return addresses;
	addresses.items = arena_new_many(r->arena, const char *, apis.count);
	for (size_t i = 0; i < apis.count; i++)
		addresses.items[addresses.count++] = arena_printf(
				r->arena, "%s:%s", host_of(r->arena, apis.items[i]), r->slot->port);
	return addresses;
}

static struct probe_step probe_of(const struct redis *r, const char *address)
{
	return (struct probe_step){
		.address = address,
		.protocol = "tls",
		.server_name = setting_text(r->settings, "server-name"),
	};
}

void cluster_ask_served(struct redis *r)
{
	const struct words addresses = addresses_of(r);

	for (size_t i = 0; i < addresses.count; i++) {
		const struct probe_step probe = probe_of(r, addresses.items[i]);

		plan_ask_probe(r->plan, addresses.items[i], "see what is served", &probe)
				->together = 2;
	}
}

enum serving { ALL_SERVE, SOME_UNREACHABLE, SOME_SERVE_ANOTHER };

static enum serving serving_at(const struct redis *r, const char *address)
{
	const struct record *told = answer(r->seen, address);
	const struct rows served = record_rows(r->arena, told, "served");

	for (size_t i = 0; i < served.count; i++)
		if (!equal(served.items[i].items[1], r->wanted->fingerprint))
			return SOME_SERVE_ANOTHER;
	return served.count == 0 || record_text(told, "failed") ? SOME_UNREACHABLE : ALL_SERVE;
}

static enum serving serving(const struct redis *r)
{
	const struct words addresses = addresses_of(r);
	enum serving worst = ALL_SERVE;

	for (size_t i = 0; i < addresses.count; i++) {
		const enum serving here = serving_at(r, addresses.items[i]);

		if (here > worst)
			worst = here;
	}
	return worst;
}

bool cluster_has_it(const struct redis *r)
{
	return cluster_has_it_installed(r) && serving(r) == ALL_SERVE;
}

bool cluster_is_partly_unreachable(const struct redis *r)
{
	return cluster_has_it_installed(r) && serving(r) == SOME_UNREACHABLE;
}

/* What was shown before the cluster told of its certificate is what it had then: whoever has replaced it in
 * between is not to be followed by a second replacement. */
enum known cluster_know_served(struct redis *r)
{
	const struct words addresses = addresses_of(r);

	if (!cluster_has_it_installed(r) || serving(r) == ALL_SERVE ||
			answer_is_later(r->seen, addresses.items[0], "certificate"))
		return KNOWN;
	cluster_ask_served(r);
	return ASKED;
}

/* ---- the proof ---- */

/* New workers of the proxy could still show the certificate of before: fixed in 7.8.6-36. */
static long settle_ms(const struct redis *r)
{
	if (setting_given(r->settings, "settle"))
		return (long)setting_number(r->settings, "settle");
	return version_is_before(r->oldest, "7.8.6-36") ? OLD_WORKERS_SETTLE_MS : USUAL_SETTLE_MS;
}

static void add_probe(struct redis *r, enum phase phase, const char *text, const char *address,
		const char *expect)
{
	struct probe_step probe = probe_of(r, address);
	struct step *step;

	probe.expect = expect;
	probe.times = (long)setting_number(r->settings, "times");
	probe.settle_ms = settle_ms(r);
	step = plan_probe(
			r->plan, phase, arena_printf(r->arena, "%s at %s", text, address), &probe);
	step->deadline_ms = (long)setting_number(r->settings, "probe-deadline");
	step->together = 3;
}

void cluster_add_proof(struct redis *r, enum phase phase)
{
	const struct words addresses = addresses_of(r);

	cluster_add_installed_proof(r, phase);
	for (size_t i = 0; i < addresses.count; i++)
		add_probe(r, phase, "see it served", addresses.items[i], r->wanted->fingerprint);
}

/* Where nothing is shown, the cluster's word has to do, as it has for the new one. */
void cluster_add_way_back_proof(struct redis *r)
{
	const struct words addresses = addresses_of(r);

	if (!cluster_has_way_back(r))
		return;
	if (addresses.count == 0)
		cluster_add_way_back_check(r);
	for (size_t i = 0; i < addresses.count; i++) {
		const struct words served =
				record_words(answer(r->seen, addresses.items[i]), "served");

		if (served.count > 1)
			add_probe(r, PHASE_UNDO, "see the old certificate", addresses.items[i],
					served.items[1]);
	}
}
