#pragma once

/*
 * What was found in the files of one request: certificates, private keys and CRLs, each
 * once, however many files hold it, and what became of each file.
 *
 *         findings_init(&findings)
 *         findings_add_certificate(&findings, input, der) ...   the format readers
 *         findings_forget(&findings, input)                     when a file is refused
 *         findings_done(&findings)
 *
 * Everything else lives in the findings' arena, so pointers stay good until
 * findings_done(). Private keys are OpenSSL objects in its secure heap; their bytes are
 * not kept.
 */

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "controller/base/arena.h"
#include "controller/base/digest.h"
#include "controller/base/owned.h"
#include "controller/base/secret.h"
#include "controller/inspect/read/tlv.h"
#include "controller/model/record.h"

enum {
	FINDINGS_CERTIFICATES_MAX = 512,
	FINDINGS_KEYS_MAX = 64,
	FINDINGS_CRLS_MAX = 64,
	FINDINGS_ENVELOPES_MAX = 16,
	CERTIFICATE_SIZE_MAX = 64 << 10,
	CERTIFICATE_NAMES_MAX = 1000,
	CERTIFICATE_CONSTRAINTS_MAX = 256,
	PASSPHRASES_MAX = 16,
};

enum verdict {
	VERDICT_SOUND,
	VERDICT_INCOMPLETE, /* a writer may still be at it */
	VERDICT_REFUSED,
	VERDICT_IGNORED,
};

/* A file of the request, or a member of an archive among them. */
struct input {
	const char *name; /* as the request gives it */
	const char *shown; /* the same, printable; "archive.zip/server.crt" for a member */
	unsigned index; /* of the request's file */
	bool is_member;
	long long arrived;
	enum verdict verdict;
	const char *sentence; /* why, printable; "" when there is nothing to say */
	const char *note; /* what was passed over, while it is being read */
	long long derivations; /* password iterations that the file asks for, so far */
};

struct certificate {
	X509 *x509; /* public key not decoded: certificate_public_key() */
	struct bytes der;
	struct digest fingerprint;
	const char *subject; /* printable */
	bool authority; /* basicConstraints say so */
	bool self_issued; /* subject is issuer, which alone proves nothing */
	enum { SELF_UNKNOWN, SELF_SIGNED, SELF_NOT_SIGNED } self; /* chain_self_signed() */
	bool known; /* from the authorities file */
	unsigned long long files; /* bit i: file i of the request has it */
	const char *place; /* where it was seen first, printable */
	long long arrived; /* the latest of them */
	EVP_PKEY *public_key;
	bool public_key_tried;
	bool used; /* part of a credential or of a chain that leads to one */
	bool has_key;
};

struct key {
	EVP_PKEY *pkey;
	unsigned long long files;
	const char *place;
	long long arrived;
	bool has_certificate;
};

struct crl {
	struct bytes der;
	struct digest digest;
	unsigned long long files;
	X509_CRL *x509;
	const char *place; /* where it was seen first, printable */
};

struct passphrases {
	struct secret text;
	const char *lines[PASSPHRASES_MAX]; /* pointing into text */
	size_t count;
};

/* What is worth a warning on whatever credential comes out of this file. */
struct remark {
	struct remark *next;
	unsigned long long file;
	const char *text;
};

/* What was found in one member of an archive, also when it is known from another one. */
struct sighting {
	struct sighting *next;
	const char *place; /* input->shown */
	struct certificate *certificate; /* one of these three */
	struct key *key;
	struct crl *crl;
};

struct envelope; /* the passphrase of a key, see envelope.h */

struct findings {
	struct arena *arena;
	struct certificate *certificates[FINDINGS_CERTIFICATES_MAX];
	size_t certificate_count;
	struct key *keys[FINDINGS_KEYS_MAX];
	size_t key_count;
	struct crl *crls[FINDINGS_CRLS_MAX];
	size_t crl_count;
	struct envelope *envelopes[FINDINGS_ENVELOPES_MAX];
	size_t envelope_count;
	struct words package; /* of the rule about packages, see package.h; empty: there is none */
	const char *package_says; /* whose rule it is: "openGauss packages" */
	unsigned long long packages; /* bit i: file i of the request is a package */
	struct remark *remarks; /* the latest first */
	struct sighting *sightings; /* the latest first; see findings_watch() */
	bool watching;
	const struct passphrases *passphrases; /* NULL: none */
	const struct passphrases *key_passphrases; /* more for private keys; NULL: none */
	const char *key_alias; /* which private key of a key store; NULL: the only one */
	bool several_keys; /* without an alias all of them: a client pair is asked for, too */
	bool trust_stores; /* key stores without a private key: authorities are asked for */
	long long derivations_max; /* in one file */
	long long derivations_left; /* in all, tries with several passphrases included */
};

void findings_init(struct findings *findings);
void findings_done(struct findings *findings);

/* Each returns VERDICT_SOUND or says in input->sentence why the file has to be refused. */
enum verdict findings_add_certificate(
		struct findings *findings, struct input *input, struct bytes der);
enum verdict findings_add_crl(struct findings *findings, struct input *input, struct bytes der);

/* Takes the key over, also when it refuses it. */
enum verdict findings_add_key(struct findings *findings, struct input *input, EVP_PKEY *key);

/* From now on remembers what is seen where; ended by findings_unwatch(), which forgets it. */
void findings_watch(struct findings *findings);
void findings_unwatch(struct findings *findings);

void findings_remark(struct findings *findings, const struct input *input, const char *format, ...)
		printf_like(3, 4);

/* Takes away what was found in this file and nowhere else. */
void findings_forget(struct findings *findings, const struct input *input);

/* Do the basic constraints of this certificate make it an authority's? */
bool certificate_is_authority(const X509 *x509);

/* The certificate's public key, decoded when first asked for; NULL: of an unknown kind. */
EVP_PKEY *certificate_public_key(struct certificate *certificate);

/* Its SubjectPublicKeyInfo, as it stands in the certificate. */
struct bytes certificate_key_bytes(const struct certificate *certificate);

/* Sets the verdict and its sentence: "server.crt: the certificate is damaged". */
enum verdict conclude(struct findings *findings, struct input *input, enum verdict verdict,
		const char *format, ...) printf_like(4, 5);

/* Remembers, once, that something was passed over: "a certificate request". */
void note(struct findings *findings, struct input *input, const char *what);
