#pragma once

/*
 * Steps: the kinds of things a plan can do. Each kind is a struct, filled in by a
 * reconciler and read by the worker; step.c holds the table that writes it into a record
 * and reads it back, so both sides and the manual agree. Every path is absolute. No
 * member ever holds key material or a password: secrets are named by the file they are
 * in, or by the part of the credential.
 *
 * Contents. Where a step takes a *content*, it is one of:
 *
 *         leaf, chain, fullchain (leaf and chain), key, combined (key, leaf and chain),
 * ca, crl, client-leaf, client-chain, client-fullchain, client-key or the name of
 * something that an earlier make step has built
 *
 * ("package/server.key": a member of what it has built)
 *
 * of the plan's credential, or, with "predecessor:" in front of it, of its predecessor. A
 * part that the credential does not have is ERROR_INPUT.
 */

#include "controller/base/arena.h"
#include "controller/model/record.h"

enum step_kind {
	STEP_LOOK,
	STEP_MAKE,
	STEP_FILE,
	STEP_COMMAND,
	STEP_HTTP,
	STEP_PROBE,
	STEP_AMEND,
	STEP_LEASE,
	STEP_LDAP,
};

enum phase {
	PHASE_ASK, /* a question: changes nothing, brings back an answer */
	PHASE_PREPARE, /* a failure here has changed nothing */
	PHASE_CHANGE, /* what the product will notice; a failure here or later puts back */
	PHASE_PROVE, /* handshakes on all endpoints */
	PHASE_FINISH, /* what follows once it is proven: other sites, tidying */
	PHASE_UNDO, /* only taken when what comes after it is put back, in reverse order */
};

enum disruption {
	DISRUPTION_NONE,
	DISRUPTION_RELOAD,
	DISRUPTION_RESTART,
	DISRUPTION_REMOTE,
	DISRUPTION_PURGE, /* takes away what others may still know the product by */
};

struct step {
	enum phase phase;
	enum step_kind kind;
	const char *text; /* in the operator's words: "make nginx load it" */
	const char *name; /* of the answer that a question gives; NULL elsewhere */
	long together; /* steps in a row with the same number, not 0, run at the same time */
	enum disruption disruption;
	long deadline_ms; /* 0: the kind's own (30 s; probe: 10 s) */
	const struct record *record; /* the rest, see below */
};

/* ---- the kinds ---- */

/* Facts about what is published at a place (see file_step), as the worker may see them.
 * Answer:
 *         state      nothing | published | foreign    (foreign: not put there by certdrop)
 *         replaces   what a file step has to name to replace it; see file_step
 *         credential digest of the credential, and `layout`, when published
 *         differs    a field with a sentence for each deviation from what was published, its
 *                    directory and the store beside it included
 *         leaf       fingerprint and not-after (seconds) of the first PEM certificate in
 *                    the files that `leaf` names, in their order; also when they are foreign
 *         unchanged  "yes" where these have none (key stores) and are, but for mode and owner, what
 *                    was published: the leaf is that of `credential` then */
struct look_step {
	const char *publish;
	const char *method;
	struct words files; /* names below the place; for "fixed" the files themselves */
	struct words leaf; /* names of files in which the leaf comes first; empty: none tells it */
};

