/*
 * The topology registry: below "cn=Server Instances,cn=Topology,cn=config" each server instance has
 * an entry with the certificates by which the others know it. Every server has a copy of it that
 * follows the primary's within one polling interval (5 s), so every server is asked, and waited
 * for.
 *
 * A value is a text of PEM blocks, several while an old certificate is being retired. A server
 * that finds anything else in it trusts nothing that is in it ("unreadable").
 */

#include "reconcilers/pingdirectory/pingdirectory.h"

#include <string.h>

static const char others[] = "other instances";

/* ---- asking ---- */

static const char *question_name(struct arena *arena, const struct server *server)
{
	return arena_printf(arena, "registry at %s", server->url);
}

static const struct record *told_by(const struct ping *p, size_t index)
{
	const struct server server = server_at(p->settings, index);

	return answer(p->seen, question_name(p->arena, &server));
}

static bool is_silent(const struct record *told)
{
	return !told || record_text(told, "failed");
}

/* Of each certificate, in the same order, which it is and on which key. */
static struct rows picks_of(struct arena *arena, const struct slot *slot)
{
	const char *const kinds[] = { "certificates", "keys" };
	struct rows picks = { .items = arena_new_many(arena, struct words, 2), .count = 2 };

	for (size_t i = 0; i < picks.count; i++) {
		const char **row = arena_new_many(arena, const char *, 3);

		row[0] = kinds[i];
		row[1] = slot->attribute;
		row[2] = kinds[i];
		picks.items[i] = (struct words){ .items = row, .count = 3 };
	}
	return picks;
}

/* A search at a server, as whom the settings say. */
static struct ldap_step search_at(const struct settings *settings, const struct server *server)
{
	return (struct ldap_step){
		.url = server->url,
		.ca_file = server->ca_file,
		.pin = server->pin,
		.server_name = server->server_name,
		.bind_dn = setting_text(settings, "bind-dn"),
		.password_file = setting_text(settings, "password-file"),
	};
}

static struct ldap_step search_own(const struct settings *settings, const struct slot *slot,
		const struct server *server, struct arena *arena)
{
	struct ldap_step search = search_at(settings, server);

	search.base = arena_printf(arena, "%scn=%s,%s", slot->branch,
			setting_text(settings, "instance"), setting_text(settings, "registry"));
	search.scope = "base";
	search.pick = picks_of(arena, slot);
	return search;
}

static void ask_at(const struct target *target, size_t index, struct plan *plan)
{
	const struct slot *slot = ping_slot(setting_text(target->settings, "certificate"));
	const struct server server = server_at(target->settings, index);
	struct ldap_step search = search_own(target->settings, slot, &server, plan->arena);
	const char *found_or_not[] = { "0", "32" };

	search.success = (struct words){ .items = found_or_not, .count = 2 };
	plan_ask_ldap(plan, question_name(plan->arena, &server),
			arena_printf(plan->arena, "see what the registry says at %s", server.url),
			&search)
			->together = 1;
}

static void ask_others(struct ping *p)
{
	const struct server own = server_at(p->settings, 0);
	struct ldap_step search = search_at(p->settings, &own);

	search.base = setting_text(p->settings, "registry");
	search.scope = "one";
	search.filter = arena_printf(p->arena, "(&(objectClass=ds-cfg-server-instance)(!(cn=%s)))",
			setting_text(p->settings, "instance"));
	search.label = "cn";
	search.pick = picks_of(p->arena, p->slot);
	plan_ask_ldap(p->plan, others, "see which certificates the other servers have", &search)
			->together = 1;
}

void registry_ask(const struct target *target, struct plan *plan)
{
	ask_at(target, 0, plan);
}

bool registry_known(struct ping *p)
{
	const size_t before = p->plan->count;

	if (is_silent(told_by(p, 0)))
		return true;
	for (size_t i = 1; i < server_count(p->settings); i++)
		if (!told_by(p, i))
			ask_at(p->target, i, p->plan);
	if (p->slot->own && !answer(p->seen, others))
		ask_others(p);
	return p->plan->count == before;
}

/* ---- what was answered ---- */

