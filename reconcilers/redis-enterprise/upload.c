/*
 * How the cluster's certificate is replaced, by REST or by rladmin.
 *
 * https://redis.io/docs/latest/operate/rs/references/rest-api/requests/cluster/certificates/ and
 * https://redis.io/docs/latest/operate/rs/references/cli-utilities/rladmin/cluster/certificate/
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

enum { AGAIN_MS = 1000 /* between uploads while the cluster is busy */ };

/* New connections meet the new certificate; those that are open stay, with two exceptions. */
static enum disruption disruption_of(const struct redis *r)
{
	const char *oldest = r->oldest;

	if (equal(r->slot->name, "syncer") && version_is_before(oldest, "6.0.20-81"))
		return DISRUPTION_RESTART;
	if (equal(r->slot->name, "internode") && version_is_before(oldest, "8.0.20-96"))
		return DISRUPTION_RESTART;
	return DISRUPTION_NONE;
}

/* One element: {"name": ..., "certificate": ..., "key": ...} */
static const char *element(const struct redis *r, const char *name, const char *whose)
{
	const char *key = r->slot->keyless
			? ""
			: arena_printf(r->arena, ",\"key\":\"{content:%skey}\"", whose);

	return arena_printf(r->arena, "{\"name\":\"%s\",\"certificate\":\"{content:%s%s}\"%s}",
			name, whose, r->slot->content, key);
}

static void add_request(struct redis *r, enum phase phase, const char *text, const char *path,
		const char *body)
{
	struct http_step put = rest_request(r, r->settings, r->api, "PUT", path);
	struct step *step;

	put.body = body;
	put.poll_ms = AGAIN_MS;
	step = plan_http(r->plan, phase, text, &put);
	step->deadline_ms = (long)setting_number(r->settings, "upload-deadline");
	step->disruption = disruption_of(r);
}

/* The older of the two ways is deprecated from 7.22.2 on. Both internode certificates belong
 * together, but before 8.0.20-68 one request with the two of them could mix them up. */
static void add_rest_upload(struct redis *r, enum phase phase, const char *text, const char *whose)
{
	const char *oldest = r->oldest;
	const char *first = r->slot->names[0], *second = r->slot->names[1];

	if (version_is_before(oldest, "7.22.2")) {
		add_request(r, phase, text, "/v1/cluster/update_cert", element(r, first, whose));
	} else if (second && !version_is_before(oldest, "8.0.20-68")) {
		add_request(r, phase, text, "/v1/cluster/certificates",
				arena_printf(r->arena, "{\"certificates\":[%s,%s]}",
						element(r, first, whose),
						element(r, second, whose)));
	} else {
		add_request(r, phase, text, "/v1/cluster/certificates",
				arena_printf(r->arena, "{\"certificates\":[%s]}",
						element(r, first, whose)));
		if (second)
			add_request(r, phase, arena_printf(r->arena, "%s (control plane)", text),
					"/v1/cluster/certificates",
					arena_printf(r->arena, "{\"certificates\":[%s]}",
							element(r, second, whose)));
	}
}

/* "internal": the data plane's and the control plane's (from 7.22.2 on), each with a key. */
static struct words rladmin_words(const struct redis *r, const char *whose)
{
	const char *tool = setting_text(r->settings, "rladmin");
	const char *file = arena_printf(r->arena, "{fd:%s%s}", whose, r->slot->content);
	const char *key = arena_printf(r->arena, "{fd:%skey}", whose);

	if (r->slot->names[1])
		return words_of(r->arena, tool, "cluster", "certificate", "set", "internal",
				"dpine_certificate_file", file, "dpine_key_file", key,
				"cpine_certificate_file", file, "cpine_key_file", key, NULL);
	return words_of(r->arena, tool, "cluster", "certificate", "set", r->slot->name,
			"certificate_file", file, "key_file", key, NULL);
}

/* Its exit codes are not documented, so what it says counts, too; of "internal" just that it says
 * that something was set. */
static void add_rladmin_upload(
		struct redis *r, enum phase phase, const char *text, const char *whose)
{
	const char *said = r->slot->names[1]
			? "Set "
			: arena_printf(r->arena, "Set %s certificate", r->slot->name);
	const struct command_step command = {
		.argv = rladmin_words(r, whose),
		.user = setting_text(r->settings, "rladmin-user"),
		.expect = words_of(r->arena, said, NULL),
	};
	struct step *step = plan_command(r->plan, phase, text, &command);

	step->deadline_ms = (long)setting_number(r->settings, "upload-deadline");
	step->disruption = disruption_of(r);
}

static void add_upload(struct redis *r, enum phase phase, const char *text, const char *whose)
{
	if (equal(setting_text(r->settings, "method"), "rladmin"))
		add_rladmin_upload(r, phase, text, whose);
	else
		add_rest_upload(r, phase, text, whose);
}

void cluster_add_upload(struct redis *r)
{
	add_upload(r, PHASE_CHANGE,
			arena_printf(r->arena, "replace the certificate %s", r->slot->name), "");
}

void cluster_add_way_back_upload(struct redis *r)
{
	if (cluster_has_way_back(r))
		add_upload(r, PHASE_UNDO,
				arena_printf(r->arena, "put the old certificate %s back",
						r->slot->name),
				"predecessor:");
}
