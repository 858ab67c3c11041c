#include "tests/unit/unit.h"

#include <limits.h>
#include <string.h>

#include "controller/certdrop/feed/admission.h"
#include "controller/certdrop/feed/companion.h"
#include "controller/certdrop/present/date.h"

enum { NOW = 1800000000, DAY = 86400 };

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIGEST_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static const char *nothing_is_parked(void *context, const char *digest)
{
	(void)context;
	(void)digest;
	return NULL;
}

static const char *this_is_parked(void *context, const char *digest)
{
	return strcmp(context, digest) == 0 ? "nginx refused it" : NULL;
}

static const char *nothing_is_refused(void *context, const struct credential *credential)
{
	(void)context;
	(void)credential;
	return NULL;
}

static const char *this_is_refused(void *context, const struct credential *credential)
{
	return strcmp(context, credential->digest) == 0 ? "another target has it" : NULL;
}

static struct admission_facts facts_now(void)
{
	return (struct admission_facts){
		.target = "web",
		.clock_trusted = true,
		.now = NOW,
		.parked = nothing_is_parked,
		.refused = nothing_is_refused,
	};
}

static struct words dates(struct arena *arena, const char *what, long long from, long long until)
{
	const char **row = arena_new_many(arena, const char *, 3);

	row[0] = what;
	row[1] = arena_printf(arena, "%lld", from);
	row[2] = arena_printf(arena, "%lld", until);
	return (struct words){ row, 3 };
}

/* One row of `lasts` for the last credential of the records. */
static void add_lasting(struct arena *arena, struct records *records, const char *what,
		long long from, long long until)
{
	record_add(arena, records->items[records->count - 1], "lasts",
			dates(arena, what, from, until));
}

static void add_credential(struct arena *arena, struct records *records, const char *digest,
		long long not_before, long long not_after)
{
	const struct credential credential = {
		.digest = digest,
		.fingerprint = digest,
		.key_fingerprint = digest,
		.subject = arena_printf(arena, "CN=%.1s", digest),
		.issuer = "CN=CA",
		.serial = "01",
		.key = "EC P-256",
		.not_before = not_before,
		.not_after = not_after,
	};
	struct record *record = credential_record(arena, &credential);

	record_add_text(arena, record, "input", "key.pem");
	record_add_text(arena, record, "input", "cert.pem");
	records_append(arena, records, record);
}

static struct credential wanted(const char *digest, long long not_after)
{
	return (struct credential){ .digest = digest, .subject = "CN=old", .not_after = not_after };
}

static void a_sound_one_is_taken(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct admission_facts facts = facts_now();
	struct records records = { 0 };
	struct admission a;

	(void)state;
	add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + DAY);
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.kind, ADMISSION_TAKE);
	assert_string_equal(a.credential.digest, DIGEST_A);
	assert_string_equal(a.inputs.items[0].items[0], "key.pem");
}

static void what_the_target_will_not_have_is_refused_unless_it_is_wanted(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct credential old = wanted(DIGEST_A, NOW + DAY);
	char digest[] = DIGEST_A;
	struct admission_facts facts = facts_now();
	struct records records = { 0 };
	struct admission a;

	(void)state;
	facts.refused = this_is_refused;
	facts.context = digest;
	add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + DAY);
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.kind, ADMISSION_REFUSE);
	assert_string_equal(a.reason, "another target has it");

	facts.wanted = &old;
	assert_int_equal(admission_decide(arena, &records, &facts).kind, ADMISSION_SAME);
	facts.wanted = NULL;
	add_credential(arena, &records, DIGEST_B, NOW - 2 * DAY, NOW + DAY);
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.kind, ADMISSION_TAKE);
	assert_string_equal(a.credential.digest, DIGEST_B);
}

static void the_first_that_can_be_taken_wins_and_names_the_others(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct admission_facts facts = facts_now();
	struct records records = { 0 };
	struct admission a;

	(void)state;
	add_credential(arena, &records, DIGEST_A, NOW - 3 * DAY, NOW - 2 * DAY);
	add_credential(arena, &records, DIGEST_B, NOW - 4 * DAY, NOW + DAY);
	add_credential(arena, &records, DIGEST_C, NOW - 5 * DAY, NOW + DAY);
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.kind, ADMISSION_TAKE);
	assert_int_equal(a.index, 1);
	assert_int_equal(a.others.count, 2);
}

