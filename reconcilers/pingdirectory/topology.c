/*
 * Who the servers are. Each server of a topology has a name of its own, never changed, by which the
 * registry knows it: the instance-name of its global configuration, which is its entry cn=config.
 * Whoever may read the registry may read that.
 *
 * So it is seen, before anything is written, that the target's server is the instance: another one
 * would lose its key pair. And so it is seen whom the registry names and `peers` forgets. Servers
 * of other products may be in the same topology, as PingDirectoryProxy is: they have their copies
 * of the registry and their names like all others, and count like them.
 *
 * Where a server does not tell its name, nothing is concluded from that: it may be any.
 *
 * https://developer.pingidentity.com/reference/pingdirectory/10.2.0.0/config-guide/global.html
 * https://docs.pingidentity.com/pingdirectory/10.1/installing_the_pingdirectory_suite_of_products/pd_ds_upgrade_servers_in_topology.html
 */

#include "reconcilers/pingdirectory/pingdirectory.h"

#include <string.h>
#include <strings.h>

static const char others[] = "other instances";

/* ---- asking ---- */

static const char *question_name(struct arena *arena, const struct server *server)
{
	return arena_printf(arena, "instance at %s", server->url);
}

static void ask_name(struct ping *p, const struct server *server)
{
	struct ldap_step search = request_to(p->plan, p->settings, server);
	const char *row[] = { "name", "ds-cfg-instance-name", "text" };
	const char *codes[] = { "0", "32", "50" };
	struct words words = { .items = row, .count = 3 };

	search.base = "cn=config";
	search.scope = "base";
	search.pick = (struct rows){ .items = &words, .count = 1 };
	search.success = (struct words){ .items = codes, .count = 3 };
	plan_ask_ldap(p->plan, question_name(p->arena, server),
			arena_printf(p->arena, "see which instance %s is", server->url), &search)
			->together = 1;
}

/* Their names and, where no two may share one, their certificates. */
static void ask_others(struct ping *p)
{
	const struct server own = server_at(p->settings, 0);
	struct ldap_step search = request_to(p->plan, p->settings, &own);
	const char *name[] = { "names", "cn", "text" };
	struct words rows[1 + REGISTRY_PICKS] = { { .items = name, .count = 3 } };
	const struct rows picks = registry_picks(p->arena, p->slot);

	memcpy(rows + 1, picks.items, picks.count * sizeof(*rows));
	search.base = setting_text(p->settings, "registry");
	search.scope = "one";
	search.filter = arena_printf(p->arena, "(&(objectClass=ds-cfg-server-instance)(!(cn=%s)))",
			setting_text(p->settings, "instance"));
	search.label = "cn";
	search.pick = (struct rows){ .items = rows, .count = p->slot->own ? 1 + picks.count : 1 };
	plan_ask_ldap(p->plan, others,
			p->slot->own ? "see which certificates the other servers have"
				     : "see which other servers there are",
			&search)
			->together = 1;
}

void topology_ask(struct ping *p)
{
	for (size_t i = 0; i < server_count(p->settings); i++) {
		const struct server server = server_at(p->settings, i);

		if (!answer(p->seen, question_name(p->arena, &server)))
			ask_name(p, &server);
	}
	if (!answer(p->seen, others))
		ask_others(p);
}

/* ---- what was answered ---- */

/* NULL: it does not tell. */
static const char *name_at(const struct ping *p, size_t index)
{
	const struct server server = server_at(p->settings, index);
	const struct record *told = answer(p->seen, question_name(p->arena, &server));
	const struct words words = told ? record_words(told, "name") : (struct words){ 0 };

	return words.count > 1 ? words.items[1] : NULL;
}

static bool is_the_instance(struct ping *p)
{
	const struct server own = server_at(p->settings, 0);
	const char *instance = setting_text(p->settings, "instance");
	const struct record *told = answer(p->seen, question_name(p->arena, &own));
	const char *name = name_at(p, 0);

	if (is_silent(told))
		return pass_on(p, told);
	return !name || strcasecmp(name, instance) == 0 ||
			fail(p->error, ERROR_CONFIG,
					"%s is the server instance %s, not %s, so nothing is changed",
					own.url, name, instance);
}

/* A copied server root brings its key along, and replication refuses servers that share one. */
static bool is_nobodys(struct ping *p, const struct record *told)
{
	static const struct {
		const char *pick, *what;
	} picks[] = { { "certificates", "this certificate" }, { "keys", "its key" } };
	const char *const ours[] = { p->wanted->fingerprint, p->wanted->key_fingerprint };

	for (size_t k = 0; k < 2; k++) {
		const struct rows rows = record_rows(p->arena, told, picks[k].pick);

		for (size_t i = 0; i < rows.count; i++)
			if (ours[k] && words_contain(rows.items[i], ours[k]))
				return fail(p->error, ERROR_INPUT,
						"server instance %s has %s already; PingDirectory inter-server "
						"certificates allow no sharing",
						rows.items[i].items[0], picks[k].what);
	}
	return true;
}

static bool is_a_peer(const struct ping *p, const char *instance)
{
	for (size_t i = 1; i < server_count(p->settings); i++) {
		const char *name = name_at(p, i);

		if (name && strcasecmp(name, instance) == 0)
			return true;
	}
	return false;
}

/* "the server instance ds3 of the topology is not among `peers`". */
static const char *forgotten_words(
		struct arena *arena, const char *names, size_t count, size_t nameless)
{
	const bool one = count == 1;

	if (nameless > 0)
		return arena_printf(arena,
				"the server instances %s of the topology are not all among `peers`, "
				"and would be left behind",
				names);
	return arena_printf(arena,
			"the server instance%s %s of the topology %s not among `peers`, and would "
			"be left behind",
			one ? "" : "s", names, one ? "is" : "are");
}

/* A peer whose name is not known may be any one of those that are missing. */
static void find_forgotten(struct ping *p, const struct record *told)
{
	const struct rows rows = record_rows(p->arena, told, "names");
	const char *names = "";
	size_t count = 0, nameless = 0;

	for (size_t i = 1; i < server_count(p->settings); i++)
		nameless += name_at(p, i) ? 0 : 1;
	for (size_t i = 0; i < rows.count; i++) {
		const char *instance = rows.items[i].items[0];

		if (is_a_peer(p, instance))
			continue;
		names = arena_printf(p->arena, "%s%s%s", names, count > 0 ? ", " : "", instance);
		count++;
	}
	p->forgotten = count > nameless ? forgotten_words(p->arena, names, count, nameless) : "";
}

bool topology_read(struct ping *p)
{
	const struct record *told = answer(p->seen, others);

	if (!is_the_instance(p))
		return false;
	if (is_silent(told))
		return pass_on(p, told);
	find_forgotten(p, told);
	return !p->slot->own || is_nobodys(p, told);
}
