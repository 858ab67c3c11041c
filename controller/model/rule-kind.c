#include "controller/model/rule.h"

#include "controller/base/names.h"

static const char *const kind_names[] = {
	[RULE_KEY_TYPES] = "key-types",
	[RULE_RSA_BITS] = "rsa-bits",
	[RULE_EC_CURVES] = "ec-curves",
	[RULE_SIGNATURES] = "signatures",
	[RULE_USAGES] = "usages",
	[RULE_NAMES] = "names",
	[RULE_PARTS] = "parts",
	[RULE_CHAIN] = "chain",
	[RULE_VALIDITY] = "validity",
	[RULE_VERSION_3] = "version-3",
	[RULE_NOT_SELF_SIGNED] = "not-self-signed",
	[RULE_ANCHOR] = "anchor",
	[RULE_CRL_ISSUED] = "crl-issued",
	[RULE_PACKAGE] = "package",
	[RULE_USAGES_ADVISED] = "usages-advised",
	[RULE_OWN] = "own",
	[RULE_NO_KEY] = "no-key",
};

const char *rule_kind_name(enum rule_kind kind)
{
	return kind_names[kind];
}

bool rule_kind_read(const char *name, enum rule_kind *kind)
{
	size_t index;

	if (!NAME_FIND(kind_names, name, &index))
		return false;
	*kind = (enum rule_kind)index;
	return true;
}

bool rule_kind_has_words(enum rule_kind kind)
{
	return !rule_kind_has_limits(kind) && kind != RULE_VERSION_3 &&
			kind != RULE_NOT_SELF_SIGNED && kind != RULE_ANCHOR &&
			kind != RULE_CRL_ISSUED && kind != RULE_OWN;
}

bool rule_kind_has_limits(enum rule_kind kind)
{
	return kind == RULE_RSA_BITS || kind == RULE_VALIDITY;
}
