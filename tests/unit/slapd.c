#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "controller/base/arena.h"
#include "tests/unit/slapd.h"
#include "tests/unit/worker.h"

enum { PATIENCE_MS = 10000, PAUSE_MS = 10 };

static const char schema[] =
		"attributetype ( 1.3.6.1.4.1.32473.1.1 NAME 'ds-cfg-inter-server-certificate'\n"
		"  EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
		"attributetype ( 1.3.6.1.4.1.32473.1.2 NAME 'ds-cfg-replication-port'\n"
		"  EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )\n"
		"objectclass ( 1.3.6.1.4.1.32473.2.1 NAME 'ds-cfg-server-instance' STRUCTURAL\n"
		"  MUST cn MAY ( description $ ds-cfg-inter-server-certificate\n"
		"  $ ds-cfg-replication-port ) )\n";

static void run(const char *const *argv)
{
	const pid_t child = fork();
	int status;

	if (child == 0) {
		if (freopen("/dev/null", "w", stdout))
			(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s failed", argv[0]);
}

static int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	(void)close(fd);
	return ntohs(address.sin_port);
}

static bool answers(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	(void)close(fd);
	return connected;
}

/* A text of several lines stands in LDIF in base64 (RFC 2849). */
static const char *encoded(struct arena *arena, const char *text)
{
	const int length = (int)strlen(text);
	unsigned char *out = arena_alloc(arena, (size_t)length / 3 * 4 + 8);

	(void)EVP_EncodeBlock(out, (const unsigned char *)text, length);
	return (const char *)out;
}

static void write_files(struct arena *arena, const struct slapd *s, const struct pair *served)
{
	const char *d = s->directory;

	write_text(arena_printf(arena, "%s/server.pem", d), served->certificate);
	write_text(arena_printf(arena, "%s/server.key", d), served->key);
	write_text(arena_printf(arena, "%s/manager.password", d), "s3cret-manager\n");
	write_text(arena_printf(arena, "%s/wrong.password", d), "s3cret-wrong\n");
	write_text(arena_printf(arena, "%s/tool.password", d), "s3cret-manager");
	assert_int_equal(chmod(arena_printf(arena, "%s/tool.password", d), 0600), 0);
	write_text(arena_printf(arena, "%s/topology.schema", d), schema);
	write_text(arena_printf(arena, "%s/slapd.conf", d),
			arena_printf(arena,
					"include /etc/ldap/schema/core.schema\n"
					"include %s/topology.schema\n"
					"pidfile %s/pid\nmodulepath /usr/lib/ldap\n"
					"moduleload back_mdb\n"
					"TLSCertificateFile %s/server.pem\n"
					"TLSCertificateKeyFile %s/server.key\n"
					"database mdb\nmaxsize 1048576\nsuffix \"cn=topology\"\n"
					"rootdn \"cn=manager,cn=topology\"\n"
					"rootpw s3cret-manager\ndirectory %s\n"
					"access to * by anonymous auth by * none\n",
					d, d, d, d, d));
}

static void load(struct arena *arena, const struct slapd *s, const struct pair *first,
		const struct pair *second)
{
	const char *both = arena_printf(arena, "%s%s", first->certificate, second->certificate);
	const char *odd = arena_printf(arena, "Certificate:\n%s", second->certificate);
	const char *ldif = arena_printf(arena, "%s/entries.ldif", s->directory);
	const char *conf = arena_printf(arena, "%s/slapd.conf", s->directory);
	const char *const argv[] = { "/usr/sbin/slapadd", "-f", conf, "-l", ldif, NULL };

	write_text(ldif,
			arena_printf(arena,
					"dn: cn=topology\nobjectClass: ds-cfg-server-instance\n"
					"cn: topology\n\n"
					"dn: cn=ds1,cn=topology\nobjectClass: ds-cfg-server-instance\n"
					"cn: ds1\nds-cfg-replication-port: 8989\n"
					"description: the password is s3cret-manager\n"
					"ds-cfg-inter-server-certificate:: %s\n\n"
					"dn: cn=ds2,cn=topology\nobjectClass: ds-cfg-server-instance\n"
					"cn: ds2\nds-cfg-inter-server-certificate:: %s\n\n"
					"dn: cn=ds3,cn=topology\nobjectClass: ds-cfg-server-instance\n"
					"cn: ds3\n",
					encoded(arena, both), encoded(arena, odd)));
	run(argv);
}

static bool try_start(struct slapd *s)
{
	const int tls = free_port();
	char urls[160], conf[128];

	s->port = free_port();
	(void)snprintf(s->ldap, sizeof(s->ldap), "ldap://127.0.0.1:%d", s->port);
	(void)snprintf(s->ldaps, sizeof(s->ldaps), "ldaps://127.0.0.1:%d", tls);
	(void)snprintf(urls, sizeof(urls), "%s/ %s/", s->ldap, s->ldaps);
	(void)snprintf(conf, sizeof(conf), "%s/slapd.conf", s->directory);
	s->process = fork();
	if (s->process == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl("/usr/sbin/slapd", "slapd", "-f", conf, "-h", urls, "-d", "0", NULL);
		_exit(127);
	}
	for (int waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
		if (waitpid(s->process, NULL, WNOHANG) != 0)
			return false;
		if (answers(s->port) && answers(tls))
			return true;
		(void)poll(NULL, 0, PAUSE_MS);
	}
	return false;
}

void slapd_start(struct slapd *slapd, const struct pair *served, const struct pair *first,
		const struct pair *second)
{
	autoarena struct arena *arena = arena_new();
	int tries = 5;

	*slapd = (struct slapd){ .directory = directory_new() };
	write_files(arena, slapd, served);
	load(arena, slapd, first, second);
	/* Somebody else may take a free port meanwhile. */
	while (!try_start(slapd))
		if (--tries == 0)
			fail_msg("slapd does not start");
}

void slapd_stop(struct slapd *slapd)
{
	(void)kill(slapd->process, SIGTERM);
	(void)waitpid(slapd->process, NULL, 0);
	directory_gone(slapd->directory);
}

void slapd_set_third(const struct slapd *slapd, const struct pair *pair)
{
	autoarena struct arena *arena = arena_new();
	const char *ldif = arena_printf(arena, "%s/change.ldif", slapd->directory);
	const char *password = arena_printf(arena, "%s/tool.password", slapd->directory);
	const char *const argv[] = { "ldapmodify", "-x", "-H", slapd->ldap, "-D",
		"cn=manager,cn=topology", "-y", password, "-f", ldif, NULL };

	write_text(ldif,
			arena_printf(arena,
					"dn: cn=ds3,cn=topology\nchangetype: modify\n"
					"replace: ds-cfg-inter-server-certificate\n"
					"ds-cfg-inter-server-certificate:: %s\n",
					encoded(arena, pair->certificate)));
	run(argv);
}