/* Puts a set of files into service at once.
 *
 * method "link": `publish` is a symbolic link to the generation directory
 * <dir>/.<base>.certdrop/<generation>/ beside it; it is replaced by one rename.
 * "exchange": `publish` is a real directory, swapped with the new generation by
 * renameat2(RENAME_EXCHANGE), for products that refuse links. "fixed": `publish` is an
 * existing directory in which each file is replaced by a rename, one after the other, for
 * products that insist on their names; the journal covers the moment in between.
 *
 * A generation is written, given owner and mode, and fsynced, all before anything can see
 * it; its `.manifest` tells the credential, the layout and the digest, mode and owner of
 * each file. When its name is taken by one that was spoiled since, it is called
 * "<generation>.1" and so on. Publishing what is in service already, and whole, changes
 * nothing.
 *
 * `replaces` is what must be in service now, or nothing is done (ERROR_RETRY): a
 * generation's name, "nothing", or "foreign:" and a digest of what was found there. With
 * "fixed" a generation whose files were changed since is named by such a digest too. Undo
 * puts exactly that back; where something else has come in between it is left alone.
 *
 * ERROR_CONFIG: "link" finds a real directory; "exchange" finds a directory with more in
 * it than what is published (it would vanish), a mount point or a file system that cannot swap; "fixed"
 * finds no directory; an owner cannot be given. */
struct file_step {
	const char *publish;
	const char *method;
	const char *generation; /* a name for it: the start of the credential's digest and of the
				 * layout's */
	const char *layout; /* says which settings it was made with: compared, not interpreted */
	const char *replaces;
	const char *directory_mode; /* "0755" */
	struct rows files; /* name, content, mode, owner, group; "-" for owner or group: as the file
			    * of that name that it replaces (as it was published, if certdrop did);
			    * the worker's own if there is none, or when it is not root */
	long keep; /* generations to keep, the one in service not counted, but those of the
		    * predecessor, which are never removed; pruned in finish by a file step with
		    * no files */
};

/* Builds something from the credential, in memory, under `make`. format "pkcs12": RFC
 * 7292, with the password from a file; profile "modern" (AES-256, PBKDF2, SHA-256) or
 * "old-java" (what Java 8 before 8u301 reads). format "jks": a Java key store, in which the
 * private key may have a password of its own. format "opengauss": what gs_om installs, as a ZIP
 * archive (controller/apply/make/gauss-package.h); its members can be had by themselves, too. */
struct make_step {
	const char *make;
	const char *format;
	const char *password_file;
	const char *alias;
	const char *profile;
	const char *key_password_file; /* "jks"; NULL: the key has the store's password */
	const char *deployed; /* "opengauss": a directory with server.key and its cipher and rand files,
			       * whose passphrase the new key gets; NULL: a new passphrase */
	const char *carry; /* "opengauss": likewise for client.key, where its passphrase can be had; and
			    * what else of client.key.pk8 and openssl.cnf is there is made, or kept */
	const char *keep_crl; /* "opengauss": a directory whose sslcrl-file.crl stays when the credential
			       * has no list */
};

/* Runs a tool: an argv, never a shell, in its own process group, with a clean environment
 * (PATH, LANG=C, HOME of the user), no terminal, standard input from /dev/null, its
 * output capped (the last 64 KiB count) and scrubbed. Killed with its group at the
 * deadline. An argument "{fd:CONTENT}" is replaced by the path of a descriptor with it. It
 * is over when the tool has ended, even if a daemon that it started lives on.
 *
 * With `poll_ms` it is run again, after such a pause, until it succeeds, for tools that
 * tell how far something else has come.
 *
 * As a question any exit code will do unless `exit` says which. Answer: `exit` (the code)
 * and one field for each pick that was found, with the values in their order. */
struct command_step {
	struct words argv;
	const char *user; /* NULL: as the worker */
	const char *directory; /* NULL: / */
	struct words expect; /* texts of which one must be in the output; empty: any output */
	struct words refuse; /* texts of which none may be in the output */
	struct words exit; /* exit codes that are success; empty: 0 */
	struct rows environment; /* name, value */
	struct rows pick; /* name, POSIX extended regular expression, in which ^ and $ match at
			   * line ends; the value is its first group, or all of it */
	long poll_ms; /* 0: it is run once */
	struct words needs; /* files that must be there: without one of them the tool is not run. With a
			     * "?" for the last slash, only where the directory is there */
	const char *since; /* a file, or a link itself: none of `needs` may be older than it */
	const char *lock; /* a file that the tool holds locked (flock) until it has ended, so that two
			   * never run at a time, even if certdrop is killed meanwhile; NULL: none.
			   * Not for a tool that starts a daemon: that would hold it, too */
	const char *tool; /* what failures call it, where a shell or another runner comes first in
			   * `argv`; NULL: argv's first word */
};

