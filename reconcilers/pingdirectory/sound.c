/*
 * Are the settings sound together? What one of them alone can tell is checked already, by its form.
 */

#include "reconcilers/pingdirectory/pingdirectory.h"

#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535 };

/* ---- addresses of servers ---- */

/* "host:port", the same for all ways to write it; for addresses that are sound. */
static const char *address_of(struct arena *arena, const char *url)
{
	const char *host = strstr(url, "//") + 2, *port = server_port(url);
	const size_t length = port ? (size_t)(port - 1 - host) : strlen(host);
	char *name = arena_copy_bytes(arena, host, length);

	for (char *at = name; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	if (!port)
		port = strncmp(url, "ldaps:", strlen("ldaps:")) == 0 ? "636" : "389";
	return arena_printf(arena, "%s:%ld", name, strtol(port, NULL, 10));
}

bool sound_port(const char *url, struct error *error)
{
	const char *port = server_port(url);
	const size_t digits = port ? strspn(port, "0123456789") : 0;
	const long number = port ? strtol(port, NULL, 10) : 0;

	if (!port || (digits > 0 && !port[digits] && number >= 1 && number <= PORT_MAX))
		return true;
	return fail(error, ERROR_CONFIG, "the port of server \"%s\" is not from 1 to %d", url,
			(int)PORT_MAX);
}

bool sound_peers(const struct settings *settings, struct error *error)
{
	autoarena struct arena *arena = arena_new();
	const size_t count = server_count(settings);
	const char **known = arena_new_many(arena, const char *, count);

	for (size_t i = 0; i < count; i++) {
		const struct server server = server_at(settings, i);
		const struct words before = { .items = known, .count = i };

		known[i] = address_of(arena, server.url);
		if (i > 0 && equal(known[i], known[0]))
			return fail(error, ERROR_CONFIG,
					"%s is the server itself, which is no peer of its own",
					server.url);
		if (words_contain(before, known[i]))
			return fail(error, ERROR_CONFIG, "%s is among the peers twice", server.url);
	}
	return true;
}

/* ---- settings that would mean nothing ---- */

/* What counts only where another setting has a certain value. */
static const struct {
	const char *setting, *option, *value;
} bound[] = {
	{ "key-manager-provider", "certificate", "listener" },
	{ "trust-manager-provider", "certificate", "listener" },
	{ "target-alias", "certificate", "listener" },
	{ "reload-https", "certificate", "listener" },
	{ "rsa-max", "certificate", "inter-server" },
	{ "tool", "route", "tool" },
	{ "trust-store", "route", "tool" },
	{ "send", "route", "ldap" },
	{ "store-profile", "store-format", "pkcs12" },
};

static const char *const of_key_stores[] = { "store-format", "store-profile", "store-password-file",
	"key-password-file", "alias", NULL };
static const char *const of_ads_truststore[] = { "ads-alias", "keytool", NULL };

static const char *given_one(const struct settings *settings, const char *const *names)
{
	while (*names && !setting_given(settings, *names))
		names++;
	return *names;
}

bool sound_purpose(const struct settings *settings, struct error *error)
{
	const bool tool = equal(setting_text(settings, "route"), "tool");
	const bool store = tool || equal(setting_text(settings, "send"), "key-store");
	const bool truststore = setting_given(settings, "ads-truststore");
	const char *given = store ? NULL : given_one(settings, of_key_stores);

	if (given)
		return fail(error, ERROR_CONFIG,
				"%s means nothing unless a key store is sent, with route = \"tool\" or "
				"send = \"key-store\"",
				given);
	given = truststore ? NULL : given_one(settings, of_ads_truststore);
	if (given)
		return fail(error, ERROR_CONFIG, "%s means nothing without ads-truststore", given);
	if (!tool && !truststore && setting_given(settings, "user"))
		return fail(error, ERROR_CONFIG,
				"user means nothing without a program to run: with route = \"tool\" or "
				"ads-truststore");
	for (size_t i = 0; i < sizeof(bound) / sizeof(*bound); i++)
		if (setting_given(settings, bound[i].setting) &&
				!equal(setting_text(settings, bound[i].option), bound[i].value))
			return fail(error, ERROR_CONFIG, "%s means nothing unless %s = \"%s\"",
					bound[i].setting, bound[i].option, bound[i].value);
	return true;
}

/* ---- against other targets ---- */

/* Another topology may have an instance of the same name; one server is in one topology. */
struct words ping_replaces(const struct target *target, struct arena *arena)
{
	const struct settings *settings = target->settings;
	const size_t count = server_count(settings);
	struct words words = { .items = arena_new_many(arena, const char *, count),
		.count = count };

	for (size_t i = 0; i < count; i++)
		words.items[i] = arena_printf(arena, "%s of %s in the topology of %s",
				ping_slot(setting_text(settings, "certificate"))->called,
				setting_text(settings, "instance"),
				address_of(arena, server_at(settings, i).url));
	return words;
}
