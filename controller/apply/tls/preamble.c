#include "controller/apply/tls/preamble.h"

#include <errno.h>
#include <ldap.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/apply/tls/tcp.h"
#include "controller/base/names.h"

/* A consent has 14 bytes, a refusal a sentence more. */
enum { LDAP_REPLY_MAX = 4096, LDAP_HEADER = 2 };

static const char *const names[] = {
	[PREAMBLE_TLS] = "tls",
	[PREAMBLE_POSTGRESQL] = "postgresql",
	[PREAMBLE_LDAP] = "ldap",
};

bool preamble_read(const char *name, enum preamble *preamble)
{
	size_t index;

	if (!NAME_FIND(names, name, &index))
		return false;
	*preamble = (enum preamble)index;
	return true;
}

static bool receive(int fd, void *bytes, size_t length, long long deadline, struct error *error)
{
	for (size_t got = 0; got < length;) {
		ssize_t more;

		if (!tcp_wait(fd, POLLIN, deadline, error))
			return false;
		more = recv(fd, (char *)bytes + got, length - got, 0);
		if (more <= 0)
			return fail(error, ERROR_RETRY, "the server closed the connection");
		got += (size_t)more;
	}
	return true;
}

/* Length 8 and the code 80877103; the answer is one byte, 'S' or 'N', or the start of an error
 * message. */
static bool request_ssl(int fd, long long deadline, struct error *error)
{
	static const unsigned char request[8] = { 0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F };
	char reply;

	if (send(fd, request, sizeof(request), MSG_NOSIGNAL) != (ssize_t)sizeof(request))
		return fail(error, ERROR_RETRY, "SSLRequest: %s", strerror(errno));
	if (!receive(fd, &reply, 1, deadline, error))
		return fail_while(error, "SSLRequest");
	if (reply == 'N')
		return fail(error, ERROR_RETRY, "the server does not speak TLS (SSLRequest: N)");
	if (reply == 'E')
		return fail(error, ERROR_RETRY, "the server answers SSLRequest with an error");
	return reply == 'S' || fail(error, ERROR_RETRY, "the server does not speak PostgreSQL");
}

/* One LDAPMessage, whole: what stands between its header and its end. */
static bool receive_ldap(int fd, unsigned char *reply, size_t *length, long long deadline,
		struct error *error)
{
	unsigned char header[LDAP_HEADER];
	size_t octets = 0;

	if (!receive(fd, header, LDAP_HEADER, deadline, error))
		return false;
	*length = header[1];
	if (header[1] > 0x80) {
		octets = header[1] & 0x7FU;
		if (octets > 2 || !receive(fd, reply, octets, deadline, error))
			octets = 0;
		*length = octets == 0 ? LDAP_REPLY_MAX + 1 : 0;
		for (size_t i = 0; i < octets; i++)
			*length = *length << 8 | reply[i];
	}
	if (header[0] != LBER_SEQUENCE || *length > LDAP_REPLY_MAX)
		return fail(error, ERROR_RETRY, "the server does not speak LDAP");
	return receive(fd, reply, *length, deadline, error);
}

static bool start_tls(int fd, long long deadline, struct error *error)
{
	/* Message 1, an ExtendedRequest for 1.3.6.1.4.1.1466.20037. */
	static const char request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16" LDAP_EXOP_START_TLS;
	unsigned char reply[LDAP_REPLY_MAX];
	struct berval message = { .bv_val = (char *)reply };
	ber_int_t id, code;
	BerElement *ber;
	bool good;

	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1)
		return fail(error, ERROR_RETRY, "StartTLS: %s", strerror(errno));
	if (!receive_ldap(fd, reply, &message.bv_len, deadline, error))
		return fail_while(error, "StartTLS");
	ber = ber_init(&message);
	good = ber && ber_scanf(ber, "i{e", &id, &code) != LBER_ERROR;
	ber_free(ber, 1);
	if (!good)
		return fail(error, ERROR_RETRY, "StartTLS: the server does not speak LDAP");
	return code == LDAP_SUCCESS ||
			fail(error, ERROR_RETRY, "StartTLS: result %d (%s)", code,
					ldap_err2string(code));
}

bool preamble_speak(enum preamble preamble, int fd, long long deadline, struct error *error)
{
	switch (preamble) {
	case PREAMBLE_TLS:
		return true;
	case PREAMBLE_POSTGRESQL:
		return request_ssl(fd, deadline, error);
	case PREAMBLE_LDAP:
		return start_tls(fd, deadline, error);
	}
	return fail(error, ERROR_INTERNAL, "no such preamble");
}
