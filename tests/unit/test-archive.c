#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/inspecting.h"
#include "tests/unit/material.h"

/* Archives made by hand, so that they can be wrong in every way. Members are stored. */
struct member {
	const char *name;
	size_t name_length; /* 0: of the text */
	const char *content;
	unsigned flags, method, mode; /* mode: Unix, 0: none */
	const char *local_name; /* NULL: the same */
	unsigned long local_size; /* what the local header adds to the size */
	unsigned long claimed; /* the directory's sizes, 0: the truth */
	long offset; /* of the local header; added to the truth */
};

struct archive {
	struct buffer bytes, directory;
	unsigned count;
};

static struct identity web;

static int make_material(void **state)
{
	const struct recipe recipe = { .name = "web.example" };

	(void)state;
	identity_make(&web, &recipe);
	return 0;
}

static int drop_material(void **state)
{
	(void)state;
	identity_done(&web);
	return 0;
}

/* ---- writing ---- */

static void archive_done(struct archive *archive)
{
	buffer_done(&archive->bytes);
	buffer_done(&archive->directory);
}

static void add_number(struct buffer *bytes, unsigned long number, unsigned octets)
{
	for (; octets > 0; octets--, number >>= 8)
		buffer_append(bytes, &(unsigned char){ (unsigned char)number }, 1);
}

static unsigned long checksum(const char *content)
{
	unsigned long crc = 0xffffffff;

	for (; *content; content++) {
		crc ^= (unsigned char)*content;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320UL : crc >> 1;
	}
	return crc ^ 0xffffffff;
}

static void add_local(struct archive *archive, const struct member *member, size_t length)
{
	const char *name = member->local_name ? member->local_name : member->name;
	const size_t size = strlen(member->content);

	buffer_append(&archive->bytes, "PK\x03\x04", 4);
	add_number(&archive->bytes, 20, 2);
	add_number(&archive->bytes, member->flags, 2);
	add_number(&archive->bytes, member->method, 2);
	add_number(&archive->bytes, 0, 4);
	add_number(&archive->bytes, checksum(member->content), 4);
	add_number(&archive->bytes, size + member->local_size, 4);
	add_number(&archive->bytes, size + member->local_size, 4);
	add_number(&archive->bytes, length, 2);
	add_number(&archive->bytes, 0, 2);
	buffer_append(&archive->bytes, name, length);
	buffer_add(&archive->bytes, member->content);
}

static void archive_add(struct archive *archive, const struct member *member)
{
	const size_t length = member->name_length ? member->name_length : strlen(member->name);
	const size_t size = member->claimed ? member->claimed : strlen(member->content);
	const size_t offset = (size_t)((long)archive->bytes.length + member->offset);
	struct buffer *directory = &archive->directory;

	add_local(archive, member, length);
	buffer_append(directory, "PK\x01\x02", 4);
	add_number(directory, 20 | (member->mode ? 3U << 8 : 0), 2);
	add_number(directory, 20, 2);
	add_number(directory, member->flags, 2);
	add_number(directory, member->method, 2);
	add_number(directory, 0, 4);
	add_number(directory, checksum(member->content), 4);
	add_number(directory, size, 4);
	add_number(directory, size, 4);
	add_number(directory, length, 2);
	add_number(directory, 0, 8);
	add_number(directory, (unsigned long)member->mode << 16, 4);
	add_number(directory, offset, 4);
	buffer_append(directory, member->name, length);
	archive->count++;
}

static void archive_end(struct archive *archive)
{
	const size_t start = archive->bytes.length;

	buffer_append(&archive->bytes, archive->directory.bytes, archive->directory.length);
	buffer_append(&archive->bytes, "PK\x05\x06", 4);
	add_number(&archive->bytes, 0, 4);
	add_number(&archive->bytes, archive->count, 2);
	add_number(&archive->bytes, archive->count, 2);
	add_number(&archive->bytes, archive->directory.length, 4);
	add_number(&archive->bytes, start, 4);
	add_number(&archive->bytes, 0, 2);
}

