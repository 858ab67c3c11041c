/* The kinds of certificates that a server has, as data.
 *
 * https://docs.pingidentity.com/pingdirectory/latest/managing_servers_and_certificates/pd_ds_replace_inter_server_certificate.html
 * https://docs.pingidentity.com/pingdirectory/9.3/managing_servers_and_certificates/pd_ds_replace_listener_certificates.html
 * https://github.com/pingidentity/ldapsdk: the classes of unboundidds.extensions for the operations,
 * unboundidds.TopologyRegistryTrustManager for the registry's entries */

#include "reconcilers/pingdirectory/pingdirectory.h"

#include <string.h>

const char *const ping_slot_names[] = { "inter-server", "listener", NULL };

static const struct slot slots[] = {
	{
			.name = "inter-server",
			.called = "the inter-server certificate",
			.branch = "",
			.attribute = "ds-cfg-inter-server-certificate",
			.replace = "replace-inter-server-certificate",
			.purge = "purge-retired-inter-server-certificates",
			.replace_operation = "1.3.6.1.4.1.30221.2.6.69",
			.purge_operation = "1.3.6.1.4.1.30221.2.6.71",
			.monitored = "(|(property=inter-server-certificate)"
				     "(keystore-file=*ads-truststore))",
			.own = true,
	},
	{
			.name = "listener",
			.called = "the listener certificate",
			.branch = "cn=ldap-listener-mirrored-config,cn=Server Instance Listeners,",
			.attribute = "ds-cfg-listener-certificate",
			.replace = "replace-listener-certificate",
			.purge = "purge-retired-listener-certificates",
			.replace_operation = "1.3.6.1.4.1.30221.2.6.68",
			.purge_operation = "1.3.6.1.4.1.30221.2.6.70",
			.monitored = "(property=listener-certificate)",
	},
};

#define INTER_SERVER .when_option = "certificate", .when = "inter-server"
#define LISTENER     .when_option = "certificate", .when = "listener"

static const char inter_server[] = "PingDirectory inter-server certificates";
static const char listener[] = "PingDirectory listener certificates";

const struct rule ping_rules[] = {
	{ RULE_PARTS, .words = "key", .says = "PingDirectory certificates" },
	{ RULE_VERSION_3, .says = "PingDirectory certificates" },
	{ RULE_SIGNATURES, .words = "SHA1 MD5", .says = "PingDirectory certificates" },
	{ RULE_KEY_TYPES, .words = "RSA", INTER_SERVER, .says = inter_server },
	/* The vendor's LDAP SDK does not know its object identifier (1.2.840.113549.1.1.10). */
	{ RULE_SIGNATURES, .words = "RSASSA-PSS", INTER_SERVER, .says = inter_server },
	{ RULE_RSA_BITS, .min = 2048, .max = 3072, .max_option = "rsa-max", INTER_SERVER,
			.says = inter_server },
	/* Servers are each other's clients with it. */
	{ RULE_USAGES_ADVISED, .words = "serverAuth clientAuth", INTER_SERVER,
			.says = inter_server },
	{ RULE_VALIDITY, .min = 3650, INTER_SERVER, .says = inter_server },
	{ RULE_OWN, INTER_SERVER, .says = inter_server },
	{ RULE_KEY_TYPES, .words = "RSA EC", LISTENER, .says = listener },
	{ RULE_RSA_BITS, .min = 2048, .max = 16384, LISTENER, .says = listener },
	{ RULE_USAGES, .words = "serverAuth", LISTENER, .says = listener },
	/* The tool refuses a chain that stops before its root. */
	{ RULE_CHAIN, .words = "root", LISTENER, .says = listener },
	{ 0 },
};

/* The best first: what is made once in twenty years is made as strong as it may be. */
static const char *const keys[] = { "RSA 3072", "RSA 2048", NULL };

const struct profile ping_profiles[] = {
	{ "inter-server", keys, .usages = "serverAuth clientAuth", .days = 7300,
			.name_option = "instance", INTER_SERVER,
			.help = "For one server instance of PingDirectory: signed by itself and valid for "
				"twenty years, with a key that no other instance has." },
	{ 0 },
};

const struct slot *ping_slot(const char *name)
{
	for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++)
		if (strcmp(slots[i].name, name) == 0)
			return &slots[i];
	return NULL;
}
