#include "tests/unit/unit.h"

#include "tests/unit/requesting.h"

#include <string.h>

struct pair pair, other;
char *directory;
struct arena *arena;

int requesting_begin(void **state)
{
	(void)state;
	pair_make(&pair, "web.example");
	pair_make(&other, "other.example");
	directory = directory_new();
	arena = arena_new();
	write_text(arena_printf(arena, "%s/password", directory), "s3cret-pass\n");
	write_text(arena_printf(arena, "%s/token", directory), "s3cret-token\n");
	write_text(arena_printf(arena, "%s/ca.pem", directory), pair.certificate);
	return 0;
}

int requesting_end(void **state)
{
	(void)state;
	pair_done(&pair);
	pair_done(&other);
	directory_gone(directory);
	arena_free(arena);
	return 0;
}

const struct record *ask(struct conversation *c, const char *fields)
{
	struct pair *const pairs[] = { &pair, NULL };
	const char *plan = arena_printf(arena,
			"plan web ask\n\tcredential %s\nask http \"ask\"\n\tname seen\n%s",
			pair.digest.hex, fields);
	const struct record *answer;

	converse(c, "work ask", plan, pairs, NEVER);
	assert_string_equal(c->end, "asked");
	answer = records_find(&c->said, "answer", "seen");
	assert_non_null(answer);
	return answer;
}

void assert_failed(const struct record *answer, const char *kind, const char *says)
{
	const struct words failed = record_words(answer, "failed");

	if (failed.count != 2)
		fail_msg("not failed");
	if (strcmp(failed.items[1], kind) != 0 || !strstr(failed.items[0], says))
		fail_msg("%s: %s", failed.items[1], failed.items[0]);
}

const char *joined(struct words words)
{
	const char *text = "";

	for (size_t i = 0; i < words.count; i++)
		text = arena_printf(arena, "%s%s%s", text, i ? "," : "", words.items[i]);
	return text;
}
