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

struct rows registry_picks(struct arena *arena, const struct slot *slot)
{
	const char *const kinds[REGISTRY_PICKS] = { "certificates", "keys" };
	struct rows picks = { .items = arena_new_many(arena, struct words, REGISTRY_PICKS),
		.count = REGISTRY_PICKS };

	for (size_t i = 0; i < picks.count; i++) {
		const char **row = arena_new_many(arena, const char *, 3);

		row[0] = kinds[i];
		row[1] = slot->attribute;
		row[2] = kinds[i];
		picks.items[i] = (struct words){ .items = row, .count = 3 };
	}
	return picks;
}

static struct ldap_step search_own(const struct plan *plan, const struct settings *settings,
		const struct slot *slot, const struct server *server)
{
	struct ldap_step search = request_to(plan, settings, server);

	search.base = arena_printf(plan->arena, "%scn=%s,%s", slot->branch,
			setting_text(settings, "instance"), setting_text(settings, "registry"));
	search.scope = "base";
	search.pick = registry_picks(plan->arena, slot);
	return search;
}

static void ask_at(const struct target *target, size_t index, struct plan *plan)
{
	const struct slot *slot = ping_slot(setting_text(target->settings, "certificate"));
	const struct server server = server_at(target->settings, index);
	struct ldap_step search = search_own(plan, target->settings, slot, &server);
	const char *found_or_not[] = { "0", "32" };

	search.success = (struct words){ .items = found_or_not, .count = 2 };
	plan_ask_ldap(plan, question_name(plan->arena, &server),
			arena_printf(plan->arena, "see what the registry says at %s", server.url),
			&search)
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
	topology_ask(p);
	return p->plan->count == before;
}

/* ---- what was answered ---- */

bool pass_on(struct ping *p, const struct record *told)
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

/* Why it cannot be asked begins with where. */
static void read_peers(struct ping *p)
{
	const char *urls = "", *reasons = "";

	for (size_t i = 1; i < server_count(p->settings); i++) {
		const struct record *told = told_by(p, i);
		const char *why = record_text(told, "failed");

		if (!is_silent(told))
			continue;
		urls = arena_printf(p->arena, "%s%s%s", urls, *urls ? ", " : "",
				server_at(p->settings, i).url);
		reasons = arena_printf(p->arena, "%s%s%s", reasons, *reasons ? "; " : "",
				why ? why : "not asked yet");
	}
	p->offline = *urls ? arena_printf(p->arena,
					     "%s could not be asked, and would be left behind: %s",
					     urls, reasons)
			   : "";
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
	return true;
}

const char *registry_shows(
		const struct target *target, const char *wanted, const struct answers *seen)
{
	const struct ping p = { .settings = target->settings, .seen = seen, .arena = seen->arena };
	const struct record *told = told_by(&p, 0);
	struct words values;

	if (is_silent(told))
		return NULL;
	values = values_of(told, "certificates");
	if (wanted && words_contain(values, wanted))
		return wanted;
	return values.count > 0 && !equal(values.items[0], "unreadable") ? values.items[0] : NULL;
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
		struct ldap_step search = search_own(p->plan, p->settings, p->slot, &server);
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
