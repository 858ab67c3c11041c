#pragma once

/*
 * What the controller and certdrop-inspect say to each other. The socket is the child's
 * standard input; texts are records, files travel as descriptors (base/message.h). One
 * request, one reply, any number of times, until the controller closes the socket.
 *
 * Request; one descriptor for each file, (key-)passphrases and authorities record, in their
 * order:
 *
 *         inspect TARGET
 *                 derivations 2000000      cap on the sum of password iterations in one file
 *                 key-alias ALIAS          the private key to take from a key store; without it the
 *                                          only one, or all where a client pair is asked for
 *         rule ...                         any number (model/rule.h)
 *         file NAME                        a sealed memfd; the name is for messages only
 *                 arrived NANOSECONDS      larger is later
 *         passphrases                      a file, one passphrase a line, tried in turn
 *         key-passphrases                  the same, for private keys only: those in Java key
 *                                          stores may have a password of their own
 *         authorities                      a file of PEM certificates that may complete a chain
 *
 * Limits: INSPECT_FILES_MAX files; a passphrase file of 16 KiB and 16 lines (empty lines
 * do not count; the empty passphrase is always tried); an authorities file of 1 MiB and 512
 * certificates. All tries together may cost 8 times `derivations`.
 *
 * Reply; one descriptor (a sealed memfd with the credential file) for each credential record:
 *
 *         file NAME STATE "sentence"       one for each file of the request
 *         credential DIGEST                the facts (model/credential.h); the best one first:
 *                 ...                      latest notBefore, then latest arrival
 *                 input NAME               the files that it was made of, those with a key first
 *         missing "the key for CN=db1"     a complete thing that lacks its counterpart
 *                 input NAME
 *         refused "RSA key has ..."        what was complete, but may not be used
 *                 input NAME
 *
 * or, when the request cannot be answered as such, only
 *
 *         failed KIND "sentence"           an error kind (base/error.h): "configuration" for a
 *                                          bad passphrase or authorities file, "internal" for a
 *                                          request that is not of its form, "retry"
 *
 * A reply to a request without files is empty. States of a file: "sound" (all of it was
 * understood; the sentence is empty), "incomplete" (it stops too early: a writer may still
 * be at it), "refused" (it can never be used; the sentence says why), "ignored" (nothing in
 * it concerns certificates). A file that is refused, incomplete or ignored adds nothing to
 * any credential. Names are those of the request, byte for byte. Sentences start with the
 * file's name where they are about one file, are printable, and never hold more of the
 * input than a name in it. Dates are not judged here: that needs a clock.
 *
 * What is in an archive counts as being in the archive: its members are called
 * "archive.zip/server.crt" in sentences, and the archive is the input.
 *
 * Parts: leaf, chain and key always, unless a rule of kind "no-key" asks for certificates alone; ca (every authority of the drop without a key of its
 * own), crl (every revocation list) and the client pair only if a rule of kind "parts" asks
 * for them, and then they are waited for. The client pair is the one that only clientAuth
 * allows, or, where certificates leave it open, the one in a file called client, or the one that is not
 * the server's (prove/role.h). Pairs that cannot be told apart where both are asked for are "refused".
 *
 * The child has SANDBOX_CPU_SECONDS of processor time for a request (sandbox.h) and may
 * die on any input (seccomp: SIGSYS, time: SIGXCPU): the controller then asks file by file
 * to learn which one killed it. The deadline for a reply is the controller's.
 */

enum {
	INSPECT_FILES_MAX = 64,
	INSPECT_FILE_SIZE_MAX = 1 << 20,
	INSPECT_CREDENTIALS_MAX = 16,
};