/* The kind of error is that of the answer: a wrong password is not waited for. */
static bool pass_on(struct ping *p, const struct record *told)
{
	const struct words why = record_words(told, "failed");
	enum error_kind kind = ERROR_RETRY;

	if (why.count > 1)
		(void)error_kind_read(why.items[1], &kind);
	return fail(p->error, kind, "the topology registry: %s",
			why.count > 0 ? why.items[0] : "it was not asked");
}

/* The values of a pick, behind the label of their entry. */
static struct words values_of(const struct record *told, const char *pick)
{
	struct words words = record_words(told, pick);

	if (words.count > 0) {
		words.items++;
		words.count--;
	}
	return words;
}

static bool is_ours(const struct ping *p, const char *fingerprint)
{
	return strcmp(fingerprint, p->wanted->fingerprint) == 0 ||
			strcmp(fingerprint, "unreadable") == 0 ||
			words_contain(p->wanted->chain, fingerprint);
}

static void read_own(struct ping *p, const struct record *told)
{
	p->registered = values_of(told, "certificates");
	p->same_key = p->wanted->key_fingerprint &&
			words_contain(values_of(told, "keys"), p->wanted->key_fingerprint);
	p->retired.items = arena_new_many(p->arena, const char *, p->registered.count + 1);
	for (size_t i = 0; i < p->registered.count; i++)
		if (!is_ours(p, p->registered.items[i]))
			p->retired.items[p->retired.count++] = p->registered.items[i];
}

static void read_peers(struct ping *p)
{
	p->offline = "";
	for (size_t i = 1; i < server_count(p->settings); i++)
		if (is_silent(told_by(p, i)))
			p->offline = arena_printf(p->arena, "%s%s%s", p->offline,
					*p->offline ? ", " : "", server_at(p->settings, i).url);
}

/* A copied server root brings its key along, and replication refuses servers that share one. */
static bool is_nobodys(struct ping *p)
{
	static const struct {
		const char *pick, *what;
	} picks[] = { { "certificates", "this certificate" }, { "keys", "its key" } };
	const struct record *told = answer(p->seen, others);
	const char *const ours[] = { p->wanted->fingerprint, p->wanted->key_fingerprint };

	if (is_silent(told))
		return pass_on(p, told);
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

bool registry_read(struct ping *p)
{
	const struct record *told = told_by(p, 0);

	if (is_silent(told))
		return pass_on(p, told);
	if (equal(record_text(told, "code"), "32"))
		return fail(p->error, ERROR_CONFIG,
				"the topology registry has no entry for the server instance %s below %s",
				setting_text(p->settings, "instance"),
				setting_text(p->settings, "registry"));
	read_own(p, told);
	read_peers(p);
	return !p->slot->own || is_nobodys(p);
}

bool registry_has_it(const struct ping *p)
{
	for (size_t i = 0; i < server_count(p->settings); i++) {
		const struct record *told = told_by(p, i);

		if (!is_silent(told) &&
				!words_contain(values_of(told, "certificates"),
						p->wanted->fingerprint))
			return false;
	}
	return true;
}

/* ---- proving ---- */

static struct words named(struct arena *arena, const char *pick, struct words values)
{
	struct words words = { .items = arena_new_many(arena, const char *, values.count + 1) };

	words.items[words.count++] = pick;
	for (size_t i = 0; i < values.count; i++)
		words.items[words.count++] = values.items[i];
	return words;
}

void registry_prove(const struct ping *p, bool gone)
{
	const char *fingerprint = p->wanted->fingerprint;

	for (size_t i = 0; i < server_count(p->settings); i++) {
		const struct server server = server_at(p->settings, i);
		struct ldap_step search = search_own(p->settings, p->slot, &server, p->arena);
		struct step *step;

		if (is_silent(told_by(p, i)))
			continue;
		search.until = named(p->arena, "certificates",
				(struct words){ .items = &fingerprint, .count = 1 });
		if (gone)
			search.gone = named(p->arena, "certificates", p->retired);
		step = plan_ldap(p->plan, PHASE_PROVE,
				arena_printf(p->arena,
						gone ? "see it alone in the registry at %s"
						     : "see it in the registry at %s",
						server.url),
				&search);
		step->deadline_ms = (long)setting_number(p->settings, "registry-deadline");
		step->together = 1;
	}
}
