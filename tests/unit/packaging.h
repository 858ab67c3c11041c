#pragma once

/*
 * What the tests of packages share, on top of inspecting.h: the rules of a product that takes
 * packages, openGauss, and a good package, to be spoiled.
 *
 *         packaging_begin(), packaging_end()         setup and teardown of all tests of a program
 *
 *         autodone(package) struct package package;
 *
 *         package_make(&package)
 *         add_key(package_replace(&package, SERVER_KEY), &other, "Server@123")
 *         expect(&package, "db.zip: the key in server.key is not the key of ...")
 */

#include "tests/unit/inspecting.h"

/* "CA" certified "db1" and "app"; "Other CA" certified "db9". */
extern struct identity ca, server, client, other_ca, other;

int packaging_begin(void **state);
int packaging_end(void **state);

/* Its files; MORE is one that not every package has. */
enum name {
	CACERT,
	SERVER_CRT,
	SERVER_KEY,
	SERVER_CIPHER,
	SERVER_RAND,
	CLIENT_CRT,
	CLIENT_KEY,
	CLIENT_CIPHER,
	CLIENT_RAND,
	MORE,
	COUNT,
};

struct package {
	const char *names[COUNT];
	struct buffer files[COUNT];
	size_t count;
};

/* A good one, of nine files; the passphrases are Server@123 and Client@456. */
void package_make(struct package *package);
void package_done(struct package *package);

/* The file, emptied, to be written anew. */
struct buffer *package_replace(struct package *package, enum name name);

/* One more, empty as yet. */
struct buffer *package_add(struct package *package, const char *name);

/* The two files of openGauss that hold this passphrase. */
void put_envelope(struct buffer *cipher, struct buffer *rand, const char *text);

void ask_rules(struct asking *asking);
void ask_zip(struct asking *asking, const char *name, const struct package *package);

/* The package is refused, as db.zip, with this sentence, or (no sentence) a credential. */
void expect(const struct package *package, const char *sentence);