static void expect(const struct buffer *bytes, const char *state, const char *sentence)
{
	autodone(asking) struct asking asking = { 0 };

	ask_file(&asking, "a.zip", bytes);
	ask(&asking);
	if (strcmp(state_of(&asking, "a.zip"), state) != 0 ||
			strcmp(sentence_of(&asking, "a.zip"), sentence) != 0)
		fail_msg("wanted %s \"%s\", got: %s", state, sentence,
				buffer_text(&asking.reply.text));
}

/* ---- good ones ---- */

static void a_pair_in_an_archive_is_a_credential(void **state)
{
	static const char *const names[] = { "certs/server.crt", "certs/server.key", "README" };
	autodone(buffer) struct buffer bytes = { 0 };
	struct buffer contents[3] = { 0 };
	autodone(asking) struct asking asking = { 0 };
	const struct record *credential;

	(void)state;
	add_certificate(&contents[0], &web);
	add_key(&contents[1], &web, NULL);
	buffer_add(&contents[2], "read me\n");
	add_zip(&bytes, names, contents, 3);
	ask_file(&asking, "a.zip", &bytes);
	ask(&asking);
	assert_string_equal(state_of(&asking, "a.zip"), "sound");
	assert_int_equal(credentials_in(&asking), 1);
	credential = records_find(&asking.records, "credential", NULL);
	assert_string_equal(record_text(credential, "input"), "a.zip");
	for (size_t i = 0; i < 3; i++)
		buffer_done(&contents[i]);
}

static void a_growing_archive_is_incomplete(void **state)
{
	autodone(archive) struct archive archive = { 0 };
	autodone(buffer) struct buffer pem = { 0 };
	struct member member = { .name = "web.pem" };

	(void)state;
	add_certificate(&pem, &web);
	member.content = pem.bytes;
	archive_add(&archive, &member);
	archive_end(&archive);
	for (size_t length = 4; length < archive.bytes.length; length++) {
		const struct buffer cut = { .bytes = archive.bytes.bytes, .length = length };

		expect(&cut, "incomplete", "a.zip: stops before the end record of the archive");
	}
	expect(&archive.bytes, "sound", "");
}

static void what_is_wrong_in_a_member_is_said_with_its_name(void **state)
{
	autodone(archive) struct archive archive = { 0 };
	const struct member member = { .name = "x.pem",
		.content = "-----BEGIN CERTIFICATE-----\nAA" };

	(void)state;
	archive_add(&archive, &member);
	archive_end(&archive);
	expect(&archive.bytes, "refused", "a.zip/x.pem: stops inside a CERTIFICATE block");
}

/* ---- attacks ---- */

