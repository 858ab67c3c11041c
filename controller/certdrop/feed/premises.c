#include "controller/certdrop/feed/premises.h"

#include <errno.h>
#include <sys/stat.h>

static void add_one(const char *path, struct buffer *text)
{
	struct stat facts;

	if (!path)
		return;
	if (stat(path, &facts) < 0) {
		buffer_printf(text, "%s: %d\n", path, errno);
		return;
	}
	buffer_printf(text, "%s: %llu %llu %lld %lld.%09ld %lld.%09ld\n", path,
			(unsigned long long)facts.st_dev, (unsigned long long)facts.st_ino,
			(long long)facts.st_size, (long long)facts.st_mtim.tv_sec,
			facts.st_mtim.tv_nsec, (long long)facts.st_ctim.tv_sec,
			facts.st_ctim.tv_nsec);
}

void premises_add(const struct target *target, struct buffer *text)
{
	static const char *const names[] = { "passphrases", "key-passphrases", "authorities" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		add_one(setting_text(target->settings, names[i]), text);
}
