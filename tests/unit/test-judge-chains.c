#include "tests/unit/unit.h"

#include <stdio.h>

#include "controller/base/digest.h"
#include "tests/unit/judging.h"

/* The chain is what leads from the leaf to an authority that is known, in this order, and however
 * much else was dropped. */

enum { JANUARY = 1767225600 }; /* of 2026 */

static void know(struct asking *asking, const struct identity *authority)
{
	autodone(buffer) struct buffer text = { 0 };

	add_certificate(&text, authority);
	ask_authorities(asking, &text);
}

static void expect_chain(struct asking *asking, const struct identity *const links[])
{
	struct credential credential;
	const char *parts;
	size_t count = 0;

	ask(asking);
	read_credential(asking, &credential, &parts);
	for (; links[count]; count++) {
		autodone(buffer) struct buffer der = { 0 };

		add_certificate_der(&der, links[count]);
		assert_true(count < credential.chain.count);
		assert_string_equal(credential.chain.items[count],
				digest_of(der.bytes, der.length).hex);
	}
	assert_int_equal(credential.chain.count, count);
}

static void chains_are_put_in_order_without_what_does_not_belong(void **state)
{
	static const struct identity *const dropped[] = { &root, &other_root, &sub, &low, &sub,
		NULL };
	static const struct identity *const wanted[] = { &low, &sub, NULL };
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	expect_chain(&asking, wanted);
}

static void what_is_left_out_is_told(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer text = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	add_certificate(&text, &web);
	add_certificate(&text, &low);
	add_certificate(&text, &other_root);
	add_key(&text, &web, NULL);
	ask_file(&asking, "all.pem", &text);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.warnings.count, 1);
	assert_string_equal(credential.warnings.items[0].items[0],
			"the certificate of CN=Other Root in all.pem is not needed for the "
			"chain of CN=web.example, and is left out");
}

static void of_many_that_are_left_out_a_few_are_told(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer text = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	add_certificate(&text, &web);
	add_certificate(&text, &low);
	add_key(&text, &web, NULL);
	for (int i = 0; i < 10; i++) {
		autodone(identity) struct identity authority = { 0 };
		const struct recipe recipe = { .name = "Some Root",
			.authority = true,
			.with_key = root.key,
			.days = 100 + i };

		identity_make(&authority, &recipe);
		add_certificate(&text, &authority);
	}
	ask_file(&asking, "all.pem", &text);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.warnings.count, 9);
	assert_string_equal(credential.warnings.items[8].items[0],
			"2 more certificates are left out, too");
}

static void the_root_comes_along_when_asked_for(void **state)
{
	static const struct identity *const dropped[] = { &root, &sub, &low, NULL };
	static const struct identity *const wanted[] = { &low, &sub, &root, NULL };
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	ask_rule(&asking, "rule chain P root");
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	expect_chain(&asking, wanted);
}

static void chains_are_completed_from_the_authorities(void **state)
{
	static const struct identity *const dropped[] = { &low, NULL };
	static const struct identity *const wanted[] = { &low, &sub, NULL };
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer known = { 0 };
	const struct record *credential;

	(void)state;
	ask_rule(&asking, "rule chain P complete");
	add_certificate(&known, &root);
	add_certificate(&known, &sub);
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	ask_authorities(&asking, &known);
	expect_chain(&asking, wanted);
	credential = records_find(&asking.records, "credential", NULL);
	assert_int_equal(record_rows(asking.arena, credential, "input").count, 2);
}

static void an_incomplete_chain_waits_for_its_next_link(void **state)
{
	static const struct identity *const dropped[] = { &low, NULL };
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	ask_rule(&asking, "rule chain P complete");
	know(&asking, &root);
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 0);
	assert_string_equal(
			first_missing(&asking), "the certificate of CN=Sub, which issued CN=Low");
}

static void a_chain_to_an_unknown_root_is_refused(void **state)
{
	static const struct identity *const dropped[] = { &low, &sub, &root, NULL };
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	ask_rule(&asking, "rule chain P complete");
	know(&asking, &other_root);
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	ask(&asking);
	assert_string_equal(first_refused(&asking),
			"the chain of CN=web.example ends at CN=Root, which is not among the known "
			"authorities; P ask for a complete chain");
}

