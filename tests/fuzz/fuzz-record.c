/* What can be read, whoever wrote it, is the same after printing: plans are compared and signed for
 * as texts. */
#include <assert.h>
#include <string.h>

#include "controller/model/record.h"
#include "tests/fuzz/fuzzing.h"

static void print_again(struct arena *arena, const struct buffer *once)
{
	autodone(buffer) struct buffer twice = { 0 };
	struct records records;
	struct error error;

	assert(records_read(arena, buffer_text(once), &records, &error));
	records_print(&records, &twice);
	assert(strcmp(buffer_text(once), buffer_text(&twice)) == 0);
}

static void ask_for(struct arena *arena, const struct record *record, const char *name)
{
	(void)record_words(record, name);
	(void)record_text(record, name);
	(void)record_rows(arena, record, name);
	(void)record_number(record, name, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena *arena = arena_new();
	autodone(buffer) struct buffer once = { 0 };
	struct records records;
	struct error error;

	if (!records_read(arena, arena_copy_bytes(arena, bytes, length), &records, &error))
		return 0;
	for (size_t i = 0; i < records.count; i++) {
		const struct record *record = records.items[i];

		for (size_t j = 0; j < record->field_count; j++)
			ask_for(arena, record, record->fields[j].name);
		assert(records_find(&records, record_word(record, 0), NULL));
	}
	records_print(&records, &once);
	print_again(arena, &once);
	return 0;
}
