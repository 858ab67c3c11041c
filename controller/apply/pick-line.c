#include "controller/apply/pick-line.h"

#include <regex.h>

#include "controller/apply/http/pick.h"
#include "controller/base/owned.h"

enum { REASON_SIZE = 100 };

/* regfree() is for expressions that were compiled. */
struct expression {
	regex_t regex;
	bool compiled;
};

static void expression_done(struct expression *expression)
{
	if (expression->compiled)
		regfree(&expression->regex);
}

static bool compile(struct expression *expression, const char *text, struct error *error)
{
	const int code = regcomp(&expression->regex, text, REG_EXTENDED | REG_NEWLINE);
	char reason[REASON_SIZE];

	expression->compiled = code == 0;
	if (code == 0)
		return true;
	(void)regerror(code, &expression->regex, reason, sizeof(reason));
	return fail(error, ERROR_INTERNAL, "\"%s\" is no regular expression: %s", text, reason);
}

static const char *matched(struct arena *arena, const char *text, const regmatch_t *match)
{
	if (match->rm_so < 0)
		return "";
	return arena_copy_bytes(arena, text + match->rm_so, (size_t)(match->rm_eo - match->rm_so));
}

bool pick_line_values(struct arena *arena, const char *output, struct words row,
		struct words *values, struct error *error)
{
	autodone(expression) struct expression expression = { 0 };
	regmatch_t matches[2];
	size_t size = 0;
	int flags = 0;

	*values = (struct words){ 0 };
	if (row.count != 2)
		return fail(error, ERROR_INTERNAL, "a pick needs name and regular expression");
	if (!compile(&expression, row.items[1], error))
		return false;
	while (regexec(&expression.regex, output, 2, matches, flags) == 0) {
		const regmatch_t *value = &matches[expression.regex.re_nsub > 0];

		if (values->count == PICKED_MAX)
			return fail(error, ERROR_CONFIG, "%s: more than %d values", row.items[0],
					PICKED_MAX);
		values->items = arena_with_room(
				arena, values->items, values->count, &size, sizeof(*values->items));
		values->items[values->count++] = matched(arena, output, value);
		if (output[matches[0].rm_eo] == '\0')
			break;
		/* After an empty match the next search must begin further on. */
		output += matches[0].rm_eo + (matches[0].rm_eo == matches[0].rm_so);
		flags = output[-1] == '\n' ? 0 : REG_NOTBOL;
	}
	return true;
}
