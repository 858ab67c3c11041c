/*
 * May the user replace certificates? For that the role Admin is needed, which alone has the permission
 * update_cluster. A role that lacks it is found before anything is changed, and named.
 *
 * https://redis.io/docs/latest/operate/rs/references/rest-api/permissions/ and
 * https://redis.io/docs/latest/operate/rs/references/rest-api/requests/users/
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

static const char *const user_picks[][3] = {
	{ "email", "/*/email", "text" },
	{ "role", "/*/role", "text" },
};

/* rladmin needs no login. */
static bool matters(const struct redis *r)
{
	return !equal(setting_text(r->settings, "method"), "rladmin");
}

enum known rights_know(struct redis *r)
{
	struct http_step get = rest_request(r, r->settings, r->api, "GET", "/v1/users");

	r->users = answer(r->seen, "users");
	if (r->users || !matters(r))
		return KNOWN;
	get.pick = PICKS(r->arena, user_picks);
	get.success = words_of(r->arena, "200", "403", "404", NULL);
	plan_ask_http(r->plan, "users", "ask for the user's role", &get);
	return ASKED;
}

/* Of the user whose password we have: a token or a certificate does not tell whose it is. */
static const char *role_of(const struct redis *r)
{
	const struct words emails = record_words(r->users, "email");
	const struct words roles = record_words(r->users, "role");
	const char *user = setting_text(r->settings, "user");

	for (size_t i = 0; i < emails.count && i < roles.count; i++)
		if (equal(emails.items[i], user))
			return roles.items[i];
	return "";
}

bool rights_suffice(const struct redis *r)
{
	const char *user = setting_text(r->settings, "user");
	const char *role;

	if (!r->users || record_text(r->users, "failed"))
		return true;
	if (equal(record_text(r->users, "status"), "403"))
		return fail(r->error, ERROR_CONFIG,
				"the role of %s lacks update_cluster: certificates need the role Admin",
				user ? user : "whoever logs in");
	role = role_of(r);
	return !*role || equal(role, "admin") ||
			fail(r->error, ERROR_CONFIG,
					"the role of %s, %s, lacks update_cluster: certificates need "
					"the role Admin",
					user, role);
}
