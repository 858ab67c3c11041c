#pragma once

/*
 * Rules as they come in a request (model/rule.h), read: for the judge, and for whoever has to know
 * before there is something to judge what the rules will ask for.
 */

#include "controller/model/record.h"
#include "controller/model/rule.h"

struct law {
	enum rule_kind kind;
	long min, max;
	const char *says;
	struct words words;
};

/* False: the record is no rule. */
bool law_read(const struct record *record, struct law *law);

/* Are rules of the request sound? ERROR_INTERNAL: an unknown kind, a missing limit. */
bool rules_check(const struct records *request, struct error *error) must_check;

/* Do the rules name this part, be it one that may be missing? */
bool rules_want_part(const struct records *request, const char *part);

/* The words of the rule about packages, and whose it is; untouched when there is none. */
void rules_package(const struct records *request, struct words *words, const char **says);

/* The names that the rules ask of the server's certificate; untouched when they ask for none. */
void rules_names(const struct records *request, struct words *words);

/* Do the rules wait for this part until it is there? */
bool rules_need_part(const struct records *request, const char *part);

/* The rule that certificates come without a key. False: there is none. */
bool rules_want_no_key(const struct records *request, struct law *law);

/* And that they are authorities, which belong together? */
bool rules_want_bundle(const struct records *request);

/* Does a rule of kind "chain" ask for all of it, with its root or without? */
bool rules_want_whole_chain(const struct records *request);

/* Does a rule of kind "chain" ask for the root? */
bool rules_want_root(const struct records *request);