/* What is found in one or two files. */
static void add_found(struct arena *arena, struct records *records, struct record *record,
		const char *file, const char *other)
{
	record_add_text(arena, record, "input", file);
	if (other)
		record_add_text(arena, record, "input", other);
	records_append(arena, records, record);
}

static void a_file_that_holds_more_than_what_is_taken_stays(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct admission_facts facts = facts_now();
	struct records records = { 0 };
	struct admission a;

	(void)state;
	add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + DAY);
	add_found(arena, &records, record_new(arena, "missing", "the key for CN=x", NULL), "x.pem",
			NULL);
	add_found(arena, &records, record_new(arena, "missing", "the key for CN=y", NULL),
			"key.pem", "y.pem");
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.spent.count, 2);

	add_found(arena, &records, record_new(arena, "missing", "the key for CN=z", NULL),
			"cert.pem", NULL);
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.kind, ADMISSION_TAKE);
	assert_int_equal(a.inputs.count, 2);
	assert_int_equal(a.spent.count, 1);
	assert_string_equal(a.spent.items[0].items[0], "key.pem");

	add_credential(arena, &records, DIGEST_B, NOW - DAY, NOW + DAY);
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.others.count, 1);
	assert_int_equal(a.spent.count, 0);
}

static void what_is_wanted_is_not_replaced_by_what_is_worse(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct credential now_wanted = wanted(DIGEST_A, NOW + DAY);
	struct admission_facts facts = facts_now();
	struct records records = { 0 };

	(void)state;
	facts.wanted = &now_wanted;
	add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + DAY);
	add_credential(arena, &records, DIGEST_B, NOW - 2 * DAY, NOW + 9 * DAY);
	assert_int_equal(admission_decide(arena, &records, &facts).kind, ADMISSION_SAME);
}

static void an_expired_one_is_refused(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct admission_facts facts = facts_now();
	struct records records = { 0 };
	struct admission a;

	(void)state;
	add_credential(arena, &records, DIGEST_A, NOW - 2 * DAY, NOW - DAY);
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.kind, ADMISSION_REFUSE);
	assert_string_equal(
			a.reason, "CN=a expired on 2027-01-14T08:00:00Z; drop one that is valid");
}

static void one_that_begins_later_is_held_until_then(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct admission_facts facts = facts_now();
	struct records records = { 0 };
	struct admission a;

	(void)state;
	add_credential(arena, &records, DIGEST_A, NOW + DAY, NOW + 2 * DAY);
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.kind, ADMISSION_HOLD);
	assert_int_equal(a.until, NOW + DAY);
}

static void a_clock_that_cannot_be_holds_and_never_refuses(void **state)
{
	autoarena struct arena *arena = arena_new();
	struct admission_facts facts = facts_now();
	struct records records = { 0 };

	(void)state;
	facts.clock_trusted = false;
	facts.clock_doubt = "the journal knows of a change on 2027-01-20T00:00:00Z";
	facts.now = 0;
	add_credential(arena, &records, DIGEST_A, NOW - 2 * DAY, NOW - DAY);
	assert_int_equal(admission_decide(arena, &records, &facts).kind, ADMISSION_HOLD);
	assert_non_null(strstr(
			admission_decide(arena, &records, &facts).reason, facts.clock_doubt));
}

static void an_earlier_end_is_a_downgrade_unless_it_is_allowed(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct credential now_wanted = wanted(DIGEST_B, NOW + 9 * DAY);
	struct admission_facts facts = facts_now();
	struct records records = { 0 };

	(void)state;
	facts.wanted = &now_wanted;
	facts.in_service = &now_wanted;
	add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + DAY);
	assert_int_equal(admission_decide(arena, &records, &facts).kind, ADMISSION_REFUSE);
	facts.allow_downgrade = true;
	assert_int_equal(admission_decide(arena, &records, &facts).kind, ADMISSION_TAKE);
}

