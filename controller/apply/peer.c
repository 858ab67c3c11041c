#define _GNU_SOURCE
#include "controller/apply/peer.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool peer_check(int fd, const char *controller, struct error *error)
{
	const struct passwd *user = controller ? getpwnam(controller) : NULL;
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (controller && !user)
		return fail(error, ERROR_CONFIG, "there is no user \"%s\"", controller);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return fail(error, ERROR_INTERNAL, "whose socket it is: %s", strerror(errno));
	if (peer.uid == 0 || peer.uid == geteuid() || (user && peer.uid == user->pw_uid))
		return true;
	return fail(error, ERROR_CONFIG, "user %u may not tell it what to do", (unsigned)peer.uid);
}
