#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "controller/certdrop/present/date.h"
#include "controller/certdrop/present/document.h"
#include "controller/certdrop/present/receipt.h"

static char path[64];
static int directory = -1;

static int open_directory(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/test-receipt-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? -1 : 0;
}

static int remove_directory(void **state)
{
	(void)state;
	(void)unlinkat(directory, RECEIPT_NAME, 0);
	(void)unlinkat(directory, "elsewhere", 0);
	(void)unlinkat(directory, "dropped-receipt.json", 0);
	(void)unlinkat(directory, "dropped-receipt-2.json", 0);
	(void)close(directory);
	return rmdir(path);
}

static const char *warnings[] = { "CN=web.example ends in 12 days" };

static const struct receipt_input inputs[] = { { "web.pem", "aa11" }, { "k\xFF.key", "bb22" } };
static const struct receipt_step steps[] = { { "publish the files", "done", 12 },
	{ "make the server load them", "failed", 30000 } };

static const struct receipt_left left[] = { { "old.pem", "cc33", "refused", "it is expired" },
	{ "pipe", NULL, "refused", "only regular files are taken" } };

static struct receipt sample(void)
{
	return (struct receipt){
		.target = "web",
		.state = "rolled-back",
		.reason = "exit code 1",
		.fingerprint = "9f2c",
		.subject = "CN=web.example",
		.not_after = 1801353600,
		.inputs = inputs,
		.input_count = 2,
		.left = left,
		.left_count = 2,
		.steps = steps,
		.step_count = 2,
		.gap_ms = 40,
		.gap_budget_ms = -1,
		.warnings = { .items = warnings, .count = 1 },
		.pending = "restart it",
		.pending_reason = "not yet",
		.pending_at = 1795246001,
		.updated = 1795246000,
	};
}

static void write_receipt(const struct receipt *receipt)
{
	struct error error;

	if (!receipt_write(directory, RECEIPT_NAME, receipt, &error))
		fail_msg("%s", error.text);
}

static struct stat status_of(const char *name)
{
	struct stat status;

	assert_int_equal(fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW), 0);
	return status;
}

static void assert_receipt(const char *expected)
{
	autodone(buffer) struct buffer text = { 0 };
	struct error error;

	assert_true(file_read(directory, RECEIPT_NAME, 1 << 16, &text, &error));
	assert_string_equal(buffer_text(&text), expected);
}

static void all_fields_are_there_in_their_order(void **state)
{
	const struct receipt receipt = sample();

	(void)state;
	write_receipt(&receipt);
	assert_receipt("{\n"
		       "  \"target\": \"web\",\n"
		       "  \"state\": \"rolled-back\",\n"
		       "  \"reason\": \"exit code 1\",\n"
		       "  \"fingerprint\": \"9f2c\",\n"
		       "  \"subject\": \"CN=web.example\",\n"
		       "  \"not_after\": \"2027-01-31T00:00:00Z\",\n"
		       "  \"inputs\": [\n"
		       "    {\n"
		       "      \"name\": \"web.pem\",\n"
		       "      \"sha256\": \"aa11\"\n"
		       "    },\n"
		       "    {\n"
		       "      \"name\": \"k\xEF\xBF\xBD.key\",\n"
		       "      \"sha256\": \"bb22\"\n"
		       "    }\n"
		       "  ],\n"
		       "  \"not_taken\": [\n"
		       "    {\n"
		       "      \"name\": \"old.pem\",\n"
		       "      \"sha256\": \"cc33\",\n"
		       "      \"state\": \"refused\",\n"
		       "      \"reason\": \"it is expired\"\n"
		       "    },\n"
		       "    {\n"
		       "      \"name\": \"pipe\",\n"
		       "      \"sha256\": null,\n"
		       "      \"state\": \"refused\",\n"
		       "      \"reason\": \"only regular files are taken\"\n"
		       "    }\n"
		       "  ],\n"
		       "  \"steps\": [\n"
		       "    {\n"
		       "      \"text\": \"publish the files\",\n"
		       "      \"result\": \"done\",\n"
		       "      \"milliseconds\": 12\n"
		       "    },\n"
		       "    {\n"
		       "      \"text\": \"make the server load them\",\n"
		       "      \"result\": \"failed\",\n"
		       "      \"milliseconds\": 30000\n"
		       "    }\n"
		       "  ],\n"
		       "  \"gap_ms\": 40,\n"
		       "  \"gap_budget_ms\": null,\n"
		       "  \"warnings\": [\n"
		       "    \"CN=web.example ends in 12 days\"\n"
		       "  ],\n"
		       "  \"others\": [],\n"
		       "  \"pending\": {\n"
		       "    \"text\": \"restart it\",\n"
		       "    \"reason\": \"not yet\",\n"
		       "    \"at\": \"2026-11-21T07:26:41Z\"\n"
		       "  },\n"
		       "  \"updated\": \"2026-11-21T07:26:40Z\"\n"
		       "}\n");
	assert_int_equal(status_of(RECEIPT_NAME).st_mode & 07777, 0644);
}