/* One request, by libcurl, over HTTPS or HTTP; passwords and parts of the credential only
 * over HTTPS or to the machine itself. Answer: `status` (the code) and one field for each
 * pick, with all values that it found (controller/apply/http/pick.h). Texts in it are scrubbed:
 * a key, or base64 of 60 characters and more, comes back as asterisks. Redirects (307 and
 * 308; others for GET) are followed with the same method, body and credentials, three at
 * most. With `poll_ms`, and without `until`, what has failed with ERROR_RETRY is sent again after
 * such a pause, until the deadline: for requests that bear repetition, or can be looked up by
 * `done_url`. The connection stays open for later steps with the same server, trust and client
 * certificate, so a request in prepare warms up that of the change. */
struct http_step {
	const char *method; /* "GET" */
	const char *url;
	struct rows headers; /* name, value */
	const char *body; /* a JSON text in which a string "{content:NAME}" stands for that content */
	const char *ca_file; /* trusts these authorities; NULL: the system's */
	const char *pin; /* trusts just the servers whose certificate has this fingerprint, or one of
			  * these, separated by blanks */
	const char *also; /* without `pin`: trusts those with one of these fingerprints, too, whoever
			   * they are by */
	const char *server_name; /* the name to verify and to ask for instead of the URL's */
	const char *user, *password_file; /* Basic */
	const char *bearer_file;
	const char *client_certificate, *client_key; /* files */
	struct words success; /* status codes; empty: 200 to 299 */
	struct words retry; /* status codes that mean ERROR_RETRY; others are ERROR_CONFIG. While
			     * polling they are waited for */
	struct words hosts; /* hosts to which a redirect may lead with the credentials kept */
	struct rows pick; /* name, JSON pointer (RFC 6901; a segment * goes through an array), and
			   * "text", "number", "certificate" (its fingerprint) or another kind of
			   * controller/apply/http/pick.h: the answer's fields. Where one begins with
			   * a *, only an array is an answer, or, if names are picked of it (""), an
			   * object; otherwise one of the two. ERROR_RETRY: it is not */
	struct words until; /* pick name and values: polls until the pick finds something, and all that
			     * it finds is one of these, or the deadline comes */
	struct words stop; /* pick name and values: one that is found ends it as a failure */
	long poll_ms; /* 0: 500 */
	const char *done_url; /* what can be read there once the request has been carried out: asked
			       * before it is sent again, for the reply may have been lost, and when
			       * another worker may have sent it before */
};

/* A completed handshake with each address behind `address`. As a question: which
 * certificate is served. Elsewhere: fails unless `expect` is served by each address
 * `times` times in a row, and during `settle`, before the deadline; it is asked again and again.
 * Answer, for each address:
 *         served ADDRESS FINGERPRINT NOT-AFTER     or     failed ADDRESS "why"
 * A server that shows its certificate, proves that it has the key, and then refuses us for want
 * of a client certificate is "served" as a question. Elsewhere it is not proven, unless
 * `refusal` says that it counts: so one has to prove where only a server's peers may enter. A
 * name that cannot be resolved is a "failed" with `address` itself. */
struct probe_step {
	const char *address; /* "host:port", "[::1]:8443" */
	const char *protocol; /* "tls", "postgresql" (SSLRequest), "ldap" (StartTLS) */
	const char *server_name; /* SNI; NULL: the host, unless it is an address */
	const char *expect; /* fingerprint */
	long times; /* 0: 1 */
	long settle_ms; /* and for so long */
	const char *client_certificate, *client_key;
	const char *refusal; /* "counts": see above */
};