/* An authority of the right name with another key. */
static void names_alone_do_not_make_a_chain(void **state)
{
	const struct recipe recipe = { .name = "Low", .authority = true, .issuer = &sub };
	static const struct identity *const wanted[] = { NULL };
	autodone(identity) struct identity imposter = { 0 };
	const struct identity *const dropped[] = { &imposter, &sub, NULL };
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	identity_make(&imposter, &recipe);
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	expect_chain(&asking, wanted);
}

/* Two roots that signed each other. */
static void cross_signed_authorities_do_not_go_round_in_circles(void **state)
{
	const struct recipe recipes[] = {
		{ "Root", .authority = true, .issuer = &other_root, .with_key = root.key },
		{ "Other Root", .authority = true, .issuer = &root, .with_key = other_root.key },
	};
	autodone(identity) struct identity one = { 0 }, two = { 0 };
	const struct identity *const dropped[] = { &one, &two, &sub, &low, NULL };
	autodone(asking) struct asking asking = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	identity_make(&one, &recipes[0]);
	identity_make(&two, &recipes[1]);
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.chain.count, 4);
}

/* Of two ways that are as long, the one that lasts: nobody has to know for that what time it is. */
static void of_two_certificates_of_an_authority_the_lasting_one_is_taken(void **state)
{
	const struct recipe recipe = { "Low", .with_key = low.key, .authority = true,
		.issuer = &sub, .days = 1 };
	autodone(identity) struct identity brief = { 0 };
	const struct identity *const orders[][4] = { { &brief, &low, &sub, NULL },
		{ &low, &brief, &sub, NULL }, { &brief, &low, &root, NULL } };
	const struct identity *const wanted[][3] = { { &low, &sub, NULL }, { &low, &sub, NULL },
		{ &low, NULL } };

	(void)state;
	identity_make(&brief, &recipe);
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		autodone(asking) struct asking asking = { 0 };

		drop_certificates(&asking, orders[i]);
		drop_pair(&asking, "pair.pem", &web);
		expect_chain(&asking, wanted[i]);
	}
}

static void another_certificate_of_an_authority_is_told_as_such(void **state)
{
	const struct recipe recipe = { "Low", .with_key = low.key, .authority = true,
		.issuer = &other_root };
	autodone(identity) struct identity crossed = { 0 };
	const struct identity *const dropped[] = { &low, &sub, &crossed, &root, NULL };
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer text = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	identity_make(&crossed, &recipe);
	for (size_t i = 0; dropped[i]; i++)
		add_certificate(&text, dropped[i]);
	add_certificate(&text, &web);
	add_key(&text, &web, NULL);
	ask_file(&asking, "all.pem", &text);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.warnings.count, 1);
	assert_string_equal(credential.warnings.items[0].items[0],
			"the certificate of CN=Low in all.pem is left out: the chain of "
			"CN=web.example has another one of that authority");
}

/* One above the other, all in one file with the leaf and its key. */
static void ask_ladder(struct asking *asking, size_t count)
{
	autodone(buffer) struct buffer text = { 0 };
	struct identity issuer = { 0 }, next = { 0 };
	char name[16];

	for (size_t i = 0; i <= count; i++) {
		const struct recipe recipe = { .name = name,
			.authority = i<count, .issuer = i> 0 ? &issuer : NULL };

		(void)snprintf(name, sizeof(name), "A%zu", count - i);
		identity_make(&next, &recipe);
		add_certificate(&text, &next);
		identity_done(&issuer);
		issuer = next;
		next = (struct identity){ 0 };
	}
	add_key(&text, &issuer, NULL);
	identity_done(&issuer);
	ask_file(asking, "ladder.pem", &text);
	ask(asking);
}

static void what_is_above_the_longest_chain_is_told_in_one_sentence(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	ask_ladder(&asking, 40);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.chain.count, 10);
	assert_int_equal(credential.warnings.count, 1);
	assert_string_equal(credential.warnings.items[0].items[0],
			"the chain of CN=A0 is cut after 10 certificates: that of CN=A11 and 29 more "
			"above it are left out");
}

static void a_chain_that_has_to_be_complete_is_not_too_long(void **state)
{
	static const char *const rules[] = { "rule chain P complete", "rule anchor P" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		autodone(asking) struct asking asking = { 0 };

		ask_rule(&asking, rules[i]);
		ask_ladder(&asking, 12);
		assert_string_equal(first_missing(&asking), "");
		assert_string_equal(first_refused(&asking),
				"the chain of CN=A0 has more than 10 certificates, which is the most "
				"that is taken; P ask for a complete chain");
	}
}

