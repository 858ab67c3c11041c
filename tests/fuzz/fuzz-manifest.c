/* The manifest of a published set lies where others may be able to write: nothing in it may lead out
 * of the directory that it is about. */
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "controller/apply/publish/manifest.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/scratch.h"

static int open_scratch(void)
{
	return open(scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void check_name(const char *name)
{
	assert(*name && *name != '.' && !strchr(name, '/'));
}

static void write_again(struct arena *arena, const struct manifest *manifest, int directory)
{
	autodone(buffer) struct buffer text = { 0 };
	struct manifest again;
	struct error error;
	bool there = false;

	manifest_print(manifest, &text);
	(void)scratch_write(manifest_name, (const uint8_t *)buffer_text(&text), text.length);
	assert(manifest_read(arena, directory, &again, &there, &error) && there);
	assert(again.count == manifest->count);
	assert(strcmp(again.generation, manifest->generation) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena *arena = arena_new();
	autoclose int directory = open_scratch();
	struct manifest manifest;
	struct error error;
	bool there = false;

	(void)scratch_write(manifest_name, bytes, length);
	if (!manifest_read(arena, directory, &manifest, &there, &error) || !there)
		return 0;
	check_name(manifest.generation);
	for (size_t i = 0; i < manifest.count; i++)
		check_name(manifest.files[i].name);
	(void)manifest_holds(arena, &manifest, directory, NULL);
	write_again(arena, &manifest, directory);
	return 0;
}