/* One LDAP request (RFC 4511): a search, or an extended operation. The connection is under TLS
 * and its server verified before anything else is said; there is no way to do without.
 *
 * A search reads, as a question or, in prove, with `until` or `gone`, until the entries say what
 * was waited for. Answer: `code`, `entries` (how many), and for each pick one field for each
 * entry: the entry's `label` (else its DN) and the values that the attribute has there.
 *
 * An extended operation sends what `value` describes. Answer: `code`, `diagnostic`, and
 * `output`, the texts in the response's value under the tags that `output` names. Elsewhere a
 * result that is not a success fails with all three, scrubbed. What got no reply in time may have
 * been carried out all the same. */
struct ldap_step {
	const char *url; /* "ldaps://ds1.example:636"; with "ldap://", StartTLS comes first */
	const char *ca_file; /* trusts these authorities; NULL: the system's */
	const char *pin; /* trusts just the server whose certificate has this fingerprint, or one of
			  * these, with blanks between them */
	const char *server_name; /* the name to verify and to ask for instead of the URL's */
	const char *bind_dn, *password_file; /* simple bind; NULL: anonymous */

	const char *base, *scope, *filter; /* "base", "one", "sub"; "(objectClass=*)" */
	const char *label; /* the attribute whose first value tells the entries apart */
	struct rows pick; /* name, attribute, and "text", "number", "certificates" (the fingerprints
			   * of each value: DER, or PEM blocks and nothing else; "unreadable"
			   * stands for other values) or "keys" (the digests of their keys) */
	struct words until; /* pick name and values: one of them is there, in any entry */
	struct words gone; /* pick name and values: none of them is there, in any entry */
	long poll_ms; /* 0: 500 */

	const char *operation; /* the extended operation's OID */
	struct rows value; /* BER, from outside in; tags are two hexadecimal digits:
			    *     open TAG            an element that holds those up to its "close"
			    *     text TAG WORD       one with these characters
			    *     bytes TAG HEX       one with these bytes
			    *     content TAG NAME    one with that content
			    *     certificates TAG NAME   one for each PEM block of it, in DER
			    *     password TAG FILE   one with the file's first line
			    *     close */
	struct words output; /* tags */

	struct words success; /* result codes; empty: 0 */
	struct words retry; /* result codes that mean ERROR_RETRY, besides 3 (too long), 51 (busy) and
			     * 52 (unavailable). While polling they are waited for */
};

/* Changes one JSON document that has to be sent back as it was read: reads it by GET,
 * changes some elements of one array in it, and writes it back. What was read never leaves
 * the worker, so it may hold passwords.
 *
 * In prepare the document is read and what would be written is made, and kept for the same
 * step (all fields alike) in a later phase: there only the write is left, on the same
 * connection. What was kept for longer than `fresh` is read again, and so it is after
 * each write that has failed with one of the `retry` codes, or without a reply: such
 * writes are repeated until the deadline, and not at all when the document already is as it
 * should be. In undo nothing was kept.
 *
 * `where` chooses elements: each row is a JSON pointer within the element, a kind of
 * value as in a pick, and the value that is to be found. `action` says what happens:
 *         set       each chosen element gets the members in `set`; ERROR_RETRY when none is chosen
 *         add       a new element with the members in `set`, unless one is chosen
 *         remove    the chosen elements go
 * A value in `set` is a text, or "{content:NAME}" for that content. Of the document only the
 * members in `send` are written, of the array's elements only those in `members`.
 *
 * ERROR_CONFIG: a text that would be written back is masked by the server (three asterisks
 * in a row): writing it would destroy what it stands for. */