static void what_is_unknown_is_null(void **state)
{
	const struct receipt receipt = { .target = "web", .state = "idle", .updated = 1 };
	json_t *json = receipt_json(&receipt);

	(void)state;
	assert_true(json_is_null(json_object_get(json, "reason")));
	assert_true(json_is_null(json_object_get(json, "fingerprint")));
	assert_true(json_is_null(json_object_get(json, "not_after")));
	assert_int_equal(json_array_size(json_object_get(json, "steps")), 0);
	json_decref(json);
}

static void nothing_is_written_when_only_the_time_would_change(void **state)
{
	struct receipt receipt = sample();
	struct stat first, later;

	(void)state;
	write_receipt(&receipt);
	first = status_of(RECEIPT_NAME);
	receipt.updated += 60;
	write_receipt(&receipt);
	later = status_of(RECEIPT_NAME);
	assert_int_equal(first.st_ino, later.st_ino);
	assert_memory_equal(&first.st_mtim, &later.st_mtim, sizeof(first.st_mtim));

	receipt.reason = "exit code 2";
	write_receipt(&receipt);
	assert_int_not_equal(first.st_ino, status_of(RECEIPT_NAME).st_ino);
}

/* Longer, shorter, of another mode: whatever lies there is replaced. */
static void a_receipt_that_was_tampered_with_is_written_anew(void **state)
{
	const struct receipt receipt = sample();
	struct stat first;
	int fd;

	(void)state;
	write_receipt(&receipt);
	first = status_of(RECEIPT_NAME);
	fd = openat(directory, RECEIPT_NAME, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(close(fd), 0);
	write_receipt(&receipt);
	assert_int_equal(status_of(RECEIPT_NAME).st_size, first.st_size);

	assert_int_equal(fchmodat(directory, RECEIPT_NAME, 0666, 0), 0);
	write_receipt(&receipt);
	assert_int_equal(status_of(RECEIPT_NAME).st_mode & 07777, 0644);
}

static void a_link_in_its_place_leads_nowhere(void **state)
{
	const struct receipt receipt = sample();
	struct error error;

	(void)state;
	assert_true(file_replace(directory, "elsewhere", "precious", 8, 0600, &error));
	assert_int_equal(symlinkat("elsewhere", directory, RECEIPT_NAME), 0);
	write_receipt(&receipt);
	assert_true(S_ISREG(status_of(RECEIPT_NAME).st_mode));
	assert_int_equal(status_of("elsewhere").st_size, 8);
}

static void a_fifo_in_its_place_stops_nothing(void **state)
{
	const struct receipt receipt = sample();

	(void)state;
	assert_int_equal(mkfifoat(directory, RECEIPT_NAME, 0644), 0);
	write_receipt(&receipt);
	assert_true(S_ISREG(status_of(RECEIPT_NAME).st_mode));
}

static const char *moved_aside(void)
{
	static struct receipt_aside aside;
	struct error error;

	if (!receipt_make_way(directory, RECEIPT_NAME, &aside, &error))
		fail_msg("%s", error.text);
	return aside.name;
}

static void what_was_dropped_under_its_name_is_kept(void **state)
{
	const struct receipt receipt = sample();
	struct error error;

	(void)state;
	assert_string_equal(moved_aside(), "");
	write_receipt(&receipt);
	assert_string_equal(moved_aside(), "");
	assert_true(file_replace(directory, RECEIPT_NAME, "precious", 8, 0600, &error));
	assert_string_equal(moved_aside(), "dropped-receipt.json");
	assert_true(file_replace(
			directory, RECEIPT_NAME, "{\n  \"key\": 1, \"a\": 2 }", 22, 0600, &error));
	assert_string_equal(moved_aside(), "dropped-receipt-2.json");
	assert_int_equal(status_of("dropped-receipt.json").st_size, 8);
	assert_int_equal(status_of("dropped-receipt-2.json").st_size, 22);
	assert_int_equal(faccessat(directory, RECEIPT_NAME, F_OK, 0), -1);
}

static void what_a_power_cut_left_of_it_is_no_drop(void **state)
{
	static const off_t sizes[] = { 0, 534, 4096, 9000 };
	const struct receipt receipt = sample();

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		const int fd = openat(directory, RECEIPT_NAME,
				O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, sizes[i]), 0);
		(void)close(fd);
		assert_string_equal(moved_aside(), "");
		write_receipt(&receipt);
		assert_true(status_of(RECEIPT_NAME).st_size > 0);
	}
}

