/*
 * The servers that a target names: its own and its peers, how they are reached, and as whom.
 */

#include "reconcilers/pingdirectory/pingdirectory.h"

#include <string.h>

size_t server_count(const struct settings *settings)
{
	return 1 + setting_count(settings, "peers");
}

struct server server_at(const struct settings *settings, size_t index)
{
	const struct settings *group =
			index == 0 ? settings : setting_item(settings, "peers", index - 1);

	return (struct server){
		.url = setting_text(group, "server"),
		.ca_file = setting_text(group, "ca-file"),
		.pin = setting_text(group, "pin"),
		.server_name = setting_text(group, "server-name"),
		.replaced_by = setting_words(group, "replaced-by"),
	};
}

static const char *pins_of(const struct plan *plan, const struct server *server)
{
	const char *pins = server->pin;

	for (size_t i = 0; i < server->replaced_by.count; i++)
		pins = plan_add_pins(plan, pins, server->replaced_by.items[i]);
	return pins;
}

struct ldap_step request_to(const struct plan *plan, const struct settings *settings,
		const struct server *server)
{
	return (struct ldap_step){
		.url = server->url,
		.ca_file = server->ca_file,
		.pin = pins_of(plan, server),
		.server_name = server->server_name,
		.bind_dn = setting_text(settings, "bind-dn"),
		.password_file = setting_text(settings, "password-file"),
	};
}

struct ldap_step request_to_own(const struct plan *plan, const struct settings *settings)
{
	const struct server own = server_at(settings, 0);

	return request_to(plan, settings, &own);
}

const char *server_port(const char *url)
{
	const char *colon = strrchr(strstr(url, "//"), ':');

	return colon && !strchr(colon, ']') ? colon + 1 : NULL;
}

bool is_silent(const struct record *told)
{
	return !told || record_text(told, "failed");
}

/* ---- are they told soundly? ---- */

static bool check_server(const struct server *server, struct error *error)
{
	const char *host = strstr(server->url, "//");

	if ((strncmp(server->url, "ldaps://", strlen("ldaps://")) != 0 &&
			    strncmp(server->url, "ldap://", strlen("ldap://")) != 0) ||
			!host[2] || strchr(host + 2, '/'))
		return fail(error, ERROR_CONFIG,
				"server \"%s\" is not ldaps://host:port or ldap://host:port",
				server->url);
	if (!sound_port(server->url, error))
		return false;
	if (server->replaced_by.count > 0 && !server->pin)
		return fail(error, ERROR_CONFIG, "replaced-by of %s is nothing without a pin",
				server->url);
	if (server->pin && server->ca_file)
		return fail(error, ERROR_CONFIG, "%s has both a pin and a ca-file", server->url);
	return true;
}

/* It becomes a part of names and filters of LDAP, in which other characters mean something. */
static bool check_instance(const struct settings *settings, struct error *error)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._- ";
	const char *instance = setting_text(settings, "instance");

	return (*instance && strspn(instance, allowed) == strlen(instance)) ||
			fail(error, ERROR_CONFIG,
					"instance \"%s\" is not made of letters, digits, dots, dashes, "
					"underscores and blanks",
					instance);
}

bool servers_check(const struct settings *settings, struct error *error)
{
	if (!check_instance(settings, error))
		return false;
	for (size_t i = 0; i < server_count(settings); i++) {
		const struct server server = server_at(settings, i);

		if (!check_server(&server, error))
			return false;
	}
	return sound_peers(settings, error);
}