/* Every authority certified by every other one: a maze. */
static void a_maze_of_authorities_ends(void **state)
{
	enum { COUNT = 12 };
	struct identity first[COUNT] = { 0 };
	autodone(buffer) struct buffer text = { 0 };
	autodone(identity) struct identity leaf = { 0 };
	const struct recipe leaf_recipe = { .name = "leaf", .issuer = &first[0] };
	autodone(asking) struct asking asking = { 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		const struct recipe recipe = { .name = name, .authority = true };

		(void)snprintf(name, sizeof(name), "A%d", i);
		identity_make(&first[i], &recipe);
	}
	for (int i = 0; i < COUNT * COUNT; i++) {
		const struct recipe recipe = { .name = name,
			.authority = true,
			.with_key = first[i / COUNT].key,
			.issuer = &first[i % COUNT] };
		struct identity cross = { 0 };

		if (i / COUNT == i % COUNT)
			continue;
		(void)snprintf(name, sizeof(name), "A%d", i / COUNT);
		identity_make(&cross, &recipe);
		add_certificate(&text, &cross);
		identity_done(&cross);
	}
	identity_make(&leaf, &leaf_recipe);
	ask_rule(&asking, "rule chain P complete");
	ask_file(&asking, "maze.pem", &text);
	drop_pair(&asking, "pair.pem", &leaf);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 0);
	assert_memory_equal(first_missing(&asking), "the certificate of CN=A", 23);
	for (int i = 0; i < COUNT; i++)
		identity_done(&first[i]);
}

static void the_links_are_told_with_their_dates(void **state)
{
	static const struct {
		const char *rule;
		size_t links, lasts;
	} cases[] = { { "rule chain P any", 2, 0 }, { "rule chain P complete", 2, 3 },
		{ "rule chain P root", 3, 3 } };
	static const struct identity *const dropped[] = { &root, &sub, &low, NULL };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(asking) struct asking asking = { 0 };
		struct credential credential;
		const char *parts;

		ask_rule(&asking, cases[i].rule);
		drop_certificates(&asking, dropped);
		drop_pair(&asking, "pair.pem", &web);
		ask(&asking);
		read_credential(&asking, &credential, &parts);
		assert_int_equal(credential.links.count, cases[i].links);
		assert_int_equal(credential.lasts.count, cases[i].lasts);
		assert_string_equal(credential_lasting(credential.links.items[0]).what,
				"the authority's certificate of CN=Low");
		assert_int_equal(credential_lasting(credential.links.items[0]).from, JANUARY);
	}
}

static void a_bad_authorities_file_is_a_matter_of_configuration(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer text = { 0 };
	struct error error;

	(void)state;
	buffer_add(&text, "nothing\n");
	ask_authorities(&asking, &text);
	assert_false(ask_badly(&asking, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_string_equal(error.text,
			"the authorities file: holds no certificate and no key that "
			"is known here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_are_put_in_order_without_what_does_not_belong),
		cmocka_unit_test(what_is_left_out_is_told),
		cmocka_unit_test(of_many_that_are_left_out_a_few_are_told),
		cmocka_unit_test(the_root_comes_along_when_asked_for),
		cmocka_unit_test(chains_are_completed_from_the_authorities),
		cmocka_unit_test(an_incomplete_chain_waits_for_its_next_link),
		cmocka_unit_test(a_chain_to_an_unknown_root_is_refused),
		cmocka_unit_test(names_alone_do_not_make_a_chain),
		cmocka_unit_test(cross_signed_authorities_do_not_go_round_in_circles),
		cmocka_unit_test(of_two_certificates_of_an_authority_the_lasting_one_is_taken),
		cmocka_unit_test(another_certificate_of_an_authority_is_told_as_such),
		cmocka_unit_test(what_is_above_the_longest_chain_is_told_in_one_sentence),
		cmocka_unit_test(a_chain_that_has_to_be_complete_is_not_too_long),
		cmocka_unit_test(a_maze_of_authorities_ends),
		cmocka_unit_test(the_links_are_told_with_their_dates),
		cmocka_unit_test(a_bad_authorities_file_is_a_matter_of_configuration),
	};

	return cmocka_run_group_tests(tests, judging_begin, judging_end);
}
