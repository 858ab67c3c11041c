/*
 * The certificates of a cluster, and what each of them has to be:
 * https://redis.io/docs/latest/operate/rs/security/certificates/ (the table),
 * .../create-certificates/ (keys, usages, chain), .../security/encryption/internode-encryption/.
 *
 * The chain is wanted up to its root, because from the versions on that look at it uploads without
 * one are refused; where a deployment does without, the target's `chain` says so.
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

#include <string.h>

const char *const slot_names[] = { "proxy", "syncer", "api", "cm", "metrics_exporter",
	"ldap_client", "mtls_trusted_ca", "internode", "sso_service", "sso_issuer", NULL };

/* GET /v1/cluster/certificates tells keys, too: only what is picked leaves the worker. */
#define LIST "/v1/cluster/certificates"

static const struct slot slots[] = {
	{ "proxy", { "proxy" }, .always = true, .path = "/v1/cluster",
			.pointer = "/proxy_certificate", .content = "fullchain", .rladmin = true,
			.between_clusters = true },
	{ "syncer", { "syncer" }, .always = true, .path = "/v1/cluster",
			.pointer = "/syncer_certificate", .content = "fullchain", .rladmin = true,
			.between_clusters = true },
	{ "api", { "api" }, .always = true, .port = "9443", .path = LIST, .pointer = "/api_cert",
			.content = "fullchain", .rladmin = true },
	{ "cm", { "cm" }, .always = true, .port = "8443", .path = LIST, .pointer = "/cm_cert",
			.content = "fullchain", .rladmin = true },
	{ "metrics_exporter", { "metrics_exporter" }, .always = true, .port = "8070", .path = LIST,
			.pointer = "/metrics_exporter_cert", .content = "fullchain",
			.rladmin = true },
	{ "ldap_client", { "ldap_client" }, .since = "7.4", .path = LIST,
			.pointer = "/ldap_client_cert", .content = "fullchain" },
	{ "mtls_trusted_ca", { "mtls_trusted_ca" }, .since = "7.8.4-18", .path = LIST,
			.pointer = "/mtls_trusted_ca_cert", .content = "ca", .keyless = true,
			.bundle = true },
	{ "internode", { "data_internode_encryption", "ccs_internode_encryption" },
			.since = "7.22.2", .path = LIST,
			.pointer = "/ccs_internode_encryption_cert", .content = "fullchain",
			.rladmin = true },
	{ "sso_service", { "sso_service" }, .since = "8.0.6", .path = LIST,
			.pointer = "/sso_service_cert", .content = "fullchain" },
	{ "sso_issuer", { "sso_issuer" }, .since = "8.0.6", .path = LIST,
			.pointer = "/sso_issuer_cert", .content = "leaf", .keyless = true },
};

const struct slot *slot_find(const char *name)
{
	const struct slot *slot = slots;

	while (strcmp(slot->name, name) != 0)
		slot++;
	return slot;
}

#define FOR(names) .when_option = "certificate", .when = (names)

static const char pairs[] =
		"proxy syncer api cm metrics_exporter ldap_client internode sso_service";

const struct rule slot_rules[] = {
	{ RULE_PARTS, .words = "key", FOR(pairs), .says = "Redis Enterprise certificates" },
	{ RULE_PARTS, .words = "ca", FOR("mtls_trusted_ca"),
			.says = "Redis Enterprise's mtls_trusted_ca certificates" },
	{ RULE_NO_KEY, .words = "authorities", FOR("mtls_trusted_ca"),
			.says = "Redis Enterprise's mtls_trusted_ca certificates" },
	{ RULE_NO_KEY, .words = "certificate", FOR("sso_issuer"),
			.says = "Redis Enterprise's sso_issuer certificates" },
	{ RULE_RSA_BITS, .min = 2048, .says = "Redis Enterprise certificates" },
	{ RULE_SIGNATURES, .words = "SHA1 MD5", .says = "Redis Enterprise certificates" },
	{ RULE_USAGES, .words = "serverAuth clientAuth",
			FOR("proxy syncer api cm metrics_exporter"),
			.says = "Redis Enterprise certificates" },
	/* certdrop itself would find no way to the API behind another one (rest.c). */
	{ RULE_NAMES, .words_option = "fqdn", FOR("api"), .says = "the target's setting `fqdn`" },
	{ RULE_USAGES, .words = "clientAuth", FOR("ldap_client internode"),
			.says = "Redis Enterprise certificates" },
	{ RULE_KEY_TYPES, .words = "RSA", FOR("internode"),
			.says = "Redis Enterprise's internode certificates" },
	{ RULE_CHAIN, .words = "root", .words_option = "chain", FOR(pairs),
			.says = "Redis Enterprise certificates" },
	{ .says = NULL },
};
