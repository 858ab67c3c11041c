#define _GNU_SOURCE
/*
 * Stands in for certdrop-inspect and certdrop-apply, and does what a test wants of it. It is started
 * through a link, and reads its parts from files beside that link:
 *
 *         LINK.start                when it starts
 *         LINK.inspect              at each request to inspect
 *         LINK.ask|apply|undo       at each work
 *
 * A part is a line for each deed:
 *
 *         say TEXT                  sends it; \n and \t stand for what they say
 *         sound                     answers that all files of the request are sound
 *         descriptors               answers how many descriptors and variables it has
 *         noise                     sends what is no message
 *         hear                      waits for a message
 *         deaf                      whatever is sent to it from now on cannot be
 *         written FILE TEXT         goes on only if TEXT is in FILE, beside the link
 *         mark NAME                 creates the file NAME beside the link
 *         if TEXT [& TEXT]          the next line only when the request has that, and that
 *         once NAME                 the next line only when there is no such file yet, which is made
 *         exit CODE, kill, hang     how it may end
 */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "controller/base/message.h"
#include "controller/model/record.h"

static const char *self;

static void say(const char *text)
{
	struct error error;

	if (!message_send(STDIN_FILENO, text, NULL, 0, &error))
		_exit(70);
}

static void say_unescaped(const char *text)
{
	autodone(buffer) struct buffer plain = { 0 };

	for (; *text; text++) {
		if (text[0] == '\\' && (text[1] == 'n' || text[1] == 't'))
			buffer_add(&plain, *++text == 'n' ? "\n" : "\t");
		else
			buffer_append(&plain, text, 1);
	}
	say(buffer_text(&plain));
}

static void say_sound(const char *request)
{
	autoarena struct arena *arena = arena_new();
	autodone(buffer) struct buffer reply = { 0 };
	struct records records;
	struct error error;

	if (!records_read(arena, request, &records, &error))
		_exit(71);
	for (size_t i = 0; i < records.count; i++)
		if (strcmp(record_word(records.items[i], 0), "file") == 0)
			record_print(record_new(arena, "file", record_word(records.items[i], 1),
						     "sound", "", NULL),
					&reply);
	say(buffer_text(&reply));
}

static void say_descriptors(void)
{
	char text[64];
	DIR *list = opendir("/proc/self/fd");
	int count = -3; /* ".", "..", and the one it is read through */
	int variables = 0;

	while (list && readdir(list))
		count++;
	while (environ[variables])
		variables++;
	if (list)
		(void)closedir(list);
	(void)snprintf(text, sizeof(text), "open %d variables %d\n", count, variables);
	say(text);
}

static void hear(void)
{
	autodone(message) struct message message = { 0 };
	struct error error;

	if (message_receive(STDIN_FILENO, &message, &error) != MESSAGE_GOT)
		_exit(72);
}

static const char *beside(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(self, '/') - self), self, name);
	return path;
}

static bool is_written(const char *file_and_text)
{
	autodone(buffer) struct buffer bytes = { 0 };
	char name[64];
	int end = 0;
	struct error error;

	(void)sscanf(file_and_text, "%63s %n", name, &end);
	return file_read(AT_FDCWD, beside(name), 64 << 20, &bytes, &error) && bytes.length > 0 &&
			memmem(bytes.bytes, bytes.length, file_and_text + end,
					strlen(file_and_text + end));
}

static bool mark(const char *name)
{
	autoclose int fd = open(beside(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd >= 0;
}

/* What follows the verb in the line; NULL: it is another one. */
static const char *rest_of(const char *line, const char *verb)
{
	const size_t length = strlen(verb);

	if (strncmp(line, verb, length) != 0 || (line[length] && line[length] != ' '))
		return NULL;
	return line[length] ? line + length + 1 : line + length;
}

static void end_by(const char *line)
{
	const char *rest;

	if ((rest = rest_of(line, "exit")))
		_exit((int)strtol(rest, NULL, 10));
	if (rest_of(line, "kill"))
		(void)raise(SIGKILL);
	while (rest_of(line, "hang"))
		(void)pause();
}

static bool has_all(const char *request, const char *wanted)
{
	const char *second = strstr(wanted, " & ");
	const size_t length = second ? (size_t)(second - wanted) : strlen(wanted);

	return memmem(request, strlen(request), wanted, length) &&
			(!second || strstr(request, second + 3));
}

/* true: the next line is to be left out. */
static bool take_line(const char *line, const char *request)
{
	const char *rest;

	end_by(line);
	if ((rest = rest_of(line, "say")))
		say_unescaped(rest);
	else if (rest_of(line, "sound"))
		say_sound(request);
	else if (rest_of(line, "descriptors"))
		say_descriptors();
	else if (rest_of(line, "noise"))
		(void)!write(STDIN_FILENO, "i\0", 2);
	else if (rest_of(line, "hear"))
		hear();
	else if (rest_of(line, "deaf"))
		(void)shutdown(STDIN_FILENO, SHUT_RD);
	else if ((rest = rest_of(line, "written")) && !is_written(rest))
		_exit(73);
	else if ((rest = rest_of(line, "mark")))
		(void)mark(rest);
	else if ((rest = rest_of(line, "if")))
		return !has_all(request, rest);
	else if ((rest = rest_of(line, "once")))
		return !mark(rest);
	return false;
}

static void play(const char *part, const char *request)
{
	autodone(buffer) struct buffer text = { 0 };
	char path[256];
	struct error error;
	bool skip = false;
	char *rest, *line;

	(void)snprintf(path, sizeof(path), "%s.%s", self, part);
	if (!file_read(AT_FDCWD, path, 1 << 20, &text, &error) || text.length == 0)
		return;
	for (line = strtok_r(text.bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		skip = !skip && take_line(line, request);
}

int main(int count, char **arguments)
{
	(void)count;
	self = arguments[0];
	/* A test that fails leaves nobody behind. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	play("start", "");
	for (;;) {
		autodone(message) struct message request = { 0 };
		char word[16] = "", kind[16] = "";
		struct error error;

		if (message_receive(STDIN_FILENO, &request, &error) != MESSAGE_GOT)
			return 0;
		(void)sscanf(request.text, "%15s %15s", word, kind);
		play(strcmp(word, "work") == 0 ? kind : word, request.text);
	}
}
