/*
 * What a server uses, which is not what the registry says of it: the certificate that it shows in
 * handshakes, and the one in its own key store.
 *
 * The replication port shows the inter-server certificate and lets only its peers in: the refusal
 * of a client without a certificate is the best that there is. The key store of inter-server
 * certificates, config/ads-truststore, is a JKS; keytool lists it without a password. LDAPS, HTTPS
 * and StartTLS show the listener certificate.
 */

#include "reconcilers/pingdirectory/pingdirectory.h"

#include <string.h>

enum { KEYTOOL_POLL_MS = 1000 };

/* How addresses are asked: the options that name them, and their protocols. */
static const struct {
	const char *option, *protocol;
} kinds[] = {
	{ "probe", "tls" },
	{ "probe-starttls", "ldap" },
};
enum { KIND_COUNT = sizeof(kinds) / sizeof(*kinds) };

static const char key_store[] = "key store";

static struct probe_step probe_of(const struct settings *settings, size_t kind, const char *address)
{
	const bool inter_server = equal(setting_text(settings, "certificate"), "inter-server");

	return (struct probe_step){
		.address = address,
		.protocol = kinds[kind].protocol,
		.refusal = inter_server ? "counts" : NULL,
	};
}

static struct command_step keytool_of(struct arena *arena, const struct settings *settings)
{
	const char *const argv[] = { setting_text(settings, "keytool"), "-list", "-storetype",
		"JKS", "-keystore", setting_text(settings, "ads-truststore"), "-alias",
		setting_text(settings, "ads-alias") };
	const size_t count = sizeof(argv) / sizeof(*argv);
	struct words words = { .items = arena_new_many(arena, const char *, count),
		.count = count };

	memcpy(words.items, argv, sizeof(argv));
	return (struct command_step){ .argv = words, .user = setting_text(settings, "user") };
}

static char capital(char c)
{
	if (c >= 'a' && c <= 'f')
		return (char)(c - 'a' + 'A');
	return c;
}

/* As keytool writes it: "9F:2C:..." */
static const char *with_colons(struct arena *arena, const char *fingerprint)
{
	char *text = arena_alloc(arena, strlen(fingerprint) * 3 / 2 + 1);
	char *to = text;

	for (size_t i = 0; fingerprint[i]; i++) {
		if (i > 0 && i % 2 == 0)
			*to++ = ':';
		*to++ = capital(fingerprint[i]);
	}
	return text;
}

/* ---- asking ---- */

static void ask_key_store(const struct settings *settings, struct plan *plan)
{
	struct command_step keytool = keytool_of(plan->arena, settings);
	const char **pick = arena_new_many(plan->arena, const char *, 2);
	struct words row = { .items = pick, .count = 2 };

	pick[0] = "fingerprint";
	pick[1] = "(([0-9A-F]{2}:){31}[0-9A-F]{2})";
	keytool.pick = (struct rows){ .items = &row, .count = 1 };
	plan_ask_command(plan, key_store, "see which certificate is in the key store", &keytool)
			->together = 1;
}

void use_ask(const struct target *target, struct plan *plan)
{
	const struct settings *settings = target->settings;

	for (size_t k = 0; k < KIND_COUNT; k++) {
		const struct words addresses = setting_words(settings, kinds[k].option);

		for (size_t i = 0; i < addresses.count; i++) {
			const struct probe_step probe = probe_of(settings, k, addresses.items[i]);

			plan_ask_probe(plan, addresses.items[i], "see what is served", &probe)
					->together = 1;
		}
	}
	if (setting_text(settings, "ads-truststore"))
		ask_key_store(settings, plan);
}

/* ---- what was answered ---- */

static char small(char c)
{
	if (c >= 'A' && c <= 'F')
		return (char)(c - 'A' + 'a');
	return c;
}

/* The other way round. */
static const char *without_colons(struct arena *arena, const char *shown)
{
	char *text = arena_alloc(arena, strlen(shown) + 1);
	char *to = text;

	for (; *shown; shown++)
		if (*shown != ':')
			*to++ = small(*shown);
	*to = '\0';
	return text;
}

const char *use_shows(const struct answers *seen)
{
	const struct record *told = answer(seen, key_store);
	const char *shown = told ? record_text(told, "fingerprint") : NULL;

	return shown ? without_colons(seen->arena, shown) : NULL;
}