static void each_attack_is_refused_with_its_reason(void **state)
{
	static const struct {
		struct member member;
		const char *sentence;
	} cases[] = {
		{ { "../x", .content = "x" },
				"a.zip: ../x has a name that leads out of the archive" },
		{ { "a/../../x", .content = "x" },
				"a.zip: a/../../x has a name that leads out of the archive" },
		{ { "/etc/x", .content = "x" }, "a.zip: /etc/x has an absolute name" },
		{ { "C:x", .content = "x" }, "a.zip: C:x has an absolute name" },
		{ { "a\\b", .content = "x" },
				"a.zip: a\\b has a zero byte or a backslash in its name" },
		{ { "a\0b", 3, .content = "x" },
				"a.zip: a?b has a zero byte or a backslash in its name" },
		{ { "x", .content = "x", .flags = 1 }, "a.zip: x is encrypted" },
		{ { "x", .content = "x", .flags = 64 }, "a.zip: x is encrypted" },
		{ { "x", .content = "x", .mode = S_IFLNK | 0777 },
				"a.zip: x is a link or another special file" },
		{ { "x", .content = "x", .mode = S_IFBLK | 0600 },
				"a.zip: x is a link or another special file" },
		{ { "x", .content = "x", .method = 12 },
				"a.zip: x is packed with a method other than deflate" },
		{ { "x", .content = "x", .local_name = "y" },
				"a.zip: x differs from its local header" },
		{ { "x", .content = "x", .local_size = 1 },
				"a.zip: x differs from its local header" },
		{ { "x", .content = "x", .claimed = 0x100001 },
				"a.zip: x unpacks to more than 1 MiB" },
		{ { "x", .content = "x", .claimed = 0xffffffff }, "a.zip: the archive uses ZIP64" },
		{ { "x", .content = "x", .claimed = 100, .local_size = 99 },
				"a.zip: x overlaps the archive's directory" },
		{ { "x", .content = "x", .offset = 1 }, "a.zip: x has no local header" },
		{ { "x", .content = "x", .offset = 1000 }, "a.zip: x has no local header" },
		{ { "inner.ZIP", .content = "x" },
				"a.zip: inner.ZIP is an archive inside an archive" },
		{ { "x", .content = "PK\x03\x04zip" }, "a.zip/x: is an archive inside an archive" },
		{ { "d/", .content = "x" }, "a.zip: d/ is a directory with content" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(archive) struct archive archive = { 0 };

		archive_add(&archive, &cases[i].member);
		archive_end(&archive);
		expect(&archive.bytes, "refused", cases[i].sentence);
	}
}

/* What is checked and what is unpacked have to be one directory. */
static void second_directory_behind_the_first_is_refused(void **state)
{
	autodone(archive) struct archive archive = { 0 };
	const struct member shown = { "shown", .content = "x" };
	const struct member hidden = { "hidden", .content = "y" };
	size_t comment;

	(void)state;
	archive_add(&archive, &hidden);
	archive_end(&archive);
	comment = archive.bytes.length;
	buffer_clear(&archive.directory);
	archive.count = 0;
	archive_add(&archive, &shown);
	archive_end(&archive);
	archive.bytes.bytes[comment - 2] = (char)(archive.bytes.length - comment);
	expect(&archive.bytes, "refused", "a.zip: the archive has more than one end record");
}

static void locator_of_another_directory_is_refused(void **state)
{
	autodone(archive) struct archive archive = { 0 };
	const struct member shown = { "shown", .content = "x" };

	(void)state;
	archive_add(&archive, &shown);
	/* In the comment of the entry. */
	archive.directory.bytes[32] = 20;
	buffer_append(&archive.directory, "PK\x06\x07\0\0\0\0", 8);
	add_number(&archive.directory, 0, 8);
	add_number(&archive.directory, 1, 4);
	archive_end(&archive);
	expect(&archive.bytes, "refused", "a.zip: the archive uses ZIP64");
}

static void names_that_differ_in_case_only_are_refused(void **state)
{
	autodone(archive) struct archive archive = { 0 };
	const struct member one = { "Server.crt", .content = "x" };
	const struct member other = { "server.CRT", .content = "y" };

	(void)state;
	archive_add(&archive, &one);
	archive_add(&archive, &other);
	archive_end(&archive);
	expect(&archive.bytes, "refused", "a.zip: server.CRT is in the archive twice");
}

static void entries_over_the_same_bytes_are_refused(void **state)
{
	autodone(archive) struct archive archive = { 0 };
	/* The second entry's local header is inside the content of the first one. */
	const struct member outer = { "a", .content = "0123456789" };
	struct member inner = { "a", .content = "0123456789" };

	(void)state;
	archive_add(&archive, &outer);
	inner.name = "b";
	inner.local_name = "a";
	inner.offset = -(long)archive.bytes.length;
	archive_add(&archive, &inner);
	archive_end(&archive);
	expect(&archive.bytes, "refused", "a.zip: b differs from its local header");

	archive_done(&archive);
	archive = (struct archive){ 0 };
	/* The same local header twice, by a directory that agrees with it. */
	archive_add(&archive, &outer);
	buffer_append(&archive.directory, archive.directory.bytes, archive.directory.length);
	archive.directory.bytes[archive.directory.length - 1] = 'a';
	archive.count = 2;
	archive_end(&archive);
	expect(&archive.bytes, "refused", "a.zip: a is in the archive twice");
}

static void entries_that_overlap_are_refused(void **state)
{
	autodone(archive) struct archive archive = { 0 };
	autodone(archive) struct archive hidden = { 0 };
	const struct member small = { "b", .content = "y" };
	struct member large = { "a" };

	(void)state;
	/* A whole member inside the content of another one. */
	archive_add(&hidden, &small);
	buffer_append(&hidden.bytes, "", 1);
	large.content = "0123456789012345678901234567890123456789";
	archive_add(&archive, &large);
	memcpy(archive.bytes.bytes + 31, hidden.bytes.bytes, 32);
	archive_add(&archive, &small);
	archive.bytes.length -= 32;
	/* The directory's second entry points there. */
	archive.directory.bytes[archive.directory.length - 5] = 31;
	archive.directory.bytes[archive.directory.length - 4] = 0;
	archive_end(&archive);
	expect(&archive.bytes, "refused", "a.zip: b overlaps another entry");
}

static void a_bomb_is_refused_before_it_is_unpacked(void **state)
{
	static const char *const names[] = { "bomb.pem" };
	autodone(buffer) struct buffer zeros = { 0 }, bytes = { 0 };

	(void)state;
	for (int i = 0; i < 1 << 16; i++)
		buffer_add(&zeros, "0000000000000000");
	add_zip(&bytes, names, &zeros, 1);
	assert_true(bytes.length < 4096);
	expect(&bytes, "refused", "a.zip: bomb.pem unpacks to more than 100 times its stored size");
}

static void more_than_64_entries_are_refused(void **state)
{
	autodone(archive) struct archive archive = { 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < 65; i++) {
		const struct member member = { name, .content = "x" };

		(void)snprintf(name, sizeof(name), "%d", i);
		archive_add(&archive, &member);
	}
	archive_end(&archive);
	expect(&archive.bytes, "refused", "a.zip: the archive has more than 64 entries");
}

/* Each member within its limits: random-looking letters that shrink to a third. */
static void more_than_four_mebibytes_in_all_are_refused(void **state)
{
	static const char *const names[] = { "1", "2", "3", "4", "5", "6" };
	struct buffer contents[6] = { 0 };
	autodone(buffer) struct buffer bytes = { 0 };
	unsigned long noise = 1;

	(void)state;
	for (int i = 0; i < 6; i++) {
		for (int j = 0; j < 1000000; j++) {
			noise = noise * 6364136223846793005UL + 1442695040888963407UL;
			buffer_append(&contents[i], noise >> 60 ? "a" : "b", 1);
		}
	}
	add_zip(&bytes, names, contents, 6);
	assert_true(bytes.length < 1 << 20);
	expect(&bytes, "refused", "a.zip: the archive unpacks to more than 4 MiB");
	for (int i = 0; i < 6; i++)
		buffer_done(&contents[i]);
}

static void a_directory_that_lies_about_itself_is_refused(void **state)
{
	static const struct {
		unsigned from_end;
		unsigned char value;
		const char *sentence;
	} cases[] = {
		{ 6, 1, "a.zip: the archive's directory is not where it says" },
		{ 10, 1, "a.zip: the archive's directory is not where it says" },
		{ 18, 1, "a.zip: the archive spans several disks" },
		{ 14, 2, "a.zip: the archive spans several disks" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(archive) struct archive archive = { 0 };
		const struct member member = { "x", .content = "x" };

		archive_add(&archive, &member);
		archive_end(&archive);
		archive.bytes.bytes[archive.bytes.length - cases[i].from_end] =
				(char)cases[i].value;
		expect(&archive.bytes, "refused", cases[i].sentence);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_in_an_archive_is_a_credential),
		cmocka_unit_test(a_growing_archive_is_incomplete),
		cmocka_unit_test(what_is_wrong_in_a_member_is_said_with_its_name),
		cmocka_unit_test(each_attack_is_refused_with_its_reason),
		cmocka_unit_test(second_directory_behind_the_first_is_refused),
		cmocka_unit_test(locator_of_another_directory_is_refused),
		cmocka_unit_test(names_that_differ_in_case_only_are_refused),
		cmocka_unit_test(entries_over_the_same_bytes_are_refused),
		cmocka_unit_test(entries_that_overlap_are_refused),
		cmocka_unit_test(a_bomb_is_refused_before_it_is_unpacked),
		cmocka_unit_test(more_than_64_entries_are_refused),
		cmocka_unit_test(more_than_four_mebibytes_in_all_are_refused),
		cmocka_unit_test(a_directory_that_lies_about_itself_is_refused),
	};

	return cmocka_run_group_tests(tests, make_material, drop_material);
}