static void what_is_wanted_and_not_in_service_is_nothing_to_go_back_from(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct credential now_wanted = wanted(DIGEST_B, NOW + 9 * DAY);
	const struct credential before = wanted(DIGEST_C, NOW + 2 * DAY);
	struct admission_facts facts = facts_now();
	struct records records = { 0 };
	struct admission a;

	(void)state;
	facts.wanted = &now_wanted;
	add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + DAY);
	assert_int_equal(admission_decide(arena, &records, &facts).kind, ADMISSION_TAKE);
	facts.in_service = &before;
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.kind, ADMISSION_REFUSE);
	assert_non_null(strstr(a.reason, date_print(before.not_after).text));
}

static void anything_valid_may_follow_what_has_expired(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct credential now_wanted = wanted(DIGEST_B, NOW - 1);
	struct admission_facts facts = facts_now();
	struct records records = { 0 };

	(void)state;
	facts.wanted = &now_wanted;
	facts.in_service = &now_wanted;
	add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + DAY);
	assert_int_equal(admission_decide(arena, &records, &facts).kind, ADMISSION_TAKE);
}

static void a_retired_one_does_not_come_back_by_itself(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct credential now_wanted = wanted(DIGEST_B, NOW + DAY);
	struct admission_facts facts = facts_now();
	struct records records = { 0 };
	const char *before[] = { DIGEST_A };

	(void)state;
	facts.wanted = &now_wanted;
	facts.served_before = (struct words){ .items = before, .count = 1 };
	add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + 2 * DAY);
	assert_int_equal(admission_decide(arena, &records, &facts).kind, ADMISSION_REFUSE);
}

static void a_parked_one_is_not_tried_again(void **state)
{
	autoarena struct arena *arena = arena_new();
	struct admission_facts facts = facts_now();
	char parked[] = DIGEST_A;
	struct records records = { 0 };
	struct admission a;

	(void)state;
	facts.parked = this_is_parked;
	facts.context = parked;
	add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + DAY);
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.kind, ADMISSION_PARKED);
	assert_non_null(strstr(a.reason, "put back: nginx refused it; drop another one"));
	assert_non_null(strstr(a.reason, "with certdrop apply web"));
	add_credential(arena, &records, DIGEST_B, NOW - 2 * DAY, NOW + DAY);
	assert_int_equal(admission_decide(arena, &records, &facts).kind, ADMISSION_TAKE);
}

static const char *decide_text(struct arena *arena, const char *text, enum admission_kind expected)
{
	const struct admission_facts facts = facts_now();
	struct records records;
	struct error error;
	struct admission a;

	assert_true(records_read(arena, text, &records, &error));
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.kind, expected);
	return a.reason;
}

static const char *decide_drop(struct arena *arena, const char *text)
{
	struct admission_facts facts = facts_now();
	struct records records;
	struct error error;
	struct admission a;

	facts.every_file_counts = true;
	assert_true(records_read(arena, text, &records, &error));
	a = admission_decide(arena, &records, &facts);
	assert_int_equal(a.kind, ADMISSION_REFUSE);
	return a.reason;
}

static void without_a_credential_the_worst_news_is_told(void **state)
{
	autoarena struct arena *arena = arena_new();

	(void)state;
	assert_null(decide_text(arena, "file a ignored \"a text\"\n", ADMISSION_NOTHING));
	assert_string_equal(decide_drop(arena, "file b ignored \"a text\"\n"), "b: a text");
	assert_string_equal(decide_text(arena, "missing \"the key for CN=a\"\n", ADMISSION_WAIT),
			"the key for CN=a");
	assert_string_equal(
			decide_text(arena, "file a incomplete \"no end\"\nmissing \"the key\"\n",
					ADMISSION_WAIT),
			"a: no end");
	assert_string_equal(
			decide_text(arena, "missing x\nfile b refused \"b is a symbolic link\"\n",
					ADMISSION_REFUSE),
			"b is a symbolic link");
	assert_string_equal(
			decide_text(arena, "refused \"too short\"\n\tinput c\n", ADMISSION_REFUSE),
			"c: too short");
}

