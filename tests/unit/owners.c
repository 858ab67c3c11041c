#include "tests/unit/owners.h"

struct identity authority, web, other, peer;

int make_identities(void **state)
{
	const struct recipe recipes[] = {
		{ .name = "Root", .authority = true },
		{ .name = "web.example", .issuer = &authority, .key = "RSA 2048" },
		{ .name = "other.example", .issuer = &authority },
		{ .name = "peer.example" },
	};

	(void)state;
	identity_make(&authority, &recipes[0]);
	identity_make(&web, &recipes[1]);
	identity_make(&other, &recipes[2]);
	identity_make(&peer, &recipes[3]);
	return 0;
}

int drop_identities(void **state)
{
	(void)state;
	identity_done(&authority);
	identity_done(&web);
	identity_done(&other);
	identity_done(&peer);
	return 0;
}