struct amend_step {
	struct http_step
			http; /* the document, and as whom; `method` is that of the write (NULL: PUT).
				* Body, pick, until and stop are not used; `poll_ms`: the pause between
				* attempts */
	const char *array; /* JSON pointer */
	const char *action;
	struct rows where; /* none: every element */
	struct rows set; /* name, value */
	struct words send; /* none: the whole document */
	struct words members; /* none: all */
	struct words match; /* a header of the reply whose value is sent back with the write, so that
			     * the server refuses what has changed since; and the header to
			     * send it in. "ETag", "If-Match" (RFC 9110, section 13.1.1) */
	const char *rehearsal; /* a query, "dry_run=true", with which the server only tells what it
				* would do: sent in prepare */
	long fresh_ms; /* 0: 10 s */
};

/* Rights to touch what others may touch too: taken in prepare, all or none, held until the job
 * ends, and then given back. They are verified right before each step of change, finish and
 * undo; when one is lost, nothing more is done, not even putting back (the job ends as
 * "stuck"). An undo after a crash takes the plan's leases first.
 *
 * store "local": a lock on a file of that name in `directory`, which ends with the process.
 * "etcd": a key of that name behind `prefix`, by the JSON gateway of etcd's v3 interface, bound to
 * an etcd lease that ends `ttl` after it was last renewed. A worker that could not renew it in
 * time, because it was stopped or cut off, is killed by a timer of the kernel a tenth of `ttl`
 * before that (controller/apply/lease/fuse.h), so that it never acts on a right that somebody else has
 * by then.
 *
 * ERROR_RETRY: somebody else has one (who, is said), or no endpoint answers. */
struct lease_step {
	struct words leases; /* names: [A-Za-z0-9._:-]+, not starting with a dot; at most 100 */
	const char *store;
	const char *directory; /* local; made if it is missing */
	struct words endpoints; /* etcd: "https://etcd1.example:2379", tried in this order */
	const char *prefix; /* etcd; NULL: "certdrop/leases/" */
	const char *ca_file; /* etcd: trusts these authorities; NULL: the system's */
	const char *client_certificate, *client_key; /* etcd: files */
	long ttl_ms; /* etcd: whole seconds; 0: 15 s */
};

struct record *look_step_record(struct arena *arena, const struct look_step *step);
struct record *file_step_record(struct arena *arena, const struct file_step *step);
struct record *make_step_record(struct arena *arena, const struct make_step *step);
struct record *command_step_record(struct arena *arena, const struct command_step *step);
struct record *http_step_record(struct arena *arena, const struct http_step *step);
struct record *probe_step_record(struct arena *arena, const struct probe_step *step);
struct record *amend_step_record(struct arena *arena, const struct amend_step *step);
struct record *lease_step_record(struct arena *arena, const struct lease_step *step);
struct record *ldap_step_record(struct arena *arena, const struct ldap_step *step);

/* Back from a step's record; members that are not there are NULL, 0 or empty. */
void look_step_read(struct arena *arena, const struct step *step, struct look_step *look);
void file_step_read(struct arena *arena, const struct step *step, struct file_step *file);
void make_step_read(struct arena *arena, const struct step *step, struct make_step *make);
void command_step_read(struct arena *arena, const struct step *step, struct command_step *command);
void http_step_read(struct arena *arena, const struct step *step, struct http_step *http);
void probe_step_read(struct arena *arena, const struct step *step, struct probe_step *probe);
void amend_step_read(struct arena *arena, const struct step *step, struct amend_step *amend);
void lease_step_read(struct arena *arena, const struct step *step, struct lease_step *lease);
void ldap_step_read(struct arena *arena, const struct step *step, struct ldap_step *ldap);

const char *step_kind_name(enum step_kind kind);
const char *phase_name(enum phase phase);
const char *disruption_name(enum disruption disruption);
bool step_kind_read(const char *name, enum step_kind *kind);
bool phase_read(const char *name, enum phase *phase);
bool disruption_read(const char *name, enum disruption *disruption);

/* Does this record field belong to the step's kind? A plan with a field that nobody reads
 * is wrong. */
bool step_field_known(enum step_kind kind, const char *field);
