#pragma once

/*
 * Picking values out of a JSON reply by JSON pointers (RFC 6901), where a segment "*"
 * stands for all elements of an array or all members of an object.
 *
 *         row: name, pointer, kind           name "guids", pointer "/" "*" "/guid", "text"
 *
 * gives one field with the row's name and all values, in order. Behind a "*" each element
 * gives exactly one value, "" where it has none, so that two picks through the same array
 * can be read side by side. Without "*", what is not there gives no field.
 *
 * Kinds: "text" (a string, or a number, true or false as written), "number" (a number, or
 * a string that is one), "certificate" (the fingerprint of the first PEM certificate in a
 * string), "certificate-end" (when that ends, in seconds since 1970), "certificates" and
 * "certificates-end" (the same of all PEM certificates in a string, together:
 * certificate_find_all()), "address" (the "host:port" of a URI, without the password that may stand in
 * it), "names" (of an object's members, each a value).
 */

#include <jansson.h>

#include "controller/apply/contents.h"
#include "controller/model/record.h"

enum { PICKED_MAX = 10000 };

/* ERROR_INTERNAL: a row that is not of this form. ERROR_RETRY: more than PICKED_MAX
 * values. Texts are scrubbed (contents_hide). */
bool pick_values(struct arena *arena, struct contents *contents, json_t *reply, struct words row,
		struct words *values, struct error *error) must_check;

/* What a pointer without "*" leads to; NULL: there is nothing. */
json_t *pick_follow(struct arena *arena, json_t *document, const char *pointer);