static void what_comes_with_it_has_to_be_current_too(void **state)
{
	static const struct {
		long long from, until;
		enum admission_kind kind;
		const char *reason;
	} cases[] = {
		{ NOW - DAY, NOW + DAY, ADMISSION_TAKE, NULL },
		{ NOW - DAY, LLONG_MAX, ADMISSION_TAKE, NULL },
		{ NOW - DAY, NOW - 1, ADMISSION_REFUSE,
				"the client certificate of CN=app, which comes with CN=a, expired on "
				"2027-01-15T07:59:59Z" },
		{ NOW + DAY, NOW + 9 * DAY, ADMISSION_HOLD,
				"the client certificate of CN=app, which comes with CN=a, is valid "
				"from 2027-01-16T08:00:00Z" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autoarena struct arena *arena = arena_new();
		struct admission_facts facts = facts_now();
		struct records records = { 0 };
		struct admission a;

		add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + DAY);
		add_lasting(arena, &records, "the revocation list", NOW - DAY, NOW + DAY);
		add_lasting(arena, &records, "the client certificate of CN=app", cases[i].from,
				cases[i].until);
		a = admission_decide(arena, &records, &facts);
		assert_int_equal(a.kind, cases[i].kind);
		if (cases[i].reason)
			assert_string_equal(a.reason, cases[i].reason);
		if (a.kind == ADMISSION_HOLD)
			assert_int_equal(a.until, cases[i].from);
	}
}

/* A chain of one link, which ends then. */
static struct rows one_link(struct arena *arena, long long until)
{
	struct words *link = arena_new_of(arena, struct words);

	*link = dates(arena, "the authority's certificate of CN=I", NOW - 9 * DAY, until);
	return (struct rows){ link, 1 };
}

static struct admission decide_link(
		struct arena *arena, struct words link, const struct admission_facts *facts)
{
	struct records records = { 0 };

	add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + 9 * DAY);
	record_add(arena, records.items[0], "link", link);
	return admission_decide(arena, &records, facts);
}

static void a_chain_that_has_ended_does_not_replace_a_good_one(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct words ended =
			dates(arena, "the authority's certificate of CN=I", NOW - 9 * DAY, NOW);
	struct credential now_wanted = wanted(DIGEST_B, NOW + DAY);
	struct admission_facts facts = facts_now();
	struct admission a;

	(void)state;
	assert_int_equal(decide_link(arena, ended, &facts).kind, ADMISSION_TAKE);
	facts.wanted = facts.in_service = &now_wanted;
	assert_int_equal(decide_link(arena, ended, &facts).kind, ADMISSION_TAKE);
	now_wanted.links = one_link(arena, NOW);
	assert_int_equal(decide_link(arena, ended, &facts).kind, ADMISSION_TAKE);

	now_wanted.links = one_link(arena, NOW + 1);
	a = decide_link(arena, ended, &facts);
	assert_int_equal(a.kind, ADMISSION_REFUSE);
	assert_string_equal(a.reason,
			"the authority's certificate of CN=I, which comes with CN=a, expired on "
			"2027-01-15T08:00:00Z");
	facts.allow_downgrade = true;
	assert_int_equal(decide_link(arena, ended, &facts).kind, ADMISSION_TAKE);
	facts.allow_downgrade = false;
	now_wanted.not_after = NOW;
	assert_int_equal(decide_link(arena, ended, &facts).kind, ADMISSION_TAKE);
}

static void a_chain_that_begins_later_is_held_where_a_good_one_serves(void **state)
{
	autoarena struct arena *arena = arena_new();
	struct credential now_wanted = wanted(DIGEST_B, NOW + DAY);
	struct admission_facts facts = facts_now();
	struct admission a;

	(void)state;
	now_wanted.links = one_link(arena, NOW + DAY);
	facts.wanted = facts.in_service = &now_wanted;
	a = decide_link(arena, dates(arena, "I", NOW + 5, NOW + 9 * DAY), &facts);
	assert_int_equal(a.kind, ADMISSION_HOLD);
	assert_int_equal(a.until, NOW + 5);
	facts.clock_trusted = false;
	facts.clock_doubt = "it is 1970";
	a = decide_link(arena, dates(arena, "I", NOW - 5, NOW), &facts);
	assert_int_equal(a.kind, ADMISSION_HOLD);
	assert_non_null(strstr(a.reason, "1970"));
}

