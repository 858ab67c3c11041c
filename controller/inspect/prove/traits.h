#pragma once

/*
 * What a certificate says about itself, in the words of rules and credentials. Nothing
 * here is proven; it is only read. All text is printable.
 */

#include "controller/inspect/findings.h"
#include "controller/model/record.h"

struct traits {
	const char *key_type; /* "RSA", "RSA-PSS", "EC", "Ed25519", "Ed448" */
	int bits; /* of an RSA modulus; else the key's size as OpenSSL counts it */
	const char *curve; /* "P-256"; NULL unless EC */
	const char *key; /* "RSA 2048", "EC P-256", "Ed25519" */
	const char *digest; /* in its signature: "SHA256"; "none" for the Edwards curves */
	bool pss; /* its signature is by RSASSA-PSS, whatever kind of RSA key made it */
	long version; /* 1 to 3 */
	struct words names; /* "DNS:web.example", "IP:192.0.2.1" */
	struct words usages; /* extended ones; empty: any */
	long long not_before, not_after; /* seconds since 1970-01-01 UTC */
	const char *issuer, *serial;
};

/* The certificate's public key must be decodable. ERROR_INPUT: a date or an extension is
 * not of its form. */
bool traits_read(struct arena *arena, struct certificate *certificate, struct traits *traits,
		struct error *error) must_check;

/* Seconds since 1970-01-01 UTC. False: not a date. */
bool traits_date(const ASN1_TIME *date, long long *seconds);

/* Does the leaf cover this name ("db1.example", "*.example", "192.0.2.1")? A certificate
 * without alternative names is held to its common name. */
bool traits_cover(const struct certificate *leaf, const struct traits *traits, const char *name);

/* Is the use allowed ("serverAuth")? No list allows all. */
bool traits_allow(const struct traits *traits, const char *usage);
