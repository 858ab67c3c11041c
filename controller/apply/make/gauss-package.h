#pragma once

/*
 * What `gs_om -t cert` of openGauss installs: nine files under fixed names, a revocation list where
 * there is one, and two more files that its om directory may hold; in one ZIP archive, or each by
 * itself for the edition without gs_om.
 *
 *         gauss_package_build(make, parts, &package, error)
 *         gauss_package_zip(&package, &bytes, error)
 *         gauss_package_done(&package)
 *
 * The edition without gs_om (no `carry`) does without a client's pair.
 *
 * Private keys are encrypted anew (PKCS#8, PBES2 with AES-256-CBC and PBKDF2-HMAC-SHA256, which
 * every OpenSSL since 1.0.1 reads) under a passphrase that openGauss can keep in its cipher and rand
 * files. As a rule that is the passphrase in service, decoded from the deployed files: the server
 * keeps the one that it read first, and would refuse every TLS connection to a key with another one
 * until it is restarted. It is met nowhere but here.
 *
 * client.key.pk8, the client's key for JDBC (PKCS#8 in DER, unencrypted), and openssl.cnf are
 * deleted from the om directory by a package without them: they are made, or carried over, where
 * they are there now.
 *
 * Source: openGauss documentation, "Replacing Certificates"; openGauss-OM,
 * script/impl/om/OmImpl.py; openGauss-server, src/common/port/cipher.cpp.
 */

#include "controller/base/secret.h"
#include "controller/model/step.h"

enum { GAUSS_MEMBERS_MAX = 12 };

struct gauss_member {
	const char *name; /* "server.key" */
	struct secret bytes;
};

struct gauss_package {
	struct gauss_member members[GAUSS_MEMBERS_MAX];
	size_t count;
};

void gauss_package_done(struct gauss_package *package);

/* `parts` are a credential file's (model/credential.h). ERROR_INPUT: a part is missing.
 * ERROR_CONFIG: the deployed passphrase is not to be had, or does not open the deployed key. */
bool gauss_package_build(const struct make_step *make, const char *parts,
		struct gauss_package *package, struct error *error) must_check;

/* Appends the archive: members stored as they are, as regular files of mode 0600, at the top.
 * ERROR_INTERNAL: libzip would not. */
bool gauss_package_zip(const struct gauss_package *package, struct secret *bytes,
		struct error *error) must_check;