/* As Let's Encrypt's chain did for years with a root that had been cross-signed. */
static void a_cross_signed_root_at_the_end_of_a_chain_may_have_ended(void **state)
{
	autoarena struct arena *arena = arena_new();
	struct credential now_wanted = wanted(DIGEST_B, NOW + DAY);
	struct admission_facts facts = facts_now();
	struct records records = { 0 };

	(void)state;
	now_wanted.links = one_link(arena, NOW + DAY);
	facts.wanted = facts.in_service = &now_wanted;
	add_credential(arena, &records, DIGEST_A, NOW - DAY, NOW + 9 * DAY);
	record_add(arena, records.items[0], "link", dates(arena, "R3", NOW - DAY, NOW + DAY));
	record_add(arena, records.items[0], "link", dates(arena, "X1", NOW - DAY, NOW - 1));
	assert_int_equal(admission_decide(arena, &records, &facts).kind, ADMISSION_TAKE);
}

static void what_the_links_are_worth_is_told(void **state)
{
	static const struct {
		long long from, until;
		const char *trusted, *untrusted;
	} cases[] = {
		{ NOW - DAY, NOW + 2 * DAY, NULL, NULL },
		{ NOW - DAY, NOW + DAY,
				"I, which comes with CN=a, ends before it, on 2027-01-16T08:00:00Z",
				"I, which comes with CN=a, ends before it, on "
				"2027-01-16T08:00:00Z" },
		{ NOW - DAY, NOW, "I, which comes with CN=a, expired on 2027-01-15T08:00:00Z",
				"I, which comes with CN=a, ends before it, on "
				"2027-01-15T08:00:00Z" },
		{ NOW + DAY, NOW + 2 * DAY,
				"I, which comes with CN=a, is valid from 2027-01-16T08:00:00Z",
				NULL },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
		autoarena struct arena *arena = arena_new();
		const bool trusted = i % 2 == 0;
		const char *told = trusted ? cases[i / 2].trusted : cases[i / 2].untrusted;
		struct words link = dates(arena, "I", cases[i / 2].from, cases[i / 2].until);
		const struct credential credential = {
			.subject = "CN=a", .not_after = NOW + 2 * DAY, .links = { &link, 1 }
		};
		const struct rows rows = companion_warnings(arena, &credential, trusted, NOW);

		assert_int_equal(rows.count, told ? 1 : 0);
		if (told)
			assert_string_equal(rows.items[0].items[0], told);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_one_is_taken),
		cmocka_unit_test(what_the_target_will_not_have_is_refused_unless_it_is_wanted),
		cmocka_unit_test(the_first_that_can_be_taken_wins_and_names_the_others),
		cmocka_unit_test(a_file_that_holds_more_than_what_is_taken_stays),
		cmocka_unit_test(what_is_wanted_is_not_replaced_by_what_is_worse),
		cmocka_unit_test(an_expired_one_is_refused),
		cmocka_unit_test(one_that_begins_later_is_held_until_then),
		cmocka_unit_test(a_clock_that_cannot_be_holds_and_never_refuses),
		cmocka_unit_test(an_earlier_end_is_a_downgrade_unless_it_is_allowed),
		cmocka_unit_test(what_is_wanted_and_not_in_service_is_nothing_to_go_back_from),
		cmocka_unit_test(anything_valid_may_follow_what_has_expired),
		cmocka_unit_test(a_retired_one_does_not_come_back_by_itself),
		cmocka_unit_test(a_parked_one_is_not_tried_again),
		cmocka_unit_test(without_a_credential_the_worst_news_is_told),
		cmocka_unit_test(what_comes_with_it_has_to_be_current_too),
		cmocka_unit_test(a_chain_that_has_ended_does_not_replace_a_good_one),
		cmocka_unit_test(a_chain_that_begins_later_is_held_where_a_good_one_serves),
		cmocka_unit_test(a_cross_signed_root_at_the_end_of_a_chain_may_have_ended),
		cmocka_unit_test(what_the_links_are_worth_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