static void what_is_just_being_dropped_under_its_name_is_kept(void **state)
{
	int fd = openat(directory, RECEIPT_NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	(void)state;
	assert_true(fd >= 0);
	assert_string_equal(moved_aside(), "dropped-receipt.json");
	assert_int_equal(write(fd, "precious", 8), 8);
	(void)close(fd);
	assert_int_equal(status_of("dropped-receipt.json").st_size, 8);
}

static void what_cannot_be_looked_at_keeps_its_name(void **state)
{
	const struct receipt receipt = sample();
	struct rlimit before, none;
	struct receipt_aside aside;
	struct error error;

	(void)state;
	write_receipt(&receipt);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_false(receipt_make_way(directory, RECEIPT_NAME, &aside, &error));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_string_equal(aside.name, "");
	assert_true(S_ISREG(status_of(RECEIPT_NAME).st_mode));
}

static void an_end_that_is_near_is_warned_of(void **state)
{
	autoarena struct arena *arena = arena_new();
	const long long end = 1801353600, day = 24LL * 3600, warn_ms = 30 * day * 1000;

	(void)state;
	assert_null(date_warning(arena, "CN=a", end, end - 30 * day, warn_ms));
	assert_string_equal(date_warning(arena, "CN=a", end, end - 30 * day + 1, warn_ms),
			"CN=a ends in 29 days, on 2027-01-31T00:00:00Z");
	assert_string_equal(date_warning(arena, "CN=a", end, end - day, warn_ms),
			"CN=a ends in 1 day, on 2027-01-31T00:00:00Z");
	assert_string_equal(date_warning(arena, "CN=a", end, end - 1, warn_ms),
			"CN=a ends in less than a day, on 2027-01-31T00:00:00Z");
	assert_string_equal(date_warning(arena, "CN=a", end, end, warn_ms),
			"CN=a has ended, on 2027-01-31T00:00:00Z");
}

static void times_of_any_size_are_printed(void **state)
{
	(void)state;
	assert_string_equal(date_print(0).text, "1970-01-01T00:00:00Z");
	assert_string_equal(date_print(253402300799).text, "9999-12-31T23:59:59Z");
	assert_string_equal(date_print(0x7fffffffffffffff).text, "never");
}

static void the_facts_of_a_credential_are_all_told(void **state)
{
	const struct credential credential = { .digest = "5f0c",
		.fingerprint = "9f2c",
		.key_fingerprint = "11",
		.subject = "CN=a",
		.issuer = "CN=b",
		.serial = "0a",
		.not_before = 1,
		.not_after = 2,
		.key = "RSA 2048" };
	json_t *facts = document_facts(&credential);
	json_t *brief = document_brief(&credential);
	json_t *none = document_brief(NULL);

	(void)state;
	assert_int_equal(json_object_size(facts), 17);
	assert_string_equal(json_string_value(json_object_get(facts, "not_before")),
			"1970-01-01T00:00:01Z");
	assert_true(json_is_null(json_object_get(facts, "client_fingerprint")));
	assert_int_equal(json_object_size(brief), 4);
	assert_true(json_is_null(none));
	json_decref(facts);
	json_decref(brief);
	json_decref(none);
}

int main(void)
{
#define with_directory(test) cmocka_unit_test_setup_teardown(test, open_directory, remove_directory)
	const struct CMUnitTest tests[] = {
		with_directory(all_fields_are_there_in_their_order),
		cmocka_unit_test(what_is_unknown_is_null),
		with_directory(nothing_is_written_when_only_the_time_would_change),
		with_directory(a_receipt_that_was_tampered_with_is_written_anew),
		with_directory(a_link_in_its_place_leads_nowhere),
		with_directory(a_fifo_in_its_place_stops_nothing),
		with_directory(what_was_dropped_under_its_name_is_kept),
		with_directory(what_a_power_cut_left_of_it_is_no_drop),
		with_directory(what_is_just_being_dropped_under_its_name_is_kept),
		with_directory(what_cannot_be_looked_at_keeps_its_name),
		cmocka_unit_test(an_end_that_is_near_is_warned_of),
		cmocka_unit_test(times_of_any_size_are_printed),
		cmocka_unit_test(the_facts_of_a_credential_are_all_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