static bool read_address(struct ping *p, const char *address, bool *in_use)
{
	const struct record *told = answer(p->seen, address);
	const struct rows served = record_rows(p->arena, told, "served");
	const struct words failed = record_words(told, "failed");

	if (failed.count > 0 || served.count == 0)
		return fail(p->error, ERROR_RETRY,
				"nobody could see at %s whether it works, so nothing is changed: %s",
				address, failed.count > 1 ? failed.items[1] : "no answer");
	for (size_t i = 0; i < served.count; i++)
		*in_use = *in_use && served.items[i].count > 1 &&
				equal(served.items[i].items[1], p->wanted->fingerprint);
	return true;
}

static bool read_key_store(struct ping *p, bool *in_use)
{
	const struct record *told = answer(p->seen, key_store);
	const char *fingerprint = record_text(told, "fingerprint");

	if (!fingerprint)
		return fail(p->error, ERROR_CONFIG, "%s does not show the entry %s of %s%s%s",
				setting_text(p->settings, "keytool"),
				setting_text(p->settings, "ads-alias"),
				setting_text(p->settings, "ads-truststore"),
				record_text(told, "failed") ? ": " : "",
				record_text(told, "failed") ? record_text(told, "failed") : "");
	*in_use = *in_use && equal(fingerprint, with_colons(p->arena, p->wanted->fingerprint));
	return true;
}

bool use_read(struct ping *p, bool *in_use)
{
	*in_use = true;
	for (size_t k = 0; k < KIND_COUNT; k++) {
		const struct words addresses = setting_words(p->settings, kinds[k].option);

		for (size_t i = 0; i < addresses.count; i++)
			if (!read_address(p, addresses.items[i], in_use))
				return false;
	}
	return !setting_text(p->settings, "ads-truststore") || read_key_store(p, in_use);
}

static bool is_ours_at(const struct ping *p, const char *address, struct words ours)
{
	const struct rows served = record_rows(p->arena, answer(p->seen, address), "served");

	for (size_t i = 0; i < served.count; i++)
		if (served.items[i].count > 1 && !words_contain(ours, served.items[i].items[1]))
			return false;
	return true;
}

bool use_is_ours(const struct ping *p)
{
	const struct words ours = plan_in_service(p->plan, p->target->name);
	const char *shown = use_shows(p->seen);

	for (size_t k = 0; k < KIND_COUNT; k++) {
		const struct words addresses = setting_words(p->settings, kinds[k].option);

		for (size_t i = 0; i < addresses.count; i++)
			if (!is_ours_at(p, addresses.items[i], ours))
				return false;
	}
	return !shown || words_contain(ours, shown);
}

/* ---- proving ---- */

/* Before: what was served there, or NULL for nothing; else the wanted one. */
static const char *expected_at(const struct ping *p, enum phase phase, const char *address)
{
	const struct words served = record_words(answer(p->seen, address), "served");

	if (phase != PHASE_UNDO)
		return p->wanted->fingerprint;
	return served.count > 1 ? served.items[1] : NULL;
}

static void prove_address(const struct ping *p, enum phase phase, size_t kind, const char *address)
{
	struct probe_step probe = probe_of(p->settings, kind, address);
	const char *text = phase == PHASE_UNDO ? "see the old certificate" : "see it served";
	struct step *step;

	probe.expect = expected_at(p, phase, address);
	if (!probe.expect)
		return;
	probe.times = (long)setting_number(p->settings, "times");
	probe.settle_ms = (long)setting_number(p->settings, "settle");
	step = plan_probe(
			p->plan, phase, arena_printf(p->arena, "%s at %s", text, address), &probe);
	step->deadline_ms = (long)setting_number(p->settings, "probe-deadline");
	step->together = 1;
}

static void prove_key_store(const struct ping *p, enum phase phase)
{
	struct command_step keytool = keytool_of(p->arena, p->settings);
	const char *fingerprint = phase == PHASE_UNDO
			? record_text(answer(p->seen, key_store), "fingerprint")
			: with_colons(p->arena, p->wanted->fingerprint);
	struct step *step;

	keytool.expect = (struct words){ .items = &fingerprint, .count = 1 };
	keytool.poll_ms = KEYTOOL_POLL_MS;
	step = plan_command(p->plan, phase,
			phase == PHASE_UNDO ? "see the old certificate in the key store"
					    : "see it in the key store",
			&keytool);
	step->deadline_ms = (long)setting_number(p->settings, "probe-deadline");
	step->together = 1;
}

void use_prove(const struct ping *p, enum phase phase)
{
	for (size_t k = 0; k < KIND_COUNT; k++) {
		const struct words addresses = setting_words(p->settings, kinds[k].option);

		for (size_t i = 0; i < addresses.count; i++)
			prove_address(p, phase, k, addresses.items[i]);
	}
	if (setting_text(p->settings, "ads-truststore"))
		prove_key_store(p, phase);
}
