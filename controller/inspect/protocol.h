#pragma once

/*
 * What the controller and certdrop-inspect say to each other. The socket is the child's
 * standard input; texts are records, files travel as descriptors (base/message.h). One
 * request, one reply, any number of times, until the controller closes the socket.
 *
 * Request; one descriptor for each file, passphrases and authorities record, in their order:
 *
 *         inspect TARGET
 *                 derivations 2000000      cap on the sum of password iterations in one file
 *         rule ...                         any number (model/rule.h)
 *         file NAME                        a sealed memfd; the name is for messages only
 *                 arrived NANOSECONDS      larger is later
 *         passphrases                      a file, one passphrase a line, tried in turn
 *         authorities                      a file of PEM certificates that may complete a chain
 *
 * Reply; one descriptor (a sealed memfd with the credential file) for each credential record:
 *
 *         file NAME STATE "sentence"       one for each file of the request
 *         credential DIGEST                the facts (model/credential.h); the best one first:
 *                 ...                      latest notBefore, then latest arrival
 *                 input NAME               one for each file that it was made of
 *         missing "the key for CN=db1"     a complete thing that lacks its counterpart
 *                 input NAME
 *         refused "RSA key has ..."        what was complete, but may not be used
 *                 input NAME
 *
 * States of a file: "sound" (all of it was understood), "incomplete" (it stops too early:
 * a writer may still be at it), "refused" (it can never be used; the sentence says why),
 * "ignored" (nothing in it concerns certificates). Sentences name the file where the rule
 * is not enough, are printable, and never hold more of the input than a name in it. Dates
 * are not judged here: that needs a clock.
 *
 * The child may die on any input: the controller then asks file by file to learn which
 * one killed it.
 */

enum {
	INSPECT_FILES_MAX = 64,
	INSPECT_FILE_SIZE_MAX = 1 << 20,
	INSPECT_CREDENTIALS_MAX = 16,
};
